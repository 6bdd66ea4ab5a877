-- How many of the summed calls failed.

ALTER TABLE call_quarter ADD COLUMN failed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE call_day ADD COLUMN failed INTEGER NOT NULL DEFAULT 0;

-- What the log still has.
UPDATE call_quarter SET failed = past.failed
FROM (SELECT kind_id, time / 900000 AS quarter, SUM(result) AS failed FROM call_log GROUP BY 1, 2) AS past
WHERE call_quarter.kind_id = past.kind_id AND call_quarter.quarter = past.quarter AND past.failed > 0;
-- The sums of days are computed anew at the next start.
DELETE FROM statistics_zone;
