"""``metrics``: what is measured, as OpenMetrics."""

import argparse

from hivetalk_scheduler import config, metrics
from hivetalk_scheduler.console import Console
from hivetalk_scheduler.errors import UsageError


def main(args: argparse.Namespace) -> int:
    """Print what is measured; raises SchedulerError."""
    if args.json:
        raise UsageError("metrics prints OpenMetrics; for JSON see status --json")
    settings = config.load(args.config)
    print(metrics.page(settings, Console(settings)), end="")
    return 0
