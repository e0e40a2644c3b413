-- One wrapped 32-byte key for each owner: the phone itself, and each account.
CREATE TABLE owner_key (
    owner   TEXT PRIMARY KEY,
    wrapped BLOB NOT NULL
) STRICT;
-- Everything private. key is an HMAC of the record's name, value is sealed under a versioned header.
CREATE TABLE sealed (
    owner TEXT NOT NULL REFERENCES owner_key (owner) ON DELETE CASCADE,
    kind  TEXT NOT NULL,
    key   BLOB NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (owner, kind, key)
) STRICT, WITHOUT ROWID;
-- Submissions on their way to a city. Order, state and time are needed to find the due ones; the rest is sealed.
CREATE TABLE outbox (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    owner    TEXT NOT NULL REFERENCES owner_key (owner) ON DELETE CASCADE,
    key      BLOB NOT NULL UNIQUE,
    waiting  INTEGER NOT NULL,        -- 1 until the city has answered for good
    due      INTEGER NOT NULL,        -- when to try next, in seconds
    value    BLOB NOT NULL
) STRICT;
CREATE INDEX outbox_due ON outbox (waiting, due);
