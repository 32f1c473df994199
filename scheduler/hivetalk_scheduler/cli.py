"""The command line. Exit statuses are those of sysexits(3); see ``errors``."""

import contextlib
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from hivetalk_scheduler import config, log
from hivetalk_scheduler.errors import ConfigError, SchedulerError


def start() -> NoReturn:
    """Run one command and end the process, without taking apart what ends with it anyway."""
    status = main()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # the reader went away
            stream.flush()
    os._exit(status)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        # What the service runs needs no parser.
        args = None if given[:2] == ["run", "--config"] and len(given) == 3 else _parsed(given)
        if args is None or args.command == "run":
            from hivetalk_scheduler.run import run

            run(config.load(given[2] if args is None else args.config))
            return 0
        from importlib import import_module

        module = import_module(f"hivetalk_scheduler.commands.{args.command.replace('-', '_')}")
        return int(module.main(args))
    except SchedulerError as error:
        if "status" in given and "--check" in given:
            from hivetalk_scheduler.commands.status import unknown

            return unknown(error)  # a monitoring plugin's, too
        name = "run-failed" if given[:1] == ["run"] or "run" in given else "error"
        # Each problem of a configuration is a line; a run that failed is one.
        several = isinstance(error, ConfigError) and name == "error"
        for text in str(error).splitlines() if several else [str(error)]:
            log.error(name, status=error.status, error=text)
        return error.status
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader went away; there is nobody left to tell.
        sys.stderr.close()
        return 0


def _parsed(given: Sequence[str]) -> Any:
    from hivetalk_scheduler.arguments import parser

    args = parser().parse_args(given)
    args.json = getattr(args, "json", False)
    args.config = getattr(args, "config", config.DEFAULT_PATH)
    return args
