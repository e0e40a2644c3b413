//! The file itself: one table, written by one thread, which puts together what several answers wait for.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;

use rusqlite::{Connection, ErrorCode, OpenFlags, params};
use tokio::sync::watch;

use super::{Change, Changes, Rows};

/// SQLite's `application_id`: "OCst".
const APPLICATION: i64 = 0x4f43_7374;
/// The version of the table, as SQLite's `user_version`.
const VERSION: i64 = 2;
/// In which world's place the server's own entries are.
const SERVER: &str = "";

/// Why there is no state, or no more of it.
#[derive(Debug, Clone, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum StateError {
    #[error("the state in {path}: {why}", path = .0.display(), why = .1)]
    File(PathBuf, String),
    #[error("another server uses the state in {}", .0.display())]
    InUse(PathBuf),
    #[error("{} is no state of a server, but something else", .0.display())]
    Foreign(PathBuf),
    #[error("the state in {} was written by a newer version", .0.display())]
    Newer(PathBuf),
    #[error("the state in {} was written by an older version; begin with another file", .0.display())]
    Older(PathBuf),
    #[error("the state is damaged: {0} can't be read; begin with another file")]
    Damaged(String),
    #[error("the state is of a server at {is}, where its phones look for it; this one would be at {asked}")]
    Elsewhere { is: String, asked: String },
    #[error("the state can't be written: {0}")]
    Unwritten(Arc<str>),
}

/// What one settling has to write.
struct Job {
    number: u64,
    world: String,
    /// All that the file has of the world goes first.
    replaces: bool,
    changes: Vec<Change>,
}

/// How far the writer has come.
#[derive(Debug, Clone, Default)]
struct Written {
    /// All jobs up to this one are on the disk.
    up_to: u64,
    /// Those after it, up to this one, could not be written, and why.
    failed: Option<(u64, Arc<str>)>,
}

/// A state file that is open.
pub(crate) struct StateFile {
    /// None while it is closed.
    jobs: Mutex<Option<mpsc::Sender<Job>>>,
    given: AtomicU64,
    written: watch::Receiver<Written>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl StateFile {
    /// Opens a file, or begins one; answers with what it has of each world, by its name.
    pub(crate) fn open(path: &Path) -> Result<(Self, BTreeMap<String, Rows>), StateError> {
        let connection = connect(path)?;
        let worlds = load(&connection).map_err(|error| failed(path, &error))?;
        let (jobs, waiting) = mpsc::channel();
        let (tells, written) = watch::channel(Written::default());
        let writer = std::thread::Builder::new().name("state".to_owned());
        let writer = writer.spawn(move || write_all(connection, &waiting, &tells));
        let writer = writer.map_err(|error| StateError::File(path.to_owned(), error.to_string()))?;
        let (jobs, writer) = (Mutex::new(Some(jobs)), Mutex::new(Some(writer)));
        Ok((Self { jobs, given: AtomicU64::new(0), written, writer }, worlds))
    }

    /// Gives the writer what a world has changed; answers what to wait for. The caller sees to it that a world's changes come in
    /// their order.
    pub(crate) fn give(&self, world: &str, changes: Changes) -> u64 {
        // What could not be written is tried again, also by those who only look.
        match changes.is_empty() && self.written.borrow().failed.is_none() {
            true => self.given.load(Ordering::Acquire),
            false => self.send(world, false, changes.0),
        }
    }

    /// The same for the server's own entries.
    pub(crate) fn give_own(&self, changes: Changes) -> u64 {
        self.send(SERVER, false, changes.0)
    }

    /// Forgets a world.
    pub(crate) fn forget(&self, world: &str) -> u64 {
        self.send(world, true, Vec::new())
    }

    fn send(&self, world: &str, replaces: bool, changes: Vec<Change>) -> u64 {
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        let number = self.given.fetch_add(1, Ordering::AcqRel) + 1;
        if let Some(jobs) = &*jobs {
            let _ = jobs.send(Job { number, world: world.to_owned(), replaces, changes });
        }
        number
    }

    /// Waits until it is on the disk.
    pub(crate) async fn is_written(&self, number: u64) -> Result<(), StateError> {
        let mut written = self.written.clone();
        let seen = written
            .wait_for(|own| own.up_to >= number || own.failed.as_ref().is_some_and(|(failed, _)| *failed >= number));
        let gone = || StateError::Unwritten("the file is closed".into());
        let seen = seen.await.map_err(|_| gone())?.clone();
        match seen.failed {
            Some((_, why)) if seen.up_to < number => Err(StateError::Unwritten(why)),
            _ => Ok(()),
        }
    }

    /// Whether it can be written; one that could not be is tried again.
    pub(crate) async fn is_well(&self) -> Result<(), StateError> {
        if self.written.borrow().failed.is_none() {
            return Ok(());
        }
        self.is_written(self.send(SERVER, false, Vec::new())).await
    }
}

impl Drop for StateFile {
    /// Writes what is left, and lets go of the file.
    fn drop(&mut self) {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = writer.join();
        }
    }
}

fn failed(path: &Path, error: &rusqlite::Error) -> StateError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StateError::InUse(path.to_owned()),
        Some(ErrorCode::NotADatabase) => StateError::Foreign(path.to_owned()),
        _ => StateError::File(path.to_owned(), error.to_string()),
    }
}

