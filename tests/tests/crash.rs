//! A phone's store that is ended at any moment (`kill -9`), or has no room left: what it promised holds.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use onecity_store::{Catalogue, Owner, Slot, SubmissionState, Vault};
use onecity_tests::crash::{Note, Secrets, attachment, installed, report};

/// How often each kind of work is ended; five kinds make five hundred points.
const POINTS: u32 = 100;

/// Numbers without order, the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// Lets the program work, ends it after so many promises and a moment more, and returns them.
fn ended(work: &str, folder: &Path, dice: &mut Dice) -> Vec<String> {
    let mut child = Command::new(env!("CARGO_BIN_EXE_crash"))
        .args([work, folder.to_str().expect("a path")])
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let promises = dice.below(12);
    let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    let mut told: Vec<String> = (0..promises).filter_map(|_| lines.next()?.ok()).collect();
    // Not a wait for anything: the moment itself is what is tried.
    std::thread::sleep(Duration::from_micros(dice.below(3_000)));
    child.kill().expect("ended");
    child.wait().expect("gone");
    // What it said before it was ended was promised, too; half a line was not.
    told.extend(lines.map_while(Result::ok).filter(|line| line.split(' ').count() == 2));
    assert!(!told.iter().any(|line| line.starts_with("failed")), "{told:?}");
    told
}

fn open(folder: &Path) -> Vault {
    let vault = Vault::open(&folder.join("vault.sqlite"), Arc::new(Secrets::in_folder(folder))).expect("it opens");
    assert!(!vault.is_rolled_back(), "a crash is no older copy");
    Vault::check(&folder.join("vault.sqlite")).expect("whole");
    vault
}

/// The numbers that were promised with a word. The last may be cut short, and is then smaller than it was meant.
fn promised(told: &[String], word: &str) -> Vec<u32> {
    told.iter().filter_map(|line| line.strip_prefix(word)?.trim().parse().ok()).collect()
}

fn catalogue(folder: &Path, vault: &Vault) -> Catalogue {
    let key = vault.catalogue_key().expect("derived");
    Catalogue::open(&folder.join("catalogue.sqlite"), &key, vault.unsealed_rows()).expect("it opens")
}

#[test]
fn what_was_handed_in_is_there_whole_and_once_whenever_the_app_is_ended() {
    let mut dice = Dice(1);
    for point in 0..POINTS {
        let folder = tempfile::tempdir().expect("a folder");
        let told = ended("outbox", folder.path(), &mut dice);
        let vault = open(folder.path());
        let all = vault.submissions(&Owner::Phone).expect("readable").records;
        for number in promised(&told, "kept") {
            let found: Vec<_> = all.iter().filter(|own| own.id == report(number).id).collect();
            assert_eq!(found.len(), 1, "point {point}: {number} of {told:?}");
        }
        for number in promised(&told, "delivered") {
            let own = all.iter().find(|own| own.id == report(number).id).expect("there");
            assert!(matches!(own.state, SubmissionState::Delivered { .. }), "point {point}: {number}");
        }
        for own in all.iter().filter(|own| matches!(own.state, SubmissionState::Waiting { .. })) {
            let number = own.body["lamp"].as_u64().and_then(|lamp| u32::try_from(lamp).ok()).expect("a number");
            assert_eq!(own.body, report(number).body);
            for id in &own.attachments {
                let part = vault.attachment_part(&Owner::Phone, id, 0).expect("readable").expect("with its photo");
                assert_eq!(part, attachment(number).1);
            }
        }
    }
}

#[test]
fn a_renewed_session_and_a_replaced_pass_are_the_new_or_the_old_and_never_lost() {
    let mut dice = Dice(2);
    for point in 0..POINTS {
        let folder = tempfile::tempdir().expect("a folder");
        let told = ended("records", folder.path(), &mut dice);
        let vault = open(folder.path());
        let Some(account) = vault.accounts().expect("listed").pop() else {
            assert!(told.is_empty());
            continue;
        };
        let owner = Owner::Account(account);
        let session = vault.get::<Note>(&owner, "session").expect("readable");
        let session: u32 = session.map_or(0, |own| own.0.parse().expect("a number"));
        let last = promised(&told, "session").into_iter().max().unwrap_or(0);
        assert!(session == last || session == last + 1, "point {point}: {session} after {last}");
        let notes = vault.list::<Note>(&owner).expect("readable").records;
        let passes: Vec<_> = notes.iter().filter(|own| own.0.starts_with("pass")).collect();
        let begun = !told.is_empty();
        assert!(passes.len() == 1 || (!begun && passes.is_empty()), "point {point}: {passes:?}");
    }
}

