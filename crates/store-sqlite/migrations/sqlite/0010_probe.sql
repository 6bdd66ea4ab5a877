-- When the database was last found to take a write: the only row is written to find out.
CREATE TABLE probe (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    written INTEGER NOT NULL -- milliseconds since the epoch
);
