"""Errors that end a command, each with its exit status from sysexits(3)."""


class SchedulerError(Exception):
    """A clear sentence for the operator: the field, the value, and the mend."""

    status = 70  # EX_SOFTWARE


class UsageError(SchedulerError):
    """The command line is wrong."""

    status = 64  # EX_USAGE


class DataError(SchedulerError):
    """What the database holds cannot be used."""

    status = 65  # EX_DATAERR


class DatabaseUnavailable(SchedulerError):
    """PostgreSQL cannot be reached or does not take writes."""

    status = 69  # EX_UNAVAILABLE


class TryAgain(SchedulerError):
    """Something is unfinished; the next run goes on with it."""

    status = 75  # EX_TEMPFAIL


class ConfigError(SchedulerError):
    """The configuration, the schema or the grants are wrong."""

    status = 78  # EX_CONFIG
