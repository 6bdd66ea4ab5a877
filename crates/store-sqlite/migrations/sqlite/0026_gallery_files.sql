-- Files of large galleries, in which a start finds their templates sooner than in this database.

CREATE TABLE gallery_file (
    library_id INTEGER PRIMARY KEY REFERENCES library (id) ON DELETE CASCADE,
    -- The last change that the file has.
    sequence INTEGER NOT NULL,
    -- SHA-256 of its footer, in hex. A file without its digest here is not read.
    digest TEXT NOT NULL
) STRICT;
