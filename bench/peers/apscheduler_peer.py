"""APScheduler 3, its jobs in memory or, by SQLAlchemy, in PostgreSQL; jobs are added in the process that runs them."""

import sys
import time
from datetime import UTC, datetime, timedelta

import protocol
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler

count = protocol.Countdown(0)


def tick() -> None:
    count()


def fire(due: int) -> None:
    protocol.fired(due)


def made(url: str, memory: bool) -> BackgroundScheduler:
    store = (
        MemoryJobStore()
        if memory
        else SQLAlchemyJobStore(url=url.replace("postgresql:", "postgresql+psycopg:"))
    )
    # Without the grace, what is later than one second is dropped.
    return BackgroundScheduler(jobstores={"default": store}, job_defaults={"misfire_grace_time": None})


if __name__ == "__main__":
    what, url, argument = sys.argv[1:4]
    scheduler = made(url, what == "lateness-memory")
    if what == "prepare":
        scheduler.start(paused=True)
        for _ in range(int(argument)):
            scheduler.add_job("__main__:tick", "date", run_date=datetime.now(UTC))
    elif what == "burst":
        count = protocol.Countdown(int(argument))
        scheduler.start()
        time.sleep(3600)
    else:
        scheduler.start()
        for at in protocol.times(argument):
            run_date = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at)
            scheduler.add_job("__main__:fire", "date", run_date=run_date, args=[at])
        protocol.say("ready")
        time.sleep(3600)
