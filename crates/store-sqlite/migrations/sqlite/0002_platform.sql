-- Grants of apps. An app whose token_hash is NULL has none.
ALTER TABLE app ADD COLUMN token_hash BLOB;     -- SHA-256
ALTER TABLE app ADD COLUMN token_sealed BLOB;
ALTER TABLE app ADD COLUMN due INTEGER;         -- milliseconds since the epoch
CREATE UNIQUE INDEX app_by_token ON app (token_hash) WHERE token_hash IS NOT NULL;

CREATE TABLE app_capability (
    app_id     TEXT NOT NULL REFERENCES app (app_id) ON DELETE CASCADE,
    capability TEXT NOT NULL,
    position   INTEGER NOT NULL,                -- in the order of granting
    PRIMARY KEY (app_id, capability)
);

ALTER TABLE library ADD COLUMN hidden INTEGER NOT NULL DEFAULT 0;

CREATE INDEX person_by_library ON person (library_id, id);

ALTER TABLE face ADD COLUMN engine_ref TEXT;    -- the id of an engine that keeps faces itself
ALTER TABLE face ADD COLUMN pending INTEGER NOT NULL DEFAULT 0;
CREATE INDEX face_by_engine_ref ON face (engine_ref) WHERE engine_ref IS NOT NULL;

-- What engines that keep faces themselves have still to be told, and what of it was solved after having been listed.
-- Rows outlive what they are about, hence no foreign keys.
CREATE TABLE outbox (
    id            INTEGER PRIMARY KEY NOT NULL, -- a snowflake
    library_id    INTEGER NOT NULL,
    app_id        TEXT NOT NULL,
    engine        TEXT NOT NULL,
    action        TEXT NOT NULL,
    person_db_lib TEXT NOT NULL,
    person_id     INTEGER,                      -- the snowflake, not the row id
    person_no     TEXT,
    face_id       INTEGER,
    engine_ref    TEXT,
    picture_key   TEXT,                         -- the picture is in use until the row is solved
    engine_url    TEXT NOT NULL,
    operate_type  TEXT NOT NULL,
    created       INTEGER NOT NULL,             -- milliseconds since the epoch
    in_doubt      INTEGER NOT NULL DEFAULT 0,
    was_in_doubt  INTEGER NOT NULL DEFAULT 0,   -- before the latest attempt
    listed        INTEGER NOT NULL DEFAULT 0,
    rejected      INTEGER NOT NULL DEFAULT 0,
    attempts      INTEGER NOT NULL DEFAULT 0,
    last_error    TEXT,
    solved        INTEGER,                      -- milliseconds since the epoch
    solved_by     TEXT
);
CREATE INDEX outbox_heads ON outbox (library_id, id) WHERE solved IS NULL AND rejected = 0;
CREATE INDEX outbox_engines ON outbox (engine, library_id) WHERE solved IS NULL AND rejected = 0;
CREATE INDEX outbox_unlisted ON outbox (id) WHERE listed = 0;
CREATE INDEX outbox_listed ON outbox (created, id, solved) WHERE listed = 1;
CREATE INDEX outbox_listed_unsolved ON outbox (created, id) WHERE listed = 1 AND solved IS NULL;
CREATE INDEX outbox_by_library ON outbox (library_id, action) WHERE solved IS NULL;
CREATE INDEX outbox_by_face ON outbox (face_id) WHERE solved IS NULL;
CREATE INDEX outbox_by_picture ON outbox (picture_key) WHERE solved IS NULL;
CREATE INDEX outbox_by_engine_ref ON outbox (library_id, engine_ref) WHERE solved IS NULL;

ALTER TABLE last_ids ADD COLUMN max_outbox_id INTEGER;
ALTER TABLE last_ids ADD COLUMN max_trace_id INTEGER;

CREATE TABLE console_user (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    username      TEXT NOT NULL UNIQUE,
    password_hash TEXT NOT NULL,
    telephone     TEXT NOT NULL,
    mail          TEXT NOT NULL,
    dept_id       TEXT NOT NULL,
    person_id     INTEGER UNIQUE REFERENCES person (id) ON DELETE SET NULL,
    created       INTEGER NOT NULL              -- milliseconds since the epoch
);

CREATE TABLE console_session (
    token_hash BLOB PRIMARY KEY NOT NULL,       -- SHA-256
    user_id    INTEGER NOT NULL REFERENCES console_user (id) ON DELETE CASCADE,
    expires    INTEGER NOT NULL                 -- milliseconds since the epoch
);
CREATE INDEX console_session_by_user ON console_session (user_id);
CREATE INDEX console_session_by_expiry ON console_session (expires);

-- What calls have in common, kept once.
CREATE TABLE call_kind (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    app_id TEXT NOT NULL,
    method TEXT NOT NULL,
    label  TEXT NOT NULL,
    source TEXT NOT NULL,
    url    TEXT NOT NULL,
    UNIQUE (app_id, method, label, source, url)
);

-- Clustered, so that the latest calls of a kind lie together. On PostgreSQL: an ordinary table with this primary key.
CREATE TABLE call_log (
    kind_id  INTEGER NOT NULL REFERENCES call_kind (id),
    time     INTEGER NOT NULL,                  -- milliseconds since the epoch
    trace_id INTEGER NOT NULL,
    ip       TEXT,
    cost_ms  INTEGER NOT NULL,
    result   INTEGER NOT NULL,                  -- 0: it succeeded, 1: it failed
    code     INTEGER,
    message  TEXT,
    PRIMARY KEY (kind_id, time, trace_id)
) WITHOUT ROWID;

-- The sums of the log by quarters of an hour. They hold in every time zone, and outlive the log.
CREATE TABLE call_quarter (
    kind_id    INTEGER NOT NULL REFERENCES call_kind (id),
    quarter    INTEGER NOT NULL,                -- time / 900000
    count      INTEGER NOT NULL,
    cost_ms    INTEGER NOT NULL,
    last_time  INTEGER NOT NULL,                -- of the latest call, by time, then trace id
    last_trace INTEGER NOT NULL,
    last_cost  INTEGER NOT NULL,
    PRIMARY KEY (kind_id, quarter)
) WITHOUT ROWID;

-- The sums of call_quarter by days of the time zone in statistics_zone.
CREATE TABLE call_day (
    kind_id    INTEGER NOT NULL REFERENCES call_kind (id),
    day        INTEGER NOT NULL,                -- since 1970-01-01
    count      INTEGER NOT NULL,
    cost_ms    INTEGER NOT NULL,
    last_time  INTEGER NOT NULL,
    last_trace INTEGER NOT NULL,
    last_cost  INTEGER NOT NULL,
    PRIMARY KEY (kind_id, day)
) WITHOUT ROWID;

CREATE TABLE statistics_zone (
    id   INTEGER PRIMARY KEY CHECK (id = 1),
    name TEXT NOT NULL
);
