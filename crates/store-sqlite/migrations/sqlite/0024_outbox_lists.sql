-- Lists of the outbox, the newest first: of an engine, a library or an app, and of what is not done.

CREATE INDEX outbox_listed_by_engine ON outbox (engine, id) WHERE listed = 1;
CREATE INDEX outbox_listed_by_library ON outbox (library_id, id) WHERE listed = 1;
CREATE INDEX outbox_listed_by_app ON outbox (app_id, id) WHERE listed = 1;
CREATE INDEX outbox_open ON outbox (id) WHERE listed = 1 AND solved IS NULL;
