"""Which release this is, of which scheduler, and on which host."""

import os
import socket

from hivetalk_scheduler import __version__


def release() -> str:
    """The release's name, which its unit and its command give it; only the version where it runs without either."""
    return os.environ.get("HIVETALK_SCHEDULER_RELEASE") or __version__


def name() -> str:
    """The scheduler's name, of which a host may have several."""
    return os.environ.get("HIVETALK_SCHEDULER_NAME") or "hivetalk-scheduler"


def counted_by() -> str:
    """Under what the counts of this scheduler on this host are kept."""
    return f"{socket.gethostname()}/{name()}"


def canary() -> str:
    """The destination that this release on this host has alone: what is sent there ends in its journal."""
    return f"canary:{socket.gethostname()}/{release()}"
