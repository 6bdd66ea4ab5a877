-- Tags of people. The library repeats that of the person, so that the people of a library with a tag lie together.

CREATE TABLE person_tag (
    library_id INTEGER NOT NULL,
    tag        TEXT    NOT NULL,
    person_id  INTEGER NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    PRIMARY KEY (library_id, tag, person_id)
) WITHOUT ROWID;
CREATE INDEX person_tag_by_person ON person_tag (person_id, tag);

-- Lists by name; a person without a name comes first.
CREATE INDEX person_by_name ON person (library_id, COALESCE(name, ''), id);

-- What a search in the library uses if the request does not say. NULL: what the settings say.
ALTER TABLE library ADD COLUMN threshold REAL;  -- similarity, 0..1
ALTER TABLE library ADD COLUMN top_n INTEGER;   -- people, 1..100
