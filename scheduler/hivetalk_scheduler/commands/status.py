"""``status``: runs, next events, deliveries by state."""

import argparse
import json

from hivetalk_scheduler import config, log
from hivetalk_scheduler.console import Console, timed


def main(args: argparse.Namespace) -> int:
    """Print the last runs, the next deliveries, and the counts of the last day; raises SchedulerError."""
    console = Console(config.load(args.config))
    runs, following, counts, resting = (
        console.ask(name) for name in ("runs", "following", "counts", "resting")
    )
    now = log.time(console.ask("now")[0]["now"])
    if args.json:
        parts = {"runs": runs, "next": following, "deliveries": counts, "resting": resting}
        print(json.dumps({"now": now, **{name: timed(rows) for name, rows in parts.items()}}))
        return 0
    print(f"now        {now}")
    for run in runs:
        took = "unfinished"
        if run["finished_at"] is not None:
            took = f"{(run['finished_at'] - run['started_at']) / 1e6:.1f} s"
        print(
            f"run        {log.time(run['started_at'])}  {took}  caught {run['caught']}, delivered {run['delivered']}, "
            f"retried {run['retried']}, failed {run['failed']}  {log.escape(run['host'])}"
        )
    for row in following:
        attempts = f"  after {row['attempts']} attempts" if row["attempts"] else ""
        print(
            f"next       {log.time(row['due_at'])}  {row['transition']:7}  {log.escape(row['event_id'])}  "
            f"{log.escape(row['destination'])}{attempts}"
        )
    for row in counts:
        overdue = f"  {row['overdue']} overdue" if row["overdue"] else ""
        print(f"{row['state']:10} {row['n']:6}  {log.escape(row['destination'])}{overdue}")
    for row in resting:
        print(
            f"resting    until {log.time(row['probe_at'])}  {log.escape(row['name'])}: it failed too often in a row"
        )
    if not runs:
        print("no run yet: systemctl list-timers shows when the next one is due")
    return 0
