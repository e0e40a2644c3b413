//! What fuzzing has kept and what it begins with, thrown at the parsers again.

use onecity_tests::parsers::{PARSERS, kept, write_seeds};

#[test]
fn what_fuzzing_kept_and_what_it_began_with_breaks_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    write_seeds(folder.path()).expect("written");
    for (name, parser) in PARSERS {
        assert!(!kept(name).expect("kept with the sources").is_empty(), "{name}");
        for file in std::fs::read_dir(folder.path().join(name)).expect("a folder") {
            parser(&std::fs::read(file.expect("an entry").path()).expect("a file"));
        }
    }
}
