-- Somebody who can write to this file must not be able to make the phone act on it: each row that the phone acts on
-- carries an HMAC under a key that only the vault has (catalogue/seal.rs). The app fills it in.
ALTER TABLE repository ADD COLUMN seal BLOB;
ALTER TABLE metadata ADD COLUMN seal BLOB;
ALTER TABLE region ADD COLUMN seal BLOB;
ALTER TABLE circle ADD COLUMN seal BLOB;
ALTER TABLE release ADD COLUMN seal BLOB;
ALTER TABLE file ADD COLUMN seal BLOB;
ALTER TABLE unit ADD COLUMN seal BLOB;
ALTER TABLE scope ADD COLUMN seal BLOB;
ALTER TABLE version ADD COLUMN seal BLOB;
ALTER TABLE failed ADD COLUMN seal BLOB;
