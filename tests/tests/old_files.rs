//! Files that earlier versions of the app wrote, opened by today's: `old_files/` has one of every schema, with records.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use onecity_store::{
    Catalogue, CatalogueKey, Delivery, Installed, Next, Owner, Record, Slot, StoreError, Submission, SubmissionState,
    Unsealed, Vault,
};
use onecity_tests::old_files::{self, Shift};
use serde::{Deserialize, Serialize};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Note(String);

impl Record for Note {
    const KIND: &'static str = "note";
    const FORMAT: u8 = 1;
}

/// Copies of the old files of a kind, in the order of their schemas.
fn old_files(kind: &str, folder: &Path) -> Vec<PathBuf> {
    let kept = old_files::folder();
    let numbered = (1..).map(|number| kept.join(format!("{kind}_{number}.sqlite")));
    let copy = |file: PathBuf| {
        let copy = folder.join(file.file_name().expect("a file"));
        std::fs::copy(&file, &copy).expect("a copy");
        copy
    };
    numbered.take_while(|file| file.exists()).map(copy).collect()
}

/// The key of the catalogues here.
fn key() -> CatalogueKey {
    CatalogueKey::new(&[7; 32])
}

fn submission(vault: &Vault, owner: &Owner, number: u32) -> Option<Submission> {
    vault.submission(owner, &format!("{number:032}")).expect("readable")
}

/// Writes files of the newest schema, for versions to come: `ONECITY_WRITE_OLD_FILES=1`, once, before it is released. A
/// file that is there is never written again.
#[test]
fn files_of_the_newest_schema_can_be_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let kept = old_files::folder();
    let wanted = std::env::var_os("ONECITY_WRITE_OLD_FILES").is_some();
    let at = |name: &str| if wanted && !kept.join(name).exists() { kept.join(name) } else { folder.path().join(name) };
    let path = at("vault_2.sqlite");
    let vault = Vault::open(&path, Arc::new(Shift::default())).expect("opened");
    if vault.accounts().expect("listed").is_empty() {
        vault.put(&Owner::Phone, "a", &Note("of the phone".to_owned())).expect("kept");
        let account = vault.account_of("https://id.example", "somebody").expect("named");
        vault.add_account(&account).expect("room");
        let owner = Owner::Account(account);
        vault.put(&owner, "a", &Note("of an account".to_owned())).expect("kept");
        for number in [1, 2] {
            let submission = Submission {
                id: format!("{number:032}"),
                service: "cn-sd/jinan/report".parse().expect("a service"),
                title: "A lamp is out".to_owned(),
                url: "https://jinan.example/reports".to_owned(),
                body: serde_json::json!({ "text": "The lamp at the gate is out" }),
                created: 100,
                attachments: Vec::new(),
                timeline: Vec::new(),
                fields: None,
                state: SubmissionState::Waiting { attempts: 2, pending: None },
            };
            vault.enqueue(&owner, &submission).expect("kept");
            if number == 2 {
                let refused = Delivery::Refused { reason: "no".to_owned(), conflict: false };
                vault.record_delivery(&owner, submission, refused, 9).expect("written");
            }
        }
    }
    vault.close().expect("closed");
    let mut catalogue = Catalogue::open(&at("catalogue_5.sqlite"), &key(), Unsealed::Refuse).expect("opened");
    let sha256 = ring::digest::digest(&ring::digest::SHA256, b"a package").as_ref().try_into().expect("32 bytes");
    let service = "cn-sd/jinan/report".parse().expect("a service");
    let installed = Installed { service, version_code: 7, sha256 };
    catalogue.install(&installed, Slot::Current, b"a package", 1).expect("kept");
}

#[test]
fn a_vault_of_every_schema_opens_with_everything_that_was_trusted_to_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let files = old_files("vault", folder.path());
    assert_eq!(files.len(), 2, "a file of every schema is kept: tests/old_files");
    for file in files {
        let vault = Vault::open(&file, Arc::new(Shift::default()))
            .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        assert!(!vault.is_rolled_back(), "{}: it is the newest there is", file.display());
        let account = vault.account_of("https://id.example", "somebody").expect("named as before");
        assert_eq!(vault.accounts().expect("listed"), std::slice::from_ref(&account));
        let owner = Owner::Account(account);
        let read = |owner| vault.get::<Note>(owner, "a").expect("readable").map(|note| note.0);
        assert_eq!(read(&Owner::Phone).as_deref(), Some("of the phone"));
        assert_eq!(read(&owner).as_deref(), Some("of an account"));
        vault.put(&owner, "a", &Note("of today".to_owned())).expect("written");
        assert_eq!(read(&owner).as_deref(), Some("of today"));
        let waiting = submission(&vault, &owner, 1).expect("kept");
        assert!(matches!(waiting.state, SubmissionState::Waiting { attempts: 2, .. }), "{:?}", waiting.state);
        let refused = submission(&vault, &owner, 2).expect("kept");
        assert!(matches!(refused.state, SubmissionState::Refused { at: 9, .. }), "{:?}", refused.state);
        let lanes = vault.lanes(&owner).expect("listed");
        assert!(matches!(vault.next(&lanes[0], 200), Ok(Next::Due(due)) if due.submission == waiting));
    }
}

#[test]
fn a_catalogue_of_every_schema_opens_with_what_was_installed() {
    let folder = tempfile::tempdir().expect("a folder");
    let files = old_files("catalogue", folder.path());
    assert_eq!(files.len(), 5, "a file of every schema is kept: tests/old_files");
    for (file, schema) in files.into_iter().zip(1..) {
        // Rows have seals since the fourth.
        let unsealed = if schema < 4 { Unsealed::Adopt } else { Unsealed::Refuse };
        let catalogue = Catalogue::open(&file, &key(), unsealed).expect("it opens");
        let service = "cn-sd/jinan/report".parse().expect("a service");
        let installed = catalogue.installed(&service, Slot::Current).expect("readable").expect("kept");
        assert_eq!(installed.version_code, 7);
        assert_eq!(catalogue.blob(&installed.sha256).expect("readable").as_deref(), Some(&b"a package"[..]));
    }
}

#[test]
fn a_file_whose_schema_was_altered_is_not_trusted_and_a_private_one_stays_where_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let altered = old_files("vault", folder.path()).pop().expect("the newest");
    let mut bytes = std::fs::read(&altered).expect("readable");
    // Within the stored text of the schema: the same length, another meaning.
    let text = b"owner TEXT NOT NULL";
    let at = bytes.windows(text.len()).position(|window| window == text).expect("the schema's text");
    bytes[at + 6..at + 10].copy_from_slice(b"BLOB");
    std::fs::write(&altered, &bytes).expect("altered");
    assert!(matches!(Vault::open(&altered, Arc::new(Shift::default())), Err(StoreError::FileDamaged { .. })));
    assert_eq!(std::fs::read(&altered).expect("still there").len(), bytes.len());
}
