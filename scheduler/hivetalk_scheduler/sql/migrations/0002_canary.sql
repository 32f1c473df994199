-- Which releases the schema serves, and test events that only one release on one host fires.

-- A release that knows at least this version may go on using the schema. A migration that takes something away raises
-- the default first.
ALTER TABLE hivetalk_scheduler.migration ADD COLUMN oldest integer NOT NULL DEFAULT 1;

-- A canary goes to this destination alone, and has no end.
ALTER TABLE hivetalk_scheduler.test_event ADD COLUMN only_to text;
