//! The commands, one file each. A command answers whether all that it looked at is well.

pub(crate) mod check;
pub(crate) mod gate;
pub(crate) mod import;
pub(crate) mod inspect;
pub(crate) mod key;
pub(crate) mod log;
pub(crate) mod new;
pub(crate) mod pack;
pub(crate) mod publish;
mod registry;
pub(crate) mod rehearse;
pub(crate) mod repo;
pub(crate) mod rollout;
mod shown;
pub(crate) mod takedown;
mod terminal;

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use onecity_protocol::credential::{TrustList, TrustListError, UnixTime};
use onecity_publisher::{ImportError, IngestError, KeyError, PackError, PublishError, WebError};

/// Why a command could not do its work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    #[error("{}: {why}", path.display())]
    File { path: PathBuf, why: String },
    #[error("the standard input: {0}")]
    Input(std::io::Error),
    #[error("{0}")]
    Usage(String),
    #[error(transparent)]
    Publish(#[from] PublishError),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Pack(#[from] PackError),
    #[error(transparent)]
    Web(#[from] WebError),
    #[error(transparent)]
    Import(#[from] ImportError),
    #[error(transparent)]
    Ingest(#[from] IngestError),
}

/// Writes a new folder of files; one that is there already and not empty is left alone.
fn write_files(folder: &Path, files: &BTreeMap<String, Vec<u8>>) -> Result<(), CommandError> {
    if std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(CommandError::Usage(format!("{} is there already and not empty", folder.display())));
    }
    for (path, bytes) in files {
        let file = folder.join(path);
        let made = file.parent().map_or(Ok(()), std::fs::create_dir_all);
        made.and_then(|()| std::fs::write(&file, bytes)).map_err(|error| file_error(&file)(error.to_string()))?;
    }
    Ok(())
}

fn file_error(path: &Path) -> impl Fn(String) -> CommandError {
    let path = path.to_owned();
    move |why| CommandError::File { path: path.clone(), why }
}

/// Largest file that is read, in bytes.
const MAX_FILE: u64 = 64 << 20;

fn read_file(path: &Path) -> Result<Vec<u8>, CommandError> {
    let error = file_error(path);
    // Opening a pipe that nobody writes to would wait for ever. What a shell hands over, like <(…), has its writer.
    let handed_over = path.starts_with("/dev") || path.starts_with("/proc");
    if !handed_over && !std::fs::metadata(path).map_err(|e| error(e.to_string()))?.is_file() {
        return Err(error("no plain file".to_owned()));
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(|e| error(e.to_string()))?;
    file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(|e| error(e.to_string()))?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(error(format!("larger than {MAX_FILE} bytes")));
    }
    Ok(bytes)
}

/// A file's bytes, or what they stand for if they are hexadecimal.
fn unhexed(bytes: Vec<u8>) -> Vec<u8> {
    let text = std::str::from_utf8(&bytes).ok().and_then(|text| hex::decode(text.trim()).ok());
    text.filter(|read| !read.is_empty()).unwrap_or(bytes)
}

fn read_trust_list(path: &Path) -> Result<TrustList, CommandError> {
    TrustList::parse(&read_file(path)?).map_err(|e: TrustListError| file_error(path)(e.to_string()))
}

fn wall_clock() -> UnixTime {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// A second as people write it.
fn written(time: UnixTime) -> String {
    let format = |time: jiff::Timestamp| time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
    jiff::Timestamp::from_second(time).map_or_else(|_| "beyond the calendar".to_owned(), format)
}
