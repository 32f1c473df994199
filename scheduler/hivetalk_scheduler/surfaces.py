"""The files in which a run shows how it is, for others to read; they are in the directory that systemd gives it.

Nothing depends on them: one that cannot be written is a warning, and the run goes on.
"""

import os
from importlib import import_module
from pathlib import Path

from hivetalk_scheduler import log
from hivetalk_scheduler.config import Config
from hivetalk_scheduler.console import Console
from hivetalk_scheduler.store import Store

SURFACES = {
    "metrics": ("metrics.prom", "hivetalk_scheduler.metrics", "textfile"),
    "status_page": ("status.html", "hivetalk_scheduler.page", "html"),
}
"""By the setting that wants it: the file, and the function (of the settings and the console) that makes its text."""
MODE = 0o644


def write(config: Config, store: Store) -> None:
    """Write each file that is wanted into the service's directory (systemd.exec(5), STATE_DIRECTORY).

    One that is no longer wanted is removed: it would show for ever how it was once.
    """
    directory = Path(os.environ["STATE_DIRECTORY"])
    console = Console(config, store.connection)
    for setting, (name, module, function) in SURFACES.items():
        try:
            if getattr(config, setting):
                replace(directory / name, getattr(import_module(module), function)(config, console))
            else:
                (directory / name).unlink(missing_ok=True)
        except Exception as error:  # whatever it is, the announcements are made
            log.warning("not-shown", file=name, error=f"{type(error).__name__}: {error}")


def replace(path: Path, text: str) -> None:
    """Put `text` into the file in one step: who reads it sees the old or the new one, whole. Raises OSError.

    Only one run at a time has the directory, so the name beside it is nobody else's.
    """
    beside = path.with_name(f"{path.name}.new")
    # Not by the file's mode at its creation, from which the service's UMask= takes what others may.
    with beside.open("w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), MODE)
        file.write(text)
    beside.replace(path)
