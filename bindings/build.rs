//! How the shared library is linked.

use std::env;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let set = |name: &str| env::var(name).unwrap_or_default();
    // Only in what ships inside an app (the profile `mobile`): a tester's machine may be older.
    if set("OPT_LEVEL") != "z" {
        return;
    }
    // A tenth of the library would be entries that only say «add where the library was loaded». Both forms pack them:
    // Android's from Android 6 on, the ELF standard's (RELR) with glibc 2.36 or newer.
    let packed = match (&*set("CARGO_CFG_TARGET_OS"), &*set("CARGO_CFG_TARGET_ENV")) {
        ("android", _) => "-Wl,--pack-dyn-relocs=android",
        ("linux", "gnu") => "-Wl,-z,pack-relative-relocs",
        _ => return,
    };
    println!("cargo:rustc-cdylib-link-arg={packed}");
}
