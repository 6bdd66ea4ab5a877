-- When a face was last added to a library or removed from it; until then the time of creation.
ALTER TABLE library ADD COLUMN updated INTEGER NOT NULL DEFAULT 0; -- milliseconds since the epoch
UPDATE library SET updated = MAX(created, COALESCE((
    SELECT MAX(face.created) / 1000000 FROM person CROSS JOIN face
    WHERE person.library_id = library.id AND face.person_id = person.id), 0));

-- The lowest number that no other library of the app had when this one was made. Hidden ones have none.
ALTER TABLE library ADD COLUMN slot INTEGER;
UPDATE library SET slot = numbered.slot
FROM (SELECT id, ROW_NUMBER() OVER (PARTITION BY app_id ORDER BY id) AS slot FROM library WHERE hidden = 0) AS numbered
WHERE numbered.id = library.id;
CREATE UNIQUE INDEX library_by_slot ON library (app_id, slot);

CREATE INDEX library_by_age ON library (app_id, created, person_db_lib) WHERE hidden = 0;
