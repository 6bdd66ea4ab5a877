-- Pictures that lost their last row: to be deleted, or deleted a while ago.

CREATE TABLE picture_tombstone (
    picture_key TEXT PRIMARY KEY NOT NULL,
    generation  INTEGER NOT NULL,               -- another number with each write that removes the picture
    removed     INTEGER NOT NULL,               -- milliseconds since the epoch
    deletion    INTEGER                         -- number of the deletion of the picture; NULL: it is yet to come
);
CREATE INDEX picture_tombstone_open ON picture_tombstone (generation, picture_key) WHERE deletion IS NULL;
CREATE INDEX picture_tombstone_by_deletion ON picture_tombstone (deletion) WHERE deletion IS NOT NULL;

INSERT INTO picture_tombstone (picture_key, generation, removed)
SELECT DISTINCT picture_key, 1, 0 FROM removed_picture AS gone
WHERE NOT EXISTS (SELECT 1 FROM face WHERE face.picture_key = gone.picture_key)
  AND NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.picture_key = gone.picture_key AND outbox.solved IS NULL);
DROP TABLE removed_picture;
