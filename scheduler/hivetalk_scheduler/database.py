"""Connecting to PostgreSQL: how, for how long, and what an error means."""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from hivetalk_scheduler import errors
from hivetalk_scheduler.lean import psycopg

if TYPE_CHECKING:
    from psycopg.abc import Buffer, PQGen

    from hivetalk_scheduler.config import Config

Row = dict[str, Any]
T = TypeVar("T")

PATIENCE = 35.0
"""Seconds to wait for an answer: a little more than statement_timeout, by which a server that can still be reached
answers. What lies between may keep a dead connection open for ever."""

_EPOCH = 946_684_800_000_000
"""2000-01-01, PostgreSQL's epoch, in microseconds since the Unix epoch."""
_CALENDAR = range(-62_135_596_800_000_000, 253_402_300_800_000_000)
"""The years 1 to 9999, in microseconds since the Unix epoch: what ISO 8601 and Python's datetime can say."""


class Connection(psycopg.Connection[Row]):
    """A connection that is closed where an answer takes longer than `patience` seconds (None: for ever)."""

    patience: float | None = PATIENCE

    def wait(self, gen: "PQGen[T]", interval: float = 0.1, timeout: float | None = None) -> T:
        """Wait for one answer; raises psycopg.OperationalError."""
        try:
            return super().wait(gen, interval, self.patience if timeout is None else timeout)
        except psycopg.OperationalError:
            if self.pgconn.transaction_status == psycopg.pq.TransactionStatus.ACTIVE:
                self.pgconn.finish()
            raise


class _Microseconds(psycopg.adapt.Loader):
    """timestamptz in binary form as microseconds since the Unix epoch; an infinite or impossible one as None."""

    format = psycopg.pq.Format.BINARY

    def load(self, data: "Buffer") -> int | None:
        value = int.from_bytes(data, "big", signed=True) + _EPOCH
        return value if value in _CALENDAR else None


def connect(config: "Config", url: str | None = None, password: str | None = None) -> Connection:
    """A connection in autocommit mode that leaves no state in the session, so that a transaction-mode pooler may
    stand between. `url` and `password` replace the configured ones.

    Raises DatabaseUnavailable or ConfigError.
    """
    secret = password if password is not None else (None if url else config.secrets.database_password)
    try:
        given = psycopg.conninfo.conninfo_to_dict(url or config.database_url)
    except psycopg.ProgrammingError as error:
        raise errors.ConfigError(f"database_url: {' '.join(str(error).split())}") from None
    # Only what the URL does not say itself.
    options: dict[str, Any] = {
        "application_name": "hivetalk-scheduler",
        "connect_timeout": 5,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 30_000,
        "target_session_attrs": "read-write",
    }
    if secret is not None:
        options["password"] = secret
    with translated():
        connection = Connection.connect(
            psycopg.conninfo.make_conninfo(**{**options, **given}),
            autocommit=True,
            prepare_threshold=None,
            row_factory=psycopg.rows.dict_row,
        )
    connection.adapters.register_loader("timestamptz", _Microseconds)
    return connection


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Turn psycopg's errors into the scheduler's, each with what to do."""
    try:
        yield
    except psycopg.Error as error:
        raise translate(error) from error


def translate(error: psycopg.Error) -> errors.SchedulerError:
    """The scheduler's error for one of psycopg's."""
    e = psycopg.errors
    text = " ".join(str(error).split())
    if isinstance(
        error,
        (
            e.InsufficientPrivilege,
            e.UndefinedTable,
            e.UndefinedColumn,
            e.UndefinedFunction,
            e.InvalidSchemaName,
        ),
    ):
        if isinstance(error, e.InsufficientPrivilege):
            mend = "run hivetalk-scheduler db migrate --grant-to ROLE as the owner"
        else:
            mend = "run hivetalk-scheduler db migrate as the owner"
        return errors.ConfigError(f"database: {text}; {mend}")
    if isinstance(error, (e.InvalidPassword, e.InvalidAuthorizationSpecification, e.InvalidCatalogName)):
        return errors.ConfigError(
            f"database: {text}; check database_url and the credential database_password"
        )
    ended = (e.ReadOnlySqlTransaction, e.IdleInTransactionSessionTimeout, e.TransactionTimeout)
    if isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError, *ended)):
        if "authentication failed" in text or "does not exist" in text:
            return errors.ConfigError(
                f"database: {text}; check database_url and the credential database_password"
            )
        held = "; pg_stat_activity says who holds it" if isinstance(error, e.LockNotAvailable) else ""
        return errors.DatabaseUnavailable(f"database: {text}{held}; the next run tries again")
    return errors.DataError(f"database: {text}")
