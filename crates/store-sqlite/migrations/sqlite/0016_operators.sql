-- People who run the platform, what they sign in with, and the log of what they do.

CREATE TABLE operator (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    name          TEXT    NOT NULL UNIQUE,
    role          TEXT    NOT NULL,             -- admin, operator or viewer
    app_id        TEXT    REFERENCES app (app_id) ON DELETE CASCADE, -- the only app that they see; NULL: all
    password_hash TEXT,                         -- NULL: no sign-in by password
    is_disabled   INTEGER NOT NULL DEFAULT 0,
    created       INTEGER NOT NULL,             -- milliseconds since the epoch
    updated       INTEGER NOT NULL
);

-- Sessions, which a browser holds, and tokens, which a program holds.
CREATE TABLE operator_token (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    operator_id INTEGER REFERENCES operator (id) ON DELETE CASCADE, -- NULL: the holder of the admin token
    kind        TEXT    NOT NULL,               -- session or token
    hash        BLOB    NOT NULL UNIQUE,        -- SHA-256 of the token
    name        TEXT    NOT NULL,               -- what the owner calls it; of a session the program that signed in
    address     TEXT,                           -- where it was made from
    created     INTEGER NOT NULL,
    expires     INTEGER NOT NULL
);
CREATE INDEX operator_token_by_operator ON operator_token (operator_id);
CREATE INDEX operator_token_by_expiry ON operator_token (expires);

-- Administrative acts. Each row is written with the act, and its hash covers the hash of the row before.
CREATE TABLE audit (
    id         INTEGER PRIMARY KEY,             -- 1, 2, 3, ... without a gap
    created    INTEGER NOT NULL,                -- milliseconds since the epoch
    actor      TEXT    NOT NULL,
    address    TEXT,
    request_id TEXT,
    app_id     TEXT,                            -- the app that the act is about
    action     TEXT    NOT NULL,
    target     TEXT    NOT NULL,
    old_state  TEXT,                            -- JSON
    new_state  TEXT,                            -- JSON
    hash       BLOB    NOT NULL
);

-- Each caller has keys of their own, not each app: operators share one.
ALTER TABLE idempotency_key RENAME COLUMN app_id TO owner;
DELETE FROM idempotency_key;
