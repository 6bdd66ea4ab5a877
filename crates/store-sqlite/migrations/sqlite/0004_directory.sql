-- Fingerprints that are shown to callers, lower-case hex. NULL: the row is older than the column and was not filled in
-- yet, or its picture can't be read.
ALTER TABLE face ADD COLUMN picture_md5 TEXT;
ALTER TABLE template ADD COLUMN md5 TEXT;       -- of the vector as it is stored
CREATE INDEX face_without_md5 ON face (id) WHERE picture_md5 IS NULL;
CREATE INDEX template_without_md5 ON template (face_id) WHERE md5 IS NULL;

-- When a person, or a face of theirs, was last changed: milliseconds since the epoch.
ALTER TABLE person ADD COLUMN updated INTEGER NOT NULL DEFAULT 0;
UPDATE person SET updated =
    MAX(created, COALESCE((SELECT MAX(face.created) FROM face WHERE face.person_id = person.id) / 1000000, 0));

CREATE TABLE user_group (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    library_id INTEGER NOT NULL REFERENCES library (id) ON DELETE CASCADE,
    name       TEXT NOT NULL,
    modified   INTEGER NOT NULL,                -- milliseconds since the epoch
    UNIQUE (library_id, name)
);
CREATE INDEX user_group_by_library ON user_group (library_id, id);

CREATE TABLE user_group_member (
    group_id  INTEGER NOT NULL REFERENCES user_group (id) ON DELETE CASCADE,
    person_id INTEGER NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    PRIMARY KEY (group_id, person_id)
) WITHOUT ROWID;
CREATE INDEX user_group_member_by_person ON user_group_member (person_id, group_id);

CREATE TABLE device_group (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    library_id INTEGER NOT NULL REFERENCES library (id) ON DELETE CASCADE,
    name       TEXT NOT NULL,
    modified   INTEGER NOT NULL,                -- milliseconds since the epoch
    UNIQUE (library_id, name)
);
CREATE INDEX device_group_by_library ON device_group (library_id, id);

CREATE TABLE device (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    library_id  INTEGER NOT NULL REFERENCES library (id) ON DELETE CASCADE,
    product_key TEXT NOT NULL,
    device_name TEXT NOT NULL,
    instance_id TEXT NOT NULL,                  -- empty: none was named
    UNIQUE (library_id, product_key, device_name, instance_id)
);

CREATE TABLE device_group_member (
    group_id  INTEGER NOT NULL REFERENCES device_group (id) ON DELETE CASCADE,
    device_id INTEGER NOT NULL REFERENCES device (id) ON DELETE CASCADE,
    PRIMARY KEY (group_id, device_id)
) WITHOUT ROWID;
CREATE INDEX device_group_member_by_device ON device_group_member (device_id, group_id);

-- Which devices are to know which people.
CREATE TABLE sync_relation (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    library_id      INTEGER NOT NULL REFERENCES library (id) ON DELETE CASCADE,
    user_group_id   INTEGER NOT NULL REFERENCES user_group (id) ON DELETE CASCADE,
    device_group_id INTEGER NOT NULL REFERENCES device_group (id) ON DELETE CASCADE,
    kind            TEXT NOT NULL,
    modified        INTEGER NOT NULL,           -- milliseconds since the epoch
    UNIQUE (user_group_id, device_group_id)
);
CREATE INDEX sync_relation_by_library ON sync_relation (library_id, id);
CREATE INDEX sync_relation_by_device_group ON sync_relation (device_group_id);
