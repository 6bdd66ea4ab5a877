-- Jobs that begin later.

-- Time before which the job does not begin, in ms since the epoch. NULL: it begins as soon as there is room.
ALTER TABLE job ADD COLUMN starts INTEGER;
