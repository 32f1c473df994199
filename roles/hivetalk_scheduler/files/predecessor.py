"""The predecessor's hand-copied units: finds them, takes them out of service, gives back. Prints JSON.

Arguments: one of
  find                what there is; changes nothing
  take DIRECTORY      stops and disables them when their run has ended, and moves their files to the directory
  give DIRECTORY      undoes that
"""

import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

NAME = "hivetalk-scheduler"
UNITS = (f"{NAME}.timer", f"{NAME}.service")
"""Timer first, so that nothing starts anew."""
OWN = re.compile(
    r"^ExecStart=/opt/\S+/bin/hivetalk-scheduler run\b|^Description=Start the HiveTalk scheduler's runs$",
    re.M,
)
"""Stands in the role's own service, and timer."""
RUN = 300
"""Seconds that a run of the predecessor may take to end by itself. It notes what it sends before it has sent it."""


def systemctl(*words: str, check: bool = True) -> str:
    done = subprocess.run(["systemctl", *words], capture_output=True, text=True)  # noqa: S603, S607 - our own words
    if check and done.returncode != 0:
        raise OSError(f"systemctl {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout.strip()


def show(unit: str, what: str) -> str:
    return systemctl("show", f"--property={what}", "--value", "--", unit)


def files() -> list[Path]:
    """Its unit files and their drop-ins, wherever systemd looks for units."""
    paths = dict.fromkeys(Path(path) for path in systemctl("show", "--property=UnitPath", "--value").split())
    found = []
    for directory in paths:
        for unit in UNITS:
            file = directory / unit
            if (
                file.is_file()
                and not file.is_relative_to("/run")
                and not OWN.search(file.read_text(errors="replace"))
            ):
                found.append(file)
                found += sorted((directory / f"{unit}.d").glob("*.conf"))
    # /lib is /usr/lib on most systems: one file, two names, of which systemd uses the first.
    once: dict[Path, Path] = {}
    for file in found:
        once.setdefault(file.resolve(), file)
    return list(once.values())


def find() -> dict[str, Any]:
    """The files, and which units are enabled and active."""
    found = files()
    units = [unit for unit in UNITS if any(file.name == unit for file in found)]
    return {
        "files": [str(file) for file in found],
        "enabled": [unit for unit in units if show(unit, "UnitFileState") == "enabled"],
        "active": [
            unit for unit in units if unit.endswith(".timer") and show(unit, "ActiveState") == "active"
        ],
    }


def take(directory: Path) -> dict[str, Any]:
    """Stop and disable the units, and move their files to `directory`, with what is needed to give back."""
    found = find()
    directory.mkdir(mode=0o700, parents=True)
    (directory / "state.json").write_text(json.dumps(found, indent=1) + "\n")
    for unit in found["active"]:
        systemctl("stop", unit)
    deadline = time.monotonic() + RUN
    while show(UNITS[1], "ActiveState") in ("activating", "active", "deactivating", "reloading"):
        if show(UNITS[1], "Type") != "oneshot" or time.monotonic() > deadline:
            systemctl("stop", UNITS[1])
        time.sleep(0.2)
    for unit in found["enabled"]:
        systemctl("disable", "--quiet", unit)
    for file in map(Path, found["files"]):
        kept = directory / file.relative_to("/")
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(file, kept)
        if file.parent.suffix == ".d" and not any(file.parent.iterdir()):
            file.parent.rmdir()
    systemctl("daemon-reload")
    systemctl("reset-failed", *UNITS, check=False)
    return found


def give(directory: Path) -> dict[str, Any]:
    """Put the files back in place of the role's, and start what was active."""
    state: dict[str, Any] = json.loads((directory / "state.json").read_text())
    systemctl("disable", "--quiet", "--now", UNITS[0], check=False)
    # The role's would stand before the predecessor's, if those are elsewhere.
    for unit in Path("/opt", NAME).glob("releases/*/units/*"):
        file = Path("/etc/systemd/system", unit.name)
        if file.exists() and file.read_bytes() == unit.read_bytes():
            file.unlink()
    for file in map(Path, state["files"]):
        kept = directory / file.relative_to("/")
        if kept.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(kept, file)
    systemctl("daemon-reload")
    for unit in state["enabled"]:
        systemctl("enable", "--quiet", unit)
    for unit in state["active"]:
        systemctl("start", unit)
    shutil.rmtree(directory)
    return state


if __name__ == "__main__":
    try:
        action, *rest = sys.argv[1:]
        print(json.dumps({"find": find, "take": take, "give": give}[action](*map(Path, rest))))
    except OSError as error:
        sys.exit(str(error))
