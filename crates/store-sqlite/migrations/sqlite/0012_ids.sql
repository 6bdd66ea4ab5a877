-- A face's time of creation is part of its file id, and the highest ids are those of the rows. So no column repeats them, nothing
-- needs a moment to be unique, and no write updates a row that all others update. Foreign keys are off while this runs.
CREATE TABLE face_of_today (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    person_id   INTEGER NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    file_id     INTEGER NOT NULL UNIQUE,
    picture_key TEXT NOT NULL,                  -- SHA-256 of the picture, lower-case hex
    picture_md5 TEXT,                           -- MD5 of the picture, lower-case hex
    box_x       REAL NOT NULL,                  -- pixels
    box_y       REAL NOT NULL,
    box_w       REAL NOT NULL,
    box_h       REAL NOT NULL,
    confidence  REAL NOT NULL,
    quality     REAL,                           -- 0 to 1
    engine_ref  TEXT,
    pending     INTEGER NOT NULL DEFAULT 0
);
-- Ids of removed faces stay used.
INSERT INTO sqlite_sequence (name, seq) SELECT 'face_of_today', seq FROM sqlite_sequence WHERE name = 'face';
INSERT INTO face_of_today (
    id, person_id, file_id, picture_key, picture_md5, box_x, box_y, box_w, box_h, confidence, quality, engine_ref, pending)
SELECT id, person_id, file_id, picture_key, picture_md5, box_x, box_y, box_w, box_h, confidence, quality, engine_ref, pending
FROM face ORDER BY id;
DROP TABLE face;
ALTER TABLE face_of_today RENAME TO face;
CREATE INDEX face_by_person ON face (person_id);
CREATE INDEX face_by_picture ON face (picture_key);
CREATE INDEX face_by_engine_ref ON face (engine_ref) WHERE engine_ref IS NOT NULL;
CREATE INDEX face_without_md5 ON face (id) WHERE picture_md5 IS NULL;
DROP TABLE last_ids;

ALTER TABLE user_group_member RENAME COLUMN group_id TO user_group_id;
ALTER TABLE device_group_member RENAME COLUMN group_id TO device_group_id;
ALTER TABLE social_member RENAME COLUMN group_id TO social_group_id;

-- The version is in user_version from now on.
DROP TABLE IF EXISTS _sqlx_migrations;
