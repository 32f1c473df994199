"""``python -m hivetalk_scheduler``."""

from hivetalk_scheduler.cli import start

start()
