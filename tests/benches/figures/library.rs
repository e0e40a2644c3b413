//! The library that ships inside an app: how large it is, and what that costs a gate. Both are built here first.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::{Figure, against, median, stated};

/// The folder that this very program was built into, above the profile's.
fn target() -> PathBuf {
    let own = std::env::current_exe().expect("a program has a file");
    own.ancestors().nth(3).expect("target/PROFILE/deps/figures").to_owned()
}

fn build(arguments: &[&str]) {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--locked"]).args(arguments).arg("--target-dir").arg(target());
    let built = cargo.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("..")).status().expect("cargo runs");
    assert!(built.success(), "cargo build {arguments:?}");
}

/// The shared library as an app ships it: the mobile profile's, stripped.
pub(crate) fn library_bytes() -> Figure {
    build(&["--profile", "mobile", "-p", "onecity-bindings"]);
    let name = format!("{}onecity_bindings{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let library = target().join("mobile").join(name);
    let bytes = library.metadata().expect("it was built").len();
    stated("library_bytes", bytes as f64, "bytes", Some(8_000_000.0))
}

/// A gate's check as the mobile profile compiles it beside the release profile's: two processes, turn by turn.
pub(crate) fn library_gate_check() -> Figure {
    build(&["--release", "--workspace", "--example", "gate_check"]);
    build(&["--profile", "mobile", "-p", "onecity-protocol", "--example", "gate_check"]);
    let check = |profile: &str| {
        let program = target().join(profile).join("examples/gate_check");
        let output = Command::new(program).output().expect("it was built");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let nanoseconds = String::from_utf8(output.stdout).expect("a number");
        Duration::from_nanos(nanoseconds.trim().parse().expect("a number"))
    };
    let (mut small, mut fast) = (Vec::new(), Vec::new());
    for _ in 0..9 {
        small.push(check("mobile"));
        fast.push(check("release"));
    }
    against(
        "library_gate_check",
        "the same check as the release profile compiles it",
        1.1,
        (median(small), median(fast)),
    )
}
