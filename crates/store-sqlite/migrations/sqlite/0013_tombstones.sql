-- Pictures that lost their last row: to be deleted, or deleted a while ago.

CREATE TABLE picture_tombstone (
    picture_key TEXT PRIMARY KEY NOT NULL,
    generation  INTEGER NOT NULL,               -- another number with each removal of the picture
    removed     INTEGER NOT NULL,               -- milliseconds since the epoch
    deleted     INTEGER                         -- milliseconds since the epoch; NULL: the picture is yet to be deleted
);
CREATE INDEX picture_tombstone_open ON picture_tombstone (picture_key) WHERE deleted IS NULL;
CREATE INDEX picture_tombstone_by_age ON picture_tombstone (deleted) WHERE deleted IS NOT NULL;

INSERT INTO picture_tombstone (picture_key, generation, removed)
SELECT DISTINCT picture_key, 1, 0 FROM removed_picture AS gone
WHERE NOT EXISTS (SELECT 1 FROM face WHERE face.picture_key = gone.picture_key)
  AND NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.picture_key = gone.picture_key AND outbox.solved IS NULL);
DROP TABLE removed_picture;
