"""``page``: the status page, on standard output or into a file."""

import argparse
import sys
from pathlib import Path

from hivetalk_scheduler import config, page, surfaces
from hivetalk_scheduler.console import Console
from hivetalk_scheduler.errors import UsageError


def main(args: argparse.Namespace) -> int:
    """Write it; raises SchedulerError."""
    if args.json:
        raise UsageError("page writes HTML; for JSON see status --json")
    settings = config.load(args.config)
    text = page.html(settings, Console(settings))
    if args.file == "-":
        sys.stdout.write(text)
        return 0
    try:
        surfaces.replace(Path(args.file), text)
    except OSError as error:
        raise UsageError(
            f"{args.file} cannot be written: {error.strerror}; name a file, or - for standard output"
        ) from None
    return 0
