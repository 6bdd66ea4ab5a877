-- The row was put down with the person of its face: a refusal takes the person back as well.
ALTER TABLE outbox ADD COLUMN made_person INTEGER NOT NULL DEFAULT 0;
