-- Long work that survives a restart, and what became of each of its items.

CREATE TABLE job (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    app_id     TEXT    NOT NULL,
    library_id INTEGER,                         -- the library may be gone
    kind       TEXT    NOT NULL,
    state      TEXT    NOT NULL,                -- queued, running, paused, cancelled, done, failed
    input      TEXT    NOT NULL,                -- what to do, as the platform writes it
    position   TEXT,                            -- how far it is, as the platform writes it
    error      TEXT,                            -- why it failed
    total      INTEGER,                         -- number of items; NULL until it is known
    done       INTEGER NOT NULL,
    failed     INTEGER NOT NULL,
    created    INTEGER NOT NULL,                -- ms since the epoch
    started    INTEGER,
    ended      INTEGER
);

CREATE INDEX job_by_app ON job (app_id, id);
CREATE INDEX job_by_state ON job (state, id);

CREATE TABLE job_item (
    job_id INTEGER NOT NULL REFERENCES job (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,                    -- from 1
    name   TEXT    NOT NULL,                    -- what it is about, such as a path in an archive
    state  TEXT    NOT NULL,                    -- waiting, done, failed
    input  TEXT,                                -- what to do; NULL once it is done
    code   TEXT,                                -- what became of it, for programs
    detail TEXT,                                -- what became of it, as the platform writes it
    PRIMARY KEY (job_id, number)
) WITHOUT ROWID;

CREATE INDEX job_item_by_state ON job_item (job_id, state, number);
