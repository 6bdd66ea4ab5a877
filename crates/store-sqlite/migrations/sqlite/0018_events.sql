-- Events, the webhooks that they are sent to, and the logs of recognitions.

CREATE TABLE event (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,  -- in the order of the commits
    time       INTEGER NOT NULL,                   -- ms since the epoch
    kind       TEXT    NOT NULL,
    app_id     TEXT,                               -- NULL: of no app
    library_id INTEGER,                            -- the library may be gone
    data       TEXT    NOT NULL                    -- JSON: ids and numbers
);

CREATE INDEX event_by_app ON event (app_id, id);

CREATE TABLE webhook (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    app_id        TEXT    NOT NULL REFERENCES app (app_id) ON DELETE CASCADE,
    all_apps      INTEGER NOT NULL,                -- 1: events of all apps
    url           TEXT    NOT NULL,
    kinds         TEXT    NOT NULL,                -- JSON array; empty: all
    library_id    INTEGER,                         -- only events of this library
    description   TEXT,
    secret        BLOB    NOT NULL,                -- sealed
    enabled       INTEGER NOT NULL,
    disabled_by   TEXT,                            -- why it was disabled, if not by a caller
    position      INTEGER NOT NULL,                -- last event that was taken up
    failures      INTEGER NOT NULL DEFAULT 0,      -- failed deliveries since the last success
    created       INTEGER NOT NULL                 -- ms since the epoch
);

CREATE INDEX webhook_by_app ON webhook (app_id, id);

-- Deliveries of events that were attempted, or are asked for once more.
CREATE TABLE webhook_delivery (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    webhook_id    INTEGER NOT NULL REFERENCES webhook (id) ON DELETE CASCADE,
    event_id      INTEGER NOT NULL,
    kind          TEXT    NOT NULL,                -- of the event
    is_replay     INTEGER NOT NULL,                -- 1: out of turn
    state         TEXT    NOT NULL,                -- waiting, delivered, failed
    attempts      INTEGER NOT NULL,
    created       INTEGER NOT NULL,                -- ms since the epoch
    next_attempt  INTEGER                          -- ms since the epoch, while it waits
);

CREATE INDEX webhook_delivery_by_webhook ON webhook_delivery (webhook_id, id);
CREATE INDEX webhook_delivery_waiting ON webhook_delivery (webhook_id, next_attempt) WHERE state = 'waiting';

CREATE TABLE webhook_attempt (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    delivery_id   INTEGER NOT NULL REFERENCES webhook_delivery (id) ON DELETE CASCADE,
    time          INTEGER NOT NULL,                -- ms since the epoch
    status        INTEGER,                         -- HTTP status, if the target answered
    duration      INTEGER NOT NULL,                -- ms
    error         TEXT                             -- NULL: delivered
);

CREATE INDEX webhook_attempt_by_delivery ON webhook_attempt (delivery_id, id);

-- Libraries whose recognitions are logged, or were.
CREATE TABLE recognition_log (
    library_id    INTEGER PRIMARY KEY REFERENCES library (id) ON DELETE CASCADE,
    enabled       INTEGER NOT NULL,
    keep_days     INTEGER NOT NULL
);

CREATE TABLE recognition_entry (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    library_id    INTEGER NOT NULL REFERENCES library (id) ON DELETE CASCADE,
    time          INTEGER NOT NULL,                -- ms since the epoch
    picture_key   TEXT    NOT NULL,
    is_known      INTEGER NOT NULL                 -- 1: somebody matched
);

CREATE INDEX recognition_entry_by_library ON recognition_entry (library_id, id);
CREATE INDEX recognition_entry_by_age ON recognition_entry (library_id, time);
CREATE INDEX recognition_entry_by_picture ON recognition_entry (picture_key);

CREATE TABLE recognition_match (
    entry_id      INTEGER NOT NULL REFERENCES recognition_entry (id) ON DELETE CASCADE,
    rank          INTEGER NOT NULL,                -- from 0, the most similar first
    person_id     INTEGER NOT NULL REFERENCES person (id),
    face_id       INTEGER NOT NULL,
    similarity    REAL    NOT NULL,                -- 0..1
    PRIMARY KEY (entry_id, rank)
) WITHOUT ROWID;

CREATE INDEX recognition_match_by_person ON recognition_match (person_id);
