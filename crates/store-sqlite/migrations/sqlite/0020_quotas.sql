-- Limits of apps, durations of calls by which percentiles are told, and outbox rows that an operator drops.

CREATE TABLE app_quota (
    app_id           TEXT PRIMARY KEY NOT NULL REFERENCES app (app_id) ON DELETE CASCADE,
    calls_per_second INTEGER,                   -- NULL, here and below: no limit
    calls_per_day    INTEGER,
    max_libraries    INTEGER,
    max_people       INTEGER,                   -- in all libraries of the app
    used_day         INTEGER NOT NULL DEFAULT 0, -- since 1970-01-01: the day that "used" counts calls of
    used             INTEGER NOT NULL DEFAULT 0
);

-- The engine of the calls; NULL if they have none. Until now it stood in parentheses at the end of the source.
ALTER TABLE call_kind ADD COLUMN engine TEXT;
UPDATE call_kind SET engine = CASE
        WHEN source LIKE '%(内置)' THEN 'builtin'
        WHEN source LIKE '%(考拉悠然)' THEN 'koala'
        WHEN source LIKE '%(云从)' THEN 'cloudwalk'
        ELSE substr(source, instr(source, '(') + 1, length(source) - instr(source, '(') - 1)
    END
WHERE source LIKE '%(%)';

-- How many calls of a kind in a quarter of an hour, or on a day, took how long: a count for each bucket of durations. Up
-- to 31 ms each millisecond is a bucket, above that each sixteenth of a power of two. The counts add up over kinds and time.
CREATE TABLE call_quarter_duration (
    kind_id INTEGER NOT NULL REFERENCES call_kind (id),
    quarter INTEGER NOT NULL,                   -- time / 900000
    bucket  INTEGER NOT NULL,
    count   INTEGER NOT NULL,
    PRIMARY KEY (kind_id, quarter, bucket)
) WITHOUT ROWID;

CREATE TABLE call_day_duration (
    kind_id INTEGER NOT NULL REFERENCES call_kind (id),
    day     INTEGER NOT NULL,                   -- as in call_day
    bucket  INTEGER NOT NULL,
    count   INTEGER NOT NULL,
    PRIMARY KEY (kind_id, day, bucket)
) WITHOUT ROWID;

-- What the log still has. Quarters before 1970 do not occur: dividing rounds down.
INSERT INTO call_quarter_duration (kind_id, quarter, bucket, count)
SELECT kind_id, time / 900000, CASE
        WHEN cost_ms < 32 THEN MAX(cost_ms, 0)
        WHEN cost_ms < 64 THEN 16 + cost_ms / 2
        WHEN cost_ms < 128 THEN 32 + cost_ms / 4
        WHEN cost_ms < 256 THEN 48 + cost_ms / 8
        WHEN cost_ms < 512 THEN 64 + cost_ms / 16
        WHEN cost_ms < 1024 THEN 80 + cost_ms / 32
        WHEN cost_ms < 2048 THEN 96 + cost_ms / 64
        WHEN cost_ms < 4096 THEN 112 + cost_ms / 128
        WHEN cost_ms < 8192 THEN 128 + cost_ms / 256
        WHEN cost_ms < 16384 THEN 144 + cost_ms / 512
        WHEN cost_ms < 32768 THEN 160 + cost_ms / 1024
        WHEN cost_ms < 65536 THEN 176 + cost_ms / 2048
        WHEN cost_ms < 131072 THEN 192 + cost_ms / 4096
        WHEN cost_ms < 262144 THEN 208 + cost_ms / 8192
        WHEN cost_ms < 524288 THEN 224 + cost_ms / 16384
        WHEN cost_ms < 1048576 THEN 240 + cost_ms / 32768
        WHEN cost_ms < 2097152 THEN 256 + cost_ms / 65536
        WHEN cost_ms < 4194304 THEN 272 + cost_ms / 131072
        WHEN cost_ms < 8388608 THEN 288 + cost_ms / 262144
        WHEN cost_ms < 16777216 THEN 304 + cost_ms / 524288
        WHEN cost_ms < 33554432 THEN 320 + cost_ms / 1048576
        WHEN cost_ms < 67108864 THEN 336 + cost_ms / 2097152
        WHEN cost_ms < 134217728 THEN 352 + cost_ms / 4194304
        WHEN cost_ms < 268435456 THEN 368 + cost_ms / 8388608
        WHEN cost_ms < 536870912 THEN 384 + cost_ms / 16777216
        WHEN cost_ms < 1073741824 THEN 400 + cost_ms / 33554432
        WHEN cost_ms < 2147483648 THEN 416 + cost_ms / 67108864
        ELSE 447
    END AS bucket, COUNT(*)
FROM call_log GROUP BY 1, 2, 3;
-- The sums of days are computed anew at the next start, and the durations of days with them.
DELETE FROM statistics_zone;

ALTER TABLE outbox ADD COLUMN dropped TEXT;     -- why an operator dropped the row