/// Makes the file if there is none; only its owner reads it, since it has keys.
fn make(path: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    #[cfg(unix)]
    if file.metadata()?.len() == 0 {
        // Also one that somebody has made before, for this.
        let owner_alone = <std::fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o600);
        file.set_permissions(owner_alone)?;
    }
    drop(file);
    Ok(())
}

fn connect(path: &Path) -> Result<Connection, StateError> {
    make(path).map_err(|error| StateError::File(path.to_owned(), error.to_string()))?;
    let sql = |error: rusqlite::Error| failed(path, &error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut db = Connection::open_with_flags(path, flags).map_err(sql)?;
    // One server at a time.
    db.pragma_update(None, "locking_mode", "EXCLUSIVE").map_err(sql)?;
    let number = |db: &Connection, name| db.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).map_err(sql);
    let (application, version) = (number(&db, "application_id")?, number(&db, "user_version")?);
    let tables: i64 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(sql)?;
    if application != APPLICATION && (application != 0 || tables > 0) {
        return Err(StateError::Foreign(path.to_owned()));
    }
    if version > VERSION {
        return Err(StateError::Newer(path.to_owned()));
    }
    if version != 0 && version < VERSION {
        return Err(StateError::Older(path.to_owned()));
    }
    db.pragma_update(None, "journal_mode", "WAL").map_err(sql)?;
    // What was answered is on the disk (SQLite, «PRAGMA synchronous»).
    db.pragma_update(None, "synchronous", "FULL").map_err(sql)?;
    let begin = db.transaction_with_behavior(rusqlite::TransactionBehavior::Exclusive).map_err(sql)?;
    if version == 0 {
        begin
            .execute_batch(
                "CREATE TABLE IF NOT EXISTS entries (
                    world TEXT NOT NULL, part TEXT NOT NULL, key TEXT NOT NULL, piece INTEGER NOT NULL,
                    value BLOB NOT NULL, PRIMARY KEY (world, part, key, piece)
                ) STRICT",
            )
            .map_err(sql)?;
        begin.pragma_update(None, "application_id", APPLICATION).map_err(sql)?;
        begin.pragma_update(None, "user_version", VERSION).map_err(sql)?;
    }
    begin.commit().map_err(sql)?;
    Ok(db)
}

fn load(db: &Connection) -> rusqlite::Result<BTreeMap<String, Rows>> {
    let mut worlds: BTreeMap<String, Rows> = BTreeMap::new();
    let mut all = db.prepare("SELECT world, part, key, piece, value FROM entries ORDER BY world, part, key, piece")?;
    let mut rows = all.query([])?;
    while let Some(row) = rows.next()? {
        let (world, part, key): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let pieces = worlds.entry(world).or_default().0.entry(part).or_default().entry(key).or_default();
        pieces.push((row.get(3)?, row.get(4)?));
    }
    Ok(worlds)
}

impl Rows {
    /// The server's own entries.
    pub(crate) fn of_server(worlds: &mut BTreeMap<String, Self>) -> Self {
        worlds.remove(SERVER).unwrap_or_default()
    }
}

fn write_all(mut db: Connection, waiting: &mpsc::Receiver<Job>, tells: &watch::Sender<Written>) {
    let mut jobs: Vec<Job> = Vec::new();
    while let Ok(job) = waiting.recv() {
        jobs.push(job);
        jobs.extend(waiting.try_iter());
        let Some(last) = jobs.last().map(|job| job.number) else { continue };
        match write(&mut db, &jobs) {
            Ok(()) => {
                jobs.clear();
                tells.send_replace(Written { up_to: last, failed: None });
            }
            // They are tried again with the next.
            Err(error) => {
                tracing::error!(%error, "the state was not written");
                tells.send_modify(|own| own.failed = Some((last, error.to_string().into())));
            }
        }
    }
    if let Err((_, error)) = db.close() {
        tracing::warn!(%error, "the state was not closed");
    }
}

fn write(db: &mut Connection, jobs: &[Job]) -> rusqlite::Result<()> {
    let together = db.transaction()?;
    {
        let mut put = together.prepare_cached(
            "INSERT INTO entries (world, part, key, piece, value) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT DO UPDATE SET value = excluded.value",
        )?;
        let mut remove = together.prepare_cached("DELETE FROM entries WHERE world = ?1 AND part = ?2 AND key = ?3")?;
        let mut below = together
            .prepare_cached("DELETE FROM entries WHERE world = ?1 AND part = ?2 AND key = ?3 AND piece < ?4")?;
        for job in jobs {
            if job.replaces {
                together.execute("DELETE FROM entries WHERE world = ?1", [&job.world])?;
            }
            for change in &job.changes {
                match change {
                    Change::Put { part, key, piece, value } => {
                        put.execute(params![job.world, part, key, piece, value])?
                    }
                    Change::Remove { part, key } => remove.execute(params![job.world, part, key])?,
                    Change::RemoveBelow { part, key, piece } => below.execute(params![job.world, part, key, piece])?,
                };
            }
        }
    }
    together.commit()
}
