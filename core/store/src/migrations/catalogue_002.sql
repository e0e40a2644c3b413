-- Who publishes, as the registry's delegations name them; a department is found by the region it belongs to.
CREATE TABLE unit (
    number     INTEGER PRIMARY KEY,   -- its cards in the search index are numbered from number << 20 on
    id         TEXT NOT NULL UNIQUE,  -- cn-sd/jinan/~transport
    region     TEXT NOT NULL,         -- cn-sd/jinan
    repository TEXT NOT NULL,
    version    INTEGER NOT NULL DEFAULT 0, -- of the role's metadata that its releases are from
    expires    INTEGER NOT NULL DEFAULT 0, -- from when on nothing new is installed from it
    broken     TEXT                   -- why its news could not be read at the last sync
) STRICT;
CREATE INDEX unit_region ON unit (region);
-- Regions whose screens have been synced whole, with the snapshot that they were synced to.
CREATE TABLE scope (
    region   TEXT PRIMARY KEY,
    snapshot INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
-- The versions of a service that are on the phone: the one that opens, the one that opens next, and the last one that
-- has been seen to work.
CREATE TABLE version (
    unit         TEXT NOT NULL,
    app_id       TEXT NOT NULL,
    slot         TEXT NOT NULL CHECK (slot IN ('current', 'next', 'last_good')),
    version_code INTEGER NOT NULL,
    sha256       BLOB NOT NULL,
    tries        INTEGER NOT NULL DEFAULT 0, -- how often it was opened without coming to work
    PRIMARY KEY (unit, app_id, slot)
) STRICT, WITHOUT ROWID;
INSERT INTO version (unit, app_id, slot, version_code, sha256)
    SELECT unit, app_id, slot, version_code, sha256 FROM installed, (SELECT 'current' AS slot UNION SELECT 'last_good');
DROP TABLE installed;
-- Versions that never came to work, and are not tried again.
CREATE TABLE failed (
    unit         TEXT NOT NULL,
    app_id       TEXT NOT NULL,
    version_code INTEGER NOT NULL,
    PRIMARY KEY (unit, app_id, version_code)
) STRICT, WITHOUT ROWID;
-- What there is of a download that broke off.
CREATE TABLE partial (
    sha256 BLOB PRIMARY KEY,
    bytes  BLOB NOT NULL
) STRICT;
-- A card in the search index; the index itself holds no text.
CREATE TABLE searchable (
    id     INTEGER PRIMARY KEY,
    unit   TEXT NOT NULL,
    app_id TEXT NOT NULL,
    UNIQUE (unit, app_id)
) STRICT;
CREATE VIRTUAL TABLE search USING fts5 (
    names, others,
    content = '', contentless_delete = 1, detail = column,
    tokenize = "unicode61 remove_diacritics 0"
);
CREATE VIRTUAL TABLE search_term USING fts5vocab (search, 'row');
