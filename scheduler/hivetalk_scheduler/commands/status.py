"""``status``: runs, next events, deliveries by state."""

import argparse
import json
from typing import Any

from hivetalk_scheduler import config, log
from hivetalk_scheduler.database import connect, translated

RUNS = """
SELECT id, host, release, started_at, finished_at, caught, delivered, retried, failed
  FROM hivetalk_scheduler.run ORDER BY started_at DESC LIMIT 5
"""
NEXT = """
SELECT d.event_id, d.transition, d.due_at, d.destination, d.attempts, d.test
  FROM hivetalk_scheduler.delivery AS d WHERE d.state = 'pending' ORDER BY d.due_at LIMIT 10
"""
COUNTS = """
SELECT destination, state, count(*) AS n,
       count(*) FILTER (WHERE state = 'pending' AND due_at < clock_timestamp() - interval '5 s') AS overdue
  FROM hivetalk_scheduler.delivery
 WHERE state = 'pending' OR completed_at > clock_timestamp() - interval '1 day'
 GROUP BY destination, state ORDER BY destination, state
"""


def main(args: argparse.Namespace) -> int:
    """Print the last runs, the next deliveries, and the counts of the last day; raises SchedulerError."""
    connection = connect(config.load(args.config))
    with translated():
        runs, following, counts = (
            connection.execute(q, binary=True).fetchall() for q in (RUNS, NEXT, COUNTS)
        )
        row = connection.execute("SELECT clock_timestamp() AS now", binary=True).fetchone()
    now = row["now"] if row else 0
    if args.json:
        print(
            json.dumps(
                {"now": log.time(now), "runs": _timed(runs), "next": _timed(following), "deliveries": counts}
            )
        )
        return 0
    print(f"now        {log.time(now)}")
    for run in runs:
        took = (
            "unfinished"
            if run["finished_at"] is None
            else f"{(run['finished_at'] - run['started_at']) / 1e6:.1f} s"
        )
        print(
            f"run        {log.time(run['started_at'])}  {took}  caught {run['caught']}, delivered {run['delivered']}, "
            f"retried {run['retried']}, failed {run['failed']}  {log.escape(run['host'])}"
        )
    for row in following:
        print(
            f"next       {log.time(row['due_at'])}  {row['transition']:5}  {log.escape(row['event_id'])}  "
            f"{log.escape(row['destination'])}"
            + (f"  after {row['attempts']} attempts" if row["attempts"] else "")
        )
    for row in counts:
        overdue = f"  {row['overdue']} overdue" if row["overdue"] else ""
        print(f"{row['state']:10} {row['n']:6}  {log.escape(row['destination'])}{overdue}")
    if not runs:
        print("no run yet: systemctl list-timers shows when the next one is due")
    return 0


def _timed(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows with their times as text."""
    return [
        {k: log.time(v) if k.endswith("_at") and v is not None else v for k, v in row.items()} for row in rows
    ]
