-- What the registry says, as the phone has verified it. All of it can be fetched again.
CREATE TABLE repository (
    id         TEXT PRIMARY KEY,      -- the region that the repository belongs to: cn, cn-sd
    url        TEXT NOT NULL,
    first_root BLOB NOT NULL,
    checked    INTEGER NOT NULL DEFAULT 0, -- when its timestamp was last verified, in seconds
    expires    INTEGER NOT NULL DEFAULT 0  -- from when on nothing new may be installed from it
) STRICT;
CREATE TABLE metadata (
    repository TEXT NOT NULL REFERENCES repository (id) ON DELETE CASCADE,
    role       TEXT NOT NULL,
    version    INTEGER NOT NULL,
    bytes      BLOB NOT NULL,
    PRIMARY KEY (repository, role)
) STRICT, WITHOUT ROWID;
CREATE TABLE region (
    id         TEXT PRIMARY KEY,
    parent     TEXT,
    repository TEXT NOT NULL,
    body       TEXT NOT NULL          -- protocol::region::Region as JSON
) STRICT, WITHOUT ROWID;
CREATE INDEX region_parent ON region (parent);
CREATE TABLE circle (
    id         TEXT PRIMARY KEY,
    repository TEXT NOT NULL,
    body       TEXT NOT NULL          -- protocol::region::Circle as JSON
) STRICT, WITHOUT ROWID;
CREATE TABLE release (
    unit         TEXT NOT NULL,
    app_id       TEXT NOT NULL,
    version_code INTEGER NOT NULL,
    repository   TEXT NOT NULL,
    path         TEXT NOT NULL,
    sha256       BLOB NOT NULL,
    length       INTEGER NOT NULL,
    card         TEXT NOT NULL,       -- protocol::trust::Card as JSON
    PRIMARY KEY (unit, app_id, version_code)
) STRICT, WITHOUT ROWID;
-- Files of the registry (trust lists, providers), by the path that was signed.
CREATE TABLE file (
    repository TEXT NOT NULL,
    path       TEXT NOT NULL,
    sha256     BLOB NOT NULL,
    PRIMARY KEY (repository, path)
) STRICT, WITHOUT ROWID;
CREATE TABLE installed (
    unit         TEXT NOT NULL,
    app_id       TEXT NOT NULL,
    version_code INTEGER NOT NULL,
    sha256       BLOB NOT NULL,
    PRIMARY KEY (unit, app_id)
) STRICT, WITHOUT ROWID;
-- Content-addressed bytes: packages and files. Read only after their hash has been checked.
CREATE TABLE blob (
    sha256 BLOB PRIMARY KEY,
    bytes  BLOB NOT NULL
) STRICT;