#[test]
fn an_installed_version_is_whole_whenever_the_app_is_ended() {
    let mut dice = Dice(3);
    for point in 0..POINTS {
        let folder = tempfile::tempdir().expect("a folder");
        let told = ended("installs", folder.path(), &mut dice);
        let catalogue = catalogue(folder.path(), &open(folder.path()));
        catalogue.check().expect("whole");
        let opened = promised(&told, "opened").into_iter().max().unwrap_or(0);
        let current = catalogue.installed(&installed(1).service, Slot::Current).expect("readable");
        let code = current.as_ref().map_or(0, |current| current.version_code);
        assert!(code >= u64::from(opened), "point {point}: {code} after {opened}");
        for slot in [Slot::Current, Slot::Next, Slot::LastGood] {
            if let Some(version) = catalogue.installed(&installed(1).service, slot).expect("readable") {
                assert!(catalogue.blob(&version.sha256).expect("readable").is_some(), "point {point}: {slot:?}");
            }
        }
    }
}

/// Files of the first schema, to be migrated.
fn old_files(folder: &Path) {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("old_files");
    for (old, name) in [("vault_1.sqlite", "vault.sqlite"), ("catalogue_1.sqlite", "catalogue.sqlite")] {
        std::fs::copy(kept.join(old), folder.join(name)).expect("a copy");
    }
}

#[test]
fn a_migration_that_is_ended_midway_is_done_the_next_time_and_a_generation_never_runs_behind() {
    let mut dice = Dice(4);
    // Two kinds of points: within the first opening, which migrates, and within those that follow.
    for point in 0..POINTS * 2 {
        let folder = tempfile::tempdir().expect("a folder");
        old_files(folder.path());
        if point % 2 == 0 {
            let path = folder.path().to_owned();
            let mut child = Command::new(env!("CARGO_BIN_EXE_crash"))
                .args(["openings", path.to_str().expect("a path")])
                .stdout(Stdio::null())
                .spawn()
                .expect("it starts");
            // As above: somewhere within starting, migrating and the first openings.
            std::thread::sleep(Duration::from_micros(dice.below(25_000)));
            child.kill().expect("ended");
            child.wait().expect("gone");
        } else {
            ended("openings", folder.path(), &mut dice);
        }
        let vault = open(folder.path());
        let account = vault.accounts().expect("listed").pop().expect("there");
        let owner = Owner::Account(account);
        assert_eq!(vault.get::<Note>(&owner, "a").expect("readable"), Some(Note("of an account".to_owned())));
        assert_eq!(vault.submissions(&owner).expect("readable").records.len(), 2, "point {point}");
        let catalogue = catalogue(folder.path(), &vault);
        let service = "cn-sd/jinan/report".parse().expect("a service");
        let version = catalogue.installed(&service, Slot::Current).expect("readable").expect("kept");
        assert!(catalogue.blob(&version.sha256).expect("readable").is_some());
    }
}

/// A file system of four megabytes, of the program's own: it needs user namespaces, or root.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_named_and_takes_nothing_along() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = format!(
        "mount -t tmpfs -o size=4m tmpfs '{0}' && exec '{1}' full '{0}'",
        folder.path().display(),
        env!("CARGO_BIN_EXE_crash")
    );
    let output = Command::new("unshare").args(["-rm", "sh", "-c", &script]).output().expect("unshare (util-linux)");
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    let held = said.lines().find_map(|line| line.strip_prefix("held "));
    let counts = held.unwrap_or_else(|| panic!("{said} {errors}"));
    let (refused, taken) = counts.split_once(' ').expect("two numbers");
    let number = |text: &str| text.parse::<u32>().expect("a number");
    assert!(number(refused) > 50 && number(taken) > 3, "refused {refused} times, taken {taken} times");
}
