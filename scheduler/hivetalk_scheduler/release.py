"""Which release this is, and on which host."""

import os
import socket

from hivetalk_scheduler import __version__


def release() -> str:
    """The release's name, which its unit and its command give it; only the version where it runs without either."""
    return os.environ.get("HIVETALK_SCHEDULER_RELEASE") or __version__


def canary() -> str:
    """The destination that this release on this host has alone: what is sent there ends in its journal."""
    return f"canary:{socket.gethostname()}/{release()}"
