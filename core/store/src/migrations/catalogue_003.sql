-- When a version was last opened or fetched, in seconds: the least recently used give way when the budget is spent.
ALTER TABLE version ADD COLUMN used INTEGER NOT NULL DEFAULT 0;
-- Regions whose services give way last: home, and where the resident is about to travel.
CREATE TABLE pin (
    region TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;
