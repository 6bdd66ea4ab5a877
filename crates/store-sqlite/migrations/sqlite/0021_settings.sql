-- Settings that were changed while the server runs, and the history of these changes.

CREATE TABLE setting_change (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    created   INTEGER NOT NULL,                 -- milliseconds since the epoch
    name      TEXT    NOT NULL,
    old_value TEXT,                             -- JSON; NULL: there was none here, the one of the settings file counted
    new_value TEXT,                             -- JSON; NULL: taken out
    actor     TEXT    NOT NULL,
    reason    TEXT    NOT NULL,
    undoes    INTEGER REFERENCES setting_change (id) -- the change that this one takes back
);
CREATE INDEX setting_change_by_name ON setting_change (name, id);

CREATE TABLE setting (
    name      TEXT    PRIMARY KEY,
    value     TEXT    NOT NULL,                 -- JSON
    change_id INTEGER NOT NULL REFERENCES setting_change (id)
) WITHOUT ROWID;

-- Faces that a looser gate admits, and a stricter one leaves out: the gates are settings that may change.
CREATE INDEX template_by_low_recognisability ON template (recognisability) WHERE recognisability < 0.5;
