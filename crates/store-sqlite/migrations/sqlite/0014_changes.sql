-- Committed changes, in order, for all that follows them.

CREATE TABLE change (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    kind     TEXT NOT NULL,
    app_id   TEXT,
    ids      TEXT NOT NULL                      -- JSON array of numbers
);
