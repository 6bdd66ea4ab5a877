-- Keys that clients of other interfaces sign with. A revoked one stays, so that it can be refused by its name.
CREATE TABLE access_key (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    app_id           TEXT NOT NULL REFERENCES app (app_id) ON DELETE CASCADE,
    kind             TEXT NOT NULL,             -- which interface it is for
    name             TEXT NOT NULL,             -- what the client sends
    secret_sealed    BLOB NOT NULL,
    allow_md5        INTEGER NOT NULL,
    allow_replay     INTEGER NOT NULL,
    calls_per_second INTEGER,
    calls_per_day    INTEGER,
    created          INTEGER NOT NULL,          -- milliseconds since the epoch
    revoked          INTEGER,                   -- milliseconds since the epoch
    used_day         INTEGER NOT NULL DEFAULT 0, -- since 1970-01-01: the day that "used" counts calls of
    used             INTEGER NOT NULL DEFAULT 0,
    UNIQUE (kind, name)
);

-- What was signed with and must not be sent again before it expires.
CREATE TABLE used_signature (
    key_id  INTEGER NOT NULL REFERENCES access_key (id) ON DELETE CASCADE,
    digest  BLOB NOT NULL,
    expires INTEGER NOT NULL,                   -- milliseconds since the epoch
    PRIMARY KEY (key_id, digest)
) WITHOUT ROWID;
CREATE INDEX used_signature_by_expiry ON used_signature (expires);

-- Whether the app had a grant that was taken away.
ALTER TABLE app ADD COLUMN grant_revoked INTEGER NOT NULL DEFAULT 0;
