"""``metrics``: what is measured, as OpenMetrics."""

import argparse

from hivetalk_scheduler import config, metrics
from hivetalk_scheduler.console import Console


def main(args: argparse.Namespace) -> int:
    """Print what is measured; raises SchedulerError."""
    settings = config.load(args.config)
    print(metrics.page(settings, Console(settings)), end="")
    return 0
