//! Makes CQ1's test vectors anew: `cargo run -p onecity-tests --bin vectors`.

#![expect(clippy::print_stdout, reason = "a command speaks on its standard output")]

use std::path::Path;

fn main() -> std::io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/cq1");
    std::fs::create_dir_all(&folder)?;
    for (name, text) in onecity_tests::vectors::files() {
        std::fs::write(folder.join(&name), &text)?;
        println!("{name}: {} bytes", text.len());
    }
    Ok(())
}
