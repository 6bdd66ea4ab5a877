-- Pictures of rows of the outbox under names of their own, which operators are shown. A link goes with its row, or with its
-- picture: what has no row any more is still to be unlinked.
CREATE TABLE outbox_link (
    name        TEXT PRIMARY KEY NOT NULL, -- the path beneath the folder of links
    row_id      INTEGER REFERENCES outbox (id) ON DELETE SET NULL,
    picture_key TEXT NOT NULL
);
CREATE INDEX outbox_link_by_row ON outbox_link (row_id);
CREATE INDEX outbox_link_by_picture ON outbox_link (picture_key);
