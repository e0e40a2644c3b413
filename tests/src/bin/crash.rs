//! A phone's store at work, to be ended at any moment: `crash WORK FOLDER`. Each line on standard output is a promise
//! that holds from then on; `tests/crash.rs` ends the program and looks whether it does.

#![expect(clippy::print_stdout, reason = "its promises go to standard output")]

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use onecity_store::{Catalogue, Delivery, FolderLock, Owner, Slot, StoreError, Vault};
use onecity_tests::crash::{Note, Secrets, attachment, installed, package, report};
use serde_json::Value;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, work, folder] = arguments.as_slice() else { return ExitCode::from(2) };
    let folder = Path::new(folder);
    let outcome = match work.as_str() {
        "outbox" => outbox(folder),
        "records" => records(folder),
        "installs" => installs(folder),
        "openings" => openings(folder),
        "full" => full(folder),
        _ => return ExitCode::from(2),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("failed {error}");
            ExitCode::FAILURE
        }
    }
}

fn vault(folder: &Path) -> Result<Vault, StoreError> {
    Vault::open(&folder.join("vault.sqlite"), Arc::new(Secrets::in_folder(folder)))
}

/// The public file, whose key is in the private one.
fn catalogue(folder: &Path, vault: &Vault) -> Result<Catalogue, StoreError> {
    let path = folder.join("catalogue.sqlite");
    let catalogue = Catalogue::open(&path, &vault.catalogue_key()?, vault.unsealed_rows())?;
    vault.rows_are_sealed()?;
    Ok(catalogue)
}

/// Hands in, some with a photo, and delivers.
fn outbox(folder: &Path) -> Result<(), StoreError> {
    let _lock = FolderLock::take(folder)?;
    let vault = vault(folder)?;
    for number in 0_u32.. {
        let mut submission = report(number);
        if number.is_multiple_of(3) {
            let (photo, bytes) = attachment(number);
            vault.keep_attachment(&Owner::Phone, &submission.service, &photo, &bytes, 100)?;
            submission.attachments.push(photo.id);
        }
        vault.enqueue(&Owner::Phone, &submission)?;
        println!("kept {number}");
        if number % 2 == 1 {
            let delivery = Delivery::Accepted { receipt: Value::from(number) };
            vault.record_delivery(&Owner::Phone, submission, delivery, 200)?;
            println!("delivered {number}");
        }
    }
    Ok(())
}

/// Renews a session and replaces a pass, each at once or not at all.
fn records(folder: &Path) -> Result<(), StoreError> {
    let _lock = FolderLock::take(folder)?;
    let vault = vault(folder)?;
    let account = vault.account_of("https://id.example", "somebody")?;
    vault.add_account(&account)?;
    let owner = Owner::Account(account);
    vault.put(&owner, "pass-0", &Note("pass 0".to_owned()))?;
    for number in 1_u32.. {
        vault.put(&owner, "session", &Note(number.to_string()))?;
        println!("session {number}");
        vault.atomically(|vault| {
            vault.put(&owner, &format!("pass-{number}"), &Note(format!("pass {number}")))?;
            vault.delete::<Note>(&owner, &format!("pass-{}", number - 1))
        })?;
        println!("pass {number}");
    }
    Ok(())
}

/// Installs one version after another.
fn installs(folder: &Path) -> Result<(), StoreError> {
    let mut catalogue = catalogue(folder, &vault(folder)?)?;
    for number in 1_u32.. {
        let (version, bytes) = (installed(number), package(number));
        let slot = if number == 1 { Slot::Current } else { Slot::Next };
        catalogue.install(&version, slot, &bytes, 1)?;
        println!("installed {number}");
        let opened = catalogue.begin_opening(&version.service, &[number.into()], 2)?;
        println!("opened {}", opened.map_or(0, |opened| opened.version_code));
        catalogue.came_to_work(&version)?;
    }
    Ok(())
}

/// Opens files of the first schema, and closes them: each opening migrates, or raises the generation.
fn openings(folder: &Path) -> Result<(), StoreError> {
    for number in 0_u32.. {
        let vault = vault(folder)?;
        drop(catalogue(folder, &vault)?);
        vault.close()?;
        println!("opened {number}");
    }
    Ok(())
}

/// Works in a folder that has room for so many pages, for ever more of them: whatever fails says that the disk is full,
/// and takes nothing along that was kept.
fn full(folder: &Path) -> Result<(), StoreError> {
    let filler = folder.join("filler");
    let mut number = 0_u32;
    let mut kept: Vec<u32> = Vec::new();
    let mut installed_last = 0;
    let (mut refused, mut taken) = (0, 0);
    // The files are there, with room for their journals.
    let opened = vault(folder)?;
    drop(catalogue(folder, &opened)?);
    opened.close()?;
    for pages in (0..160_usize).chain((160..480).step_by(16)) {
        fill(&filler, pages)?;
        let tried = (|| {
            let vault = vault(folder)?;
            for _ in 0..3 {
                number += 1;
                let mut submission = report(number);
                let (photo, bytes) = attachment(number);
                vault.keep_attachment(&Owner::Phone, &submission.service, &photo, &bytes, 100)?;
                submission.attachments.push(photo.id);
                vault.enqueue(&Owner::Phone, &submission)?;
                kept.push(number);
            }
            let mut catalogue = catalogue(folder, &vault)?;
            catalogue.install(&installed(number), Slot::Current, &package(number), 1)?;
            installed_last = number;
            Ok(())
        })();
        match tried {
            Ok(()) => taken += 1,
            Err(StoreError::Full) => refused += 1,
            // Even the file's lock needs a page.
            Err(StoreError::Folder(error)) if error.kind() == std::io::ErrorKind::StorageFull => refused += 1,
            Err(error) => return Err(error),
        }
        std::fs::remove_file(&filler)?;
        let vault = vault(folder)?;
        Vault::check(&folder.join("vault.sqlite"))?;
        let all = vault.submissions(&Owner::Phone)?.records;
        for own in &kept {
            let submission = all.iter().find(|submission| submission.id == report(*own).id);
            let (photo, bytes) = attachment(*own);
            let whole =
                vault.attachment_part(&Owner::Phone, &photo.id, 0)?.is_some_and(|part| bytes.starts_with(&part));
            if submission.is_none() || !whole {
                println!("failed {own} was lost with room for {pages} pages");
                return Ok(());
            }
        }
        for own in kept.drain(..) {
            vault.remove_submission(&Owner::Phone, &report(own).id)?;
        }
        for own in all {
            vault.remove_submission(&Owner::Phone, &own.id)?;
        }
        let catalogue = catalogue(folder, &vault)?;
        vault.close()?;
        catalogue.check()?;
        let current = catalogue.installed(&installed(1).service, Slot::Current)?;
        let current = current.map_or(0, |current| u32::try_from(current.version_code).unwrap_or_default());
        let whole = current == 0 || catalogue.blob(&installed(current).sha256)?.is_some();
        if current < installed_last || !whole {
            println!("failed version {installed_last} was lost with room for {pages} pages");
            return Ok(());
        }
    }
    println!("held {refused} {taken}");
    Ok(())
}

/// Fills the folder's file system but for so many pages.
fn fill(path: &Path, pages: usize) -> Result<(), StoreError> {
    use std::io::Write;
    let mut file = std::fs::File::create(path)?;
    let page = [0x5a; 4096];
    let mut written = 0;
    while file.write_all(&page).is_ok() {
        written += 1;
    }
    file.set_len(4096_u64 * u64::try_from(written - pages.min(written)).unwrap_or_default())?;
    Ok(())
}
