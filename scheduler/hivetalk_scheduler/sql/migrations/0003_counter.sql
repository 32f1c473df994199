-- What runs have done, counted in the transactions that do it: the counts outlive the rows that they count.

CREATE TABLE hivetalk_scheduler.counter (
    counted_by text NOT NULL,       -- HOST/SCHEDULER: each counts its own, so nobody waits for another's count
    kind       text NOT NULL,       -- of destination; empty of what is caught
    outcome    text NOT NULL,       -- caught, retried, or the state in which a delivery ended
    le         float8 NOT NULL,     -- seconds: the bucket of its lateness; 0 where that is not measured
    n          bigint NOT NULL,
    seconds    float8 NOT NULL,     -- the lateness of all of them
    PRIMARY KEY (counted_by, kind, outcome, le)
) WITH (fillfactor = 50);

-- What needs a person, few of many.
CREATE INDEX delivery_failed ON hivetalk_scheduler.delivery (completed_at) WHERE state IN ('dead', 'expired');
