"""What an operator's commands ask and change. All of its SQL is in ``sql/console.sql``."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from hivetalk_scheduler import log, sql
from hivetalk_scheduler.config import Config
from hivetalk_scheduler.database import Connection, Row, connect, translated


class Choice(NamedTuple):
    """Which deliveries; None stands for all."""

    ids: Sequence[int] | None = None
    states: Sequence[str] | None = None
    destination: str | None = None
    event: str | None = None
    transition: str | None = None
    limit: int = 50


class Console:
    """One connection, its own unless it is given one; every method raises SchedulerError."""

    def __init__(self, config: Config, connection: Connection | None = None) -> None:
        self._connection = connection or connect(config)
        self._sql = sql.statements("console")

    def read(self, file: str) -> None:
        """Learn the statements of another file, too."""
        self._sql |= sql.statements(file)

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def ask(self, name: str, /, **parameters: Any) -> list[Row]:
        """The rows of the statement `name`; times are microseconds since the epoch."""
        with translated():
            return self._connection.execute(self._sql[name], parameters or None, binary=True).fetchall()

    def deliveries(self, name: str, choice: Choice, **parameters: Any) -> list[Row]:
        """The rows of ``list``, ``retry`` or ``discard`` for the chosen deliveries."""
        return self.ask(name, **choice._asdict(), **parameters)


def timed(rows: list[Row]) -> list[Row]:
    """The rows with their times as text, for JSON."""
    return [
        {
            k: log.time(v) if k.endswith("_at") and k != "created_at" and v is not None else v
            for k, v in row.items()
        }
        for row in rows
    ]
