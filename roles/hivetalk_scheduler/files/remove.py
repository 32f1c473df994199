"""Takes a scheduler out of this host: its units, its files, its user. Prints what was there, as JSON.

Arguments: the scheduler's name, and --check to change nothing.
"""

import grp
import json
import pwd
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

SYSTEMD = Path("/etc/systemd/system")
STAMPS = Path("/var/lib/systemd/timers")


def units(name: str) -> list[str]:
    """Its unit files: what a deploy and a pause install, timers first, so that nothing starts anew."""
    known = {f"{name}{part}.{kind}" for part in ("", "-resume") for kind in ("timer", "service")}
    known |= {path.name for path in Path("/opt", name, "releases").glob("*/units/*")}
    found = [unit for unit in known if (SYSTEMD / unit).exists()]
    return sorted(found, key=lambda unit: (not unit.endswith(".timer"), unit))


def places(name: str) -> Iterator[Path]:
    """Its other files; last of all the directory by which a deploy, and this, know that they are the role's."""
    yield Path("/usr/local/bin", name)
    yield Path("/etc", name)
    yield Path("/var/lib", name)
    yield Path("/run", f"{name}-alert")
    releases = Path("/opt", name, "releases")
    yield from sorted(path for path in releases.parent.iterdir() if path != releases)
    yield releases.parent


def systemctl(*words: str, check: bool = True) -> None:
    done = subprocess.run(["systemctl", *words], capture_output=True, text=True)  # noqa: S603, S607 - our own words
    if check and done.returncode != 0:
        raise OSError(f"systemctl {' '.join(words)}: {done.stderr.strip()}")


def remove_units(found: list[str]) -> None:
    for unit in found:
        # A template has no instance to stop.
        if "@." not in unit:
            systemctl("disable", "--quiet", "--now", unit)
            systemctl("stop", unit)
            systemctl("reset-failed", unit, check=False)
    for unit in found:
        (SYSTEMD / unit).unlink()
    if found:
        systemctl("daemon-reload")
    for unit in found:
        # By which systemd remembers when a timer last elapsed.
        (STAMPS / f"stamp-{unit}").unlink(missing_ok=True)


def remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def remove_user(name: str) -> list[str]:
    """Remove the user, and the group if that did not go with it; what was removed."""
    removed = []
    for kind, look, command in (("user", pwd.getpwnam, "userdel"), ("group", grp.getgrnam, "groupdel")):
        try:
            look(name)
        except KeyError:
            continue
        subprocess.run([command, name], check=True, capture_output=True)  # noqa: S603 - our own words, no shell
        removed.append(f"the {kind} {name}")
    return removed


def main(name: str, check: bool) -> list[str]:
    """What was there and is removed, or with `check` would be."""
    if not Path("/opt", name, "releases").is_dir():
        return []
    found = units(name)
    there = [path for path in places(name) if path.exists() or path.is_symlink()]
    removed = [*(str(SYSTEMD / unit) for unit in found), *map(str, there)]
    if check:
        return removed
    remove_units(found)
    for path in there[:-1]:
        remove(path)
    removed += remove_user(name)
    remove(there[-1])
    return removed


if __name__ == "__main__":
    try:
        print(json.dumps(main(sys.argv[1], "--check" in sys.argv)))
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"{error}; what was done stays done, and the same command goes on from there")
