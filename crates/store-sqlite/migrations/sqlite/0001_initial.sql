-- Ids are AUTOINCREMENT so that the id of a removed row is never given to another one.

CREATE TABLE app (
    app_id  TEXT PRIMARY KEY NOT NULL,
    created INTEGER NOT NULL                    -- milliseconds since the epoch
);

CREATE TABLE library (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    app_id        TEXT NOT NULL REFERENCES app (app_id),
    group_id      TEXT NOT NULL,
    db_name       TEXT NOT NULL,
    db_desc       TEXT,
    person_db_lib TEXT NOT NULL UNIQUE,
    engine        TEXT NOT NULL,
    created       INTEGER NOT NULL,             -- milliseconds since the epoch
    UNIQUE (app_id, group_id)
);

CREATE TABLE person (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    library_id  INTEGER NOT NULL REFERENCES library (id) ON DELETE CASCADE,
    person_id   INTEGER NOT NULL UNIQUE,
    person_no   TEXT NOT NULL UNIQUE,
    ext_user_id TEXT,
    user_info   TEXT,
    name        TEXT,
    sex         INTEGER,
    birthday    INTEGER,
    id_iccid    TEXT,
    cust_id     TEXT,
    company     TEXT,
    duty        TEXT,
    province    TEXT,
    kind        INTEGER,
    remark      TEXT,
    source_url  TEXT,
    created     INTEGER NOT NULL,               -- milliseconds since the epoch
    UNIQUE (library_id, ext_user_id)            -- also serves as the index by library
);

CREATE TABLE face (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    person_id   INTEGER NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    created     INTEGER NOT NULL UNIQUE,        -- nanoseconds since the epoch
    file_id     INTEGER NOT NULL UNIQUE,
    picture_key TEXT NOT NULL,                  -- SHA-256 of the picture, lower-case hex
    box_x       REAL NOT NULL,                  -- pixels
    box_y       REAL NOT NULL,
    box_w       REAL NOT NULL,
    box_h       REAL NOT NULL,
    confidence  REAL NOT NULL,
    quality     REAL                            -- 0 to 1
);
CREATE INDEX face_by_person ON face (person_id);
CREATE INDEX face_by_picture ON face (picture_key);

CREATE TABLE template (
    face_id   INTEGER PRIMARY KEY REFERENCES face (id) ON DELETE CASCADE,
    algorithm TEXT NOT NULL,
    provider  TEXT NOT NULL,
    version   TEXT NOT NULL,
    vector    BLOB NOT NULL                     -- f32, little-endian
);

-- Pictures whose rows are gone but whose file may still be there. Every removal has a row of its own, so that the
-- end of one removal can't strike out a later removal of an equal picture.
CREATE TABLE removed_picture (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    picture_key TEXT NOT NULL
);

-- The highest ids ever committed, in a single row. They outlive the rows that bore them.
CREATE TABLE last_ids (
    id             INTEGER PRIMARY KEY CHECK (id = 1),
    max_person_id  INTEGER,
    max_file_id    INTEGER,
    max_created_ns INTEGER
);
INSERT INTO last_ids (id) VALUES (1);
