-- How many values may have been sealed under a key so far, counted ahead in blocks: each 2^31 begin a new sealing key.
ALTER TABLE owner_key ADD COLUMN seals INTEGER NOT NULL DEFAULT 0;
-- Raised whenever the file is opened or closed, and mirrored in the key store: an older copy put back shows.
CREATE TABLE generation (number INTEGER NOT NULL) STRICT;
INSERT INTO generation VALUES (0);
-- Which mini-service a record belongs to, as an HMAC; null for what belongs to none. And when it was last used, in
-- seconds, for those kinds that give way to newer ones.
ALTER TABLE sealed ADD COLUMN scope BLOB;
ALTER TABLE sealed ADD COLUMN used INTEGER NOT NULL DEFAULT 0;
CREATE INDEX sealed_scope ON sealed (owner, scope, kind) WHERE scope IS NOT NULL;
-- The order of submissions is kept within a scope. doubtful is 1 if the city may have the submission already, because
-- an older copy of this file was put back; 2 while a try is under way.
ALTER TABLE outbox ADD COLUMN scope BLOB;
ALTER TABLE outbox ADD COLUMN doubtful INTEGER NOT NULL DEFAULT 0;
DROP INDEX outbox_due;
CREATE INDEX outbox_order ON outbox (owner, waiting);          -- and by position, as every index of it
CREATE INDEX outbox_scope ON outbox (owner, scope, waiting);
-- What goes with a submission: photos, in parts that are sealed one by one, so that 20 MB never stand in memory.
CREATE TABLE attachment (
    id         INTEGER PRIMARY KEY,
    owner      TEXT NOT NULL REFERENCES owner_key (owner) ON DELETE CASCADE,
    scope      BLOB NOT NULL,
    key        BLOB NOT NULL UNIQUE,      -- an HMAC of its name
    submission BLOB,                      -- the outbox key that it goes with; null while it was only picked
    created    INTEGER NOT NULL,          -- in seconds
    size       INTEGER NOT NULL,
    head       BLOB NOT NULL              -- sealed: media type, file name, how far it was sent
) STRICT;
CREATE INDEX attachment_submission ON attachment (submission) WHERE submission IS NOT NULL;
CREATE TABLE attachment_part (
    attachment INTEGER NOT NULL REFERENCES attachment (id) ON DELETE CASCADE,
    part       INTEGER NOT NULL,
    value      BLOB NOT NULL,
    PRIMARY KEY (attachment, part)
) STRICT, WITHOUT ROWID;
