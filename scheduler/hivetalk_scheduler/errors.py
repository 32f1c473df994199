"""Errors that end a command, each with its exit status from sysexits(3)."""

import os
import re


class SchedulerError(Exception):
    """A clear sentence for the operator: the field, the value, and the mend."""

    status = os.EX_SOFTWARE


class UsageError(SchedulerError):
    """The command line is wrong."""

    status = os.EX_USAGE


class DataError(SchedulerError):
    """What the database holds cannot be used."""

    status = os.EX_DATAERR


class DatabaseUnavailable(SchedulerError):
    """PostgreSQL cannot be reached or does not take writes."""

    status = os.EX_UNAVAILABLE
    mend = "is PostgreSQL up, and does database_url lead to it? systemctl status postgresql"


class TryAgain(SchedulerError):
    """Something is unfinished; the next run goes on with it."""

    status = os.EX_TEMPFAIL


class ConfigError(SchedulerError):
    """The configuration, the schema or the grants are wrong."""

    status = os.EX_CONFIG


def parted(text: str) -> tuple[str, str]:
    """What is wrong, and what to do: our own messages end with the mend."""
    found = re.fullmatch(r"(.*)(?:; |: )(.+)", text)
    return (found[1], found[2]) if found else (text, "the message says it")
