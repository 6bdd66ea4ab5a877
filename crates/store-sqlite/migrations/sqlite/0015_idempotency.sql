-- Requests that must not be done twice, by the key that their client chose.

CREATE TABLE idempotency_key (
    app_id  TEXT    NOT NULL,
    key     TEXT    NOT NULL,
    request BLOB    NOT NULL,                   -- digest of the request
    answer  BLOB,                               -- sealed; NULL until the request is answered
    created INTEGER NOT NULL,                   -- ms since the epoch
    PRIMARY KEY (app_id, key)
) WITHOUT ROWID;

CREATE INDEX idempotency_key_by_age ON idempotency_key (created);
