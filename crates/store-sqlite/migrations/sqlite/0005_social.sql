-- Accounts of an app's users, their friends, and the groups that they put them into.

CREATE TABLE social_account (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    app_id          TEXT NOT NULL REFERENCES app (app_id),
    user_id         TEXT NOT NULL,
    nick            TEXT,
    face_url        TEXT,
    group_sequence  INTEGER NOT NULL DEFAULT 0,
    friend_sequence INTEGER NOT NULL DEFAULT 0,
    custom_sequence INTEGER NOT NULL DEFAULT 0,
    friends         INTEGER NOT NULL DEFAULT 0, -- rows of social_friend with this account_id
    created         INTEGER NOT NULL,           -- milliseconds since the epoch
    UNIQUE (app_id, user_id)
);

-- An account has another as its friend; the other need not have it.
CREATE TABLE social_friend (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id INTEGER NOT NULL REFERENCES social_account (id) ON DELETE CASCADE,
    friend_id  INTEGER NOT NULL REFERENCES social_account (id) ON DELETE CASCADE,
    remark     TEXT NOT NULL,
    source     TEXT NOT NULL,
    wording    TEXT NOT NULL,
    added      INTEGER NOT NULL,                -- seconds since the epoch
    UNIQUE (account_id, friend_id)
);
CREATE INDEX social_friend_by_friend ON social_friend (friend_id);

-- What apps keep about a friend under names of their own.
CREATE TABLE social_custom (
    account_id INTEGER NOT NULL,
    friend_id  INTEGER NOT NULL,
    name       TEXT NOT NULL,
    text       TEXT,                            -- either this
    number     INTEGER,                         -- or this
    PRIMARY KEY (account_id, friend_id, name),
    FOREIGN KEY (account_id, friend_id) REFERENCES social_friend (account_id, friend_id) ON DELETE CASCADE
);
CREATE INDEX social_custom_by_friend ON social_custom (friend_id);

-- By id in the order of making.
CREATE TABLE social_group (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id INTEGER NOT NULL REFERENCES social_account (id) ON DELETE CASCADE,
    name       TEXT NOT NULL,
    UNIQUE (account_id, name)
);

-- By id in the order of adding.
CREATE TABLE social_member (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id INTEGER NOT NULL,
    friend_id  INTEGER NOT NULL,
    group_id   INTEGER NOT NULL REFERENCES social_group (id) ON DELETE CASCADE,
    UNIQUE (account_id, friend_id, group_id),
    FOREIGN KEY (account_id, friend_id) REFERENCES social_friend (account_id, friend_id) ON DELETE CASCADE
);
CREATE INDEX social_member_by_group ON social_member (group_id, id, friend_id);
CREATE INDEX social_member_by_friend ON social_member (friend_id);

-- Those who wish to have somebody as a friend, and wait for a yes.
CREATE TABLE social_request (
    from_id INTEGER NOT NULL REFERENCES social_account (id) ON DELETE CASCADE,
    to_id   INTEGER NOT NULL REFERENCES social_account (id) ON DELETE CASCADE,
    source  TEXT NOT NULL,
    wording TEXT NOT NULL,
    created INTEGER NOT NULL,                   -- milliseconds since the epoch
    PRIMARY KEY (from_id, to_id)
);
CREATE INDEX social_request_by_target ON social_request (to_id);
