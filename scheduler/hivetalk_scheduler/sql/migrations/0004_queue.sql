-- What is due is found by a key that a claim does not move, so that a claim touches no index (a heap-only tuple, where its
-- page has room): half of what claiming costs. A row is claimable from `next_at` on, as before, which is never before its
-- key but by `lead`: releases that know 0003 go on, and any of them may write the rows.
-- Who holds the table for long makes this fail, and not the claims that would wait behind it.
SET LOCAL lock_timeout = '3s';
DROP INDEX hivetalk_scheduler.delivery_pending;
-- An end that was overdue when it was caught queues from then: after an outage, the meetings that still run come first.
CREATE INDEX delivery_queue ON hivetalk_scheduler.delivery
       ((CASE WHEN transition = 'ended' THEN greatest(due_at, caught_at) ELSE due_at END)) WHERE state = 'pending';
ALTER TABLE hivetalk_scheduler.delivery SET (fillfactor = 50);
