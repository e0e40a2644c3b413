//! How the shared library is linked.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // A tenth of the library would be entries that only say «add where the library was loaded». Both forms pack them:
    // Android's from Android 6 on, the ELF standard's (RELR) with glibc 2.36 or newer.
    let packed = match std::env::var("CARGO_CFG_TARGET_OS").as_deref() {
        Ok("android") => "-Wl,--pack-dyn-relocs=android",
        Ok("linux") => "-Wl,-z,pack-relative-relocs",
        _ => return,
    };
    println!("cargo:rustc-cdylib-link-arg={packed}");
}
