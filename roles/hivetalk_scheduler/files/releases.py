"""The releases on a host: switch to one, go back, roll back, finish. Prints what it did, as JSON.

Arguments: the root directory, the scheduler's name, and one of
  switch RELEASE [--check]    make it the current one
  rollback [RELEASE]          the same with an old one, by default the one before the current
  back                        undo what has been switched since the last finish
  whole RELEASE               whether it is the current one in full and works, so that a deploy of it has nothing to do
  finish KEEP                 it works: forget what `back` needs, keep the newest releases and their secrets

What `back` needs is in /opt/NAME/unfinished, so that a deploy that was killed can be undone by the next one.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

JOURNAL = 20
"""Lines that `back` shows."""


class Host:
    """One scheduler on this host."""

    def __init__(self, root: Path, name: str) -> None:
        self.name = name
        self.opt, self.etc = root / "opt" / name, root / "etc" / name
        self.systemd = root / "etc/systemd/system"
        self.marker = self.opt / "unfinished"
        self.links = {
            self.etc / "config.toml": self.opt / "current/config.toml",
            root / "usr/local/bin" / name: self.opt / "current/command",
        }

    @property
    def current(self) -> str | None:
        """The release that `current` names, if it is one."""
        link = self.opt / "current"
        name = link.readlink().name if link.is_symlink() else ""
        return name if (self.opt / "releases" / name / "units").is_dir() else None

    def releases(self) -> list[str]:
        """The newest first."""
        found = [path for path in (self.opt / "releases").iterdir() if not path.name.startswith(".")]
        return [path.name for path in sorted(found, key=lambda path: path.stat().st_mtime, reverse=True)]

    def unfinished(self) -> dict[str, object] | None:
        """What was the case before the switches that were not finished; None if there were none."""
        return json.loads(self.marker.read_text()) if self.marker.exists() else None

    def switch(self, release: str, check: bool = False, rollback: bool = False) -> dict[str, object]:
        """Make `release` the current one, with its units and the secrets that lie ready."""
        if check and not (self.opt / "releases" / release).exists():
            return {"changed": True}
        units = self.units(release)
        timer = f"{self.name}.timer"
        # A template (NAME@.service) is no unit yet, and read anew for each that is made of it.
        said = self.show(timer, *(unit for unit in units if "@." not in unit))
        stale = [unit for unit, state in said.items() if unit in units and state["NeedDaemonReload"] == "yes"]
        written = [unit for unit, text in units.items() if read(self.systemd / unit) != text]
        gone = sorted(self.units(self.current).keys() - units) if self.current else []
        secrets = (self.etc / "credentials.next").is_dir()
        changed = bool(written or gone or stale or secrets or self.current != release)
        changed |= any(not points(place, target) for place, target in self.links.items())
        paused = (self.etc / "paused").exists()
        ready = paused or (said[timer]["UnitFileState"], said[timer]["ActiveState"]) == ("enabled", "active")
        if check:
            return {"changed": changed or not ready}
        if changed and self.unfinished() is None:
            before = {"from": self.current, "rollback": rollback, "since": time.time()}
            write(self.marker, json.dumps(before).encode(), 0o600)
        if secrets:
            self.take_secrets()
        for unit in gone:
            self.systemctl("stop", unit.replace("@.", "@*."))
            (self.systemd / unit).unlink(missing_ok=True)
        for unit in written:
            write(self.systemd / unit, units[unit], 0o644)
        link(self.opt / "current", Path("releases") / release)
        for place, target in self.links.items():
            link(place, target)
        # Only a timer that changed is restarted, and the service is never started: that is the timer's part.
        again = timer in written + stale
        start = not paused and (again or not ready)
        if start:
            # By the next line, once for all: each reload runs all of systemd's generators.
            self.systemctl("enable", "--quiet", "--no-reload", timer)
        # The unit names its release, so this is the instant from which on the next run is the new release's.
        if written or gone or stale or start:
            self.systemctl("daemon-reload")
        if start:
            self.systemctl("restart" if again else "start", timer)
        return {"changed": changed or not ready, "paused": paused, "unfinished": self.marker.exists()}

    def whole(self, release: str) -> bool:
        """Whether nothing of `release` is missing here, its schema and its grants among it, and nobody is at work."""
        lock = f"{self.name}-deploy.service"
        held = self.show(lock)[lock]["ActiveState"] in ("active", "activating")
        if held or self.unfinished() is not None or self.switch(release, check=True)["changed"]:
            return False
        command = [self.opt / "current/command", "db", "check"]
        asked = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True)  # noqa: S603 - ours
        return asked.returncode in (0, 65)  # EX_DATAERR: rows of the application's, which no deploy mends

    def back(self) -> dict[str, object]:
        """Undo: the release, the units and the secrets of before; without any, no timer."""
        before = self.unfinished()
        if before is None:
            return {"changed": False}
        journal = self.journal(float(str(before["since"])))
        failed, release = self.current, before["from"]
        self.restore_secrets()
        if not release:
            self.systemctl("disable", "--quiet", "--now", f"{self.name}.timer")
            self.systemctl("stop", f"{self.name}.service")
        else:
            self.switch(str(release))
            if failed != release:
                # A run of the failed release hands back what it has not sent.
                self.systemctl("stop", f"{self.name}.service")
            if failed not in (release, None) and not (self.opt / f"releases/{failed}/previous").exists():
                shutil.rmtree(self.opt / "releases" / str(failed))
                self.prune_code()
            self.marker.unlink()
        self.systemctl("reset-failed", f"{self.name}.service", check=False)
        return {"changed": True, "failed": failed, "release": release, "journal": journal}

    def rollback(self, wanted: str) -> dict[str, object]:
        """Switch to an old release; refuses one that is not there, or that the schema no longer serves."""
        before = self.unfinished()
        last = before["from"] if before else text(self.opt / f"releases/{self.current}/previous")
        release, there = wanted or str(last or ""), self.releases()
        if release not in there:
            what = f"the release {release} is not on this host" if release else "there is no release before"
            sys.exit(f"{what}; there are {', '.join(there)}; the current one is {self.current}")
        asked = subprocess.run(  # noqa: S603 - our own words, no shell
            [self.opt / "releases" / release / "command", "db", "check"], capture_output=True, text=True
        )
        if asked.returncode == 78:  # EX_CONFIG
            sys.exit(f"the release {release} cannot run:\n{asked.stdout}{asked.stderr}")
        return {"release": release, "before": self.current, **self.switch(release, rollback=True)}

    def finish(self, keep: int) -> dict[str, object]:
        """The current release works: it is the one to come back to."""
        before = self.unfinished() or {"from": None, "rollback": True}
        current = str(self.current)
        home = self.opt / "releases" / current
        if not before["rollback"] or not (home / "previous").exists():
            last = before["from"] if before["from"] != current else text(home / "previous")
            write(home / "previous", str(last or "").encode(), 0o644)
        os.utime(home)
        for left in ("credentials.previous", "credentials.next"):
            shutil.rmtree(self.etc / left, ignore_errors=True)
        kept = {*self.releases()[:keep], current, text(home / "previous")}
        removed = [release for release in self.releases() if release not in kept]
        for release in removed:
            shutil.rmtree(self.opt / "releases" / release)
        self.prune_code()
        self.prune_secrets()
        self.marker.unlink(missing_ok=True)
        return {"changed": bool(removed), "removed": removed}

    def prune_code(self) -> None:
        """Remove the code that no release names."""
        named = {path.readlink().name for path in self.opt.glob("releases/*/code")}
        for path in (self.opt / "code").iterdir():
            if path.name not in named:
                shutil.rmtree(path)

    def prune_secrets(self) -> None:
        """Remove the secrets that no release's unit names: a unit that names one without a file does not start."""
        files = self.opt.glob("releases/*/units/*")
        named = {
            name
            for file in files
            for name in re.findall(r"^LoadCredential\w*=.+/(\S+)$", file.read_text(), re.M)
        }
        for path in self.etc.glob("credentials/*"):
            if path.name not in named:
                path.unlink()

    def take_secrets(self) -> None:
        """Put those that lie ready in place, one by one: a run that starts meanwhile must find each."""
        current, former = self.etc / "credentials", self.etc / "credentials.previous"
        current.mkdir(mode=0o700, exist_ok=True)
        if not former.exists():
            work = self.etc / ".credentials.previous"
            shutil.rmtree(work, ignore_errors=True)
            shutil.copytree(current, work)
            work.rename(former)
        for path in (self.etc / "credentials.next").iterdir():
            path.replace(current / path.name)
        (self.etc / "credentials.next").rmdir()

    def restore_secrets(self) -> None:
        current, former = self.etc / "credentials", self.etc / "credentials.previous"
        shutil.rmtree(self.etc / "credentials.next", ignore_errors=True)
        if not former.exists():
            return
        for path in former.iterdir():
            write(current / path.name, path.read_bytes(), 0o600)
        for path in current.iterdir():
            if not (former / path.name).exists():
                path.unlink()
        shutil.rmtree(former)

    def units(self, release: str | None) -> dict[str, bytes]:
        """The unit files of a release, by name."""
        return {path.name: path.read_bytes() for path in (self.opt / f"releases/{release}/units").iterdir()}

    def show(self, *units: str) -> dict[str, dict[str, str]]:
        """What systemd says of each unit, all of them at once."""
        names, asked = "--property=ActiveState,NeedDaemonReload,UnitFileState", list(dict.fromkeys(units))
        said = self.systemctl("show", names, "--", *asked).split("\n\n")
        lines = [dict(line.split("=", 1) for line in one.splitlines()) for one in said]
        return dict(zip(asked, lines, strict=True))

    def systemctl(self, *words: str, check: bool = True) -> str:
        done = subprocess.run(["systemctl", *words], capture_output=True, text=True)  # noqa: S603, S607 - our own words
        if check and done.returncode != 0:
            raise OSError(f"systemctl {' '.join(words)}: {done.stderr.strip()}")
        return done.stdout.strip()

    def journal(self, since: float) -> list[str]:
        """The last lines of the service since then (seconds since the epoch)."""
        words = [f"--unit={self.name}.service", f"--since=@{since:.0f}", f"--lines={JOURNAL}"]
        command = ["journalctl", "--quiet", "--no-pager", "--output=short-iso", *words]
        return subprocess.run(command, capture_output=True, text=True).stdout.splitlines()  # noqa: S603


def read(path: Path) -> bytes | None:
    """The file's content, or None if there is no such file."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def text(path: Path) -> str:
    return (read(path) or b"").decode()


def write(path: Path, content: bytes, mode: int) -> None:
    """Replace the file in one step."""
    work = path.with_name(f".{path.name}.new")
    work.unlink(missing_ok=True)
    work.touch(mode)
    work.write_bytes(content)
    work.chmod(mode)
    work.replace(path)


def points(path: Path, target: Path) -> bool:
    """Whether the link at `path` leads to `target`."""
    return path.is_symlink() and path.readlink() == target


def link(path: Path, target: Path) -> None:
    """Point the link at `path` to `target` in one step."""
    if points(path, target):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    work = path.with_name(f".{path.name}.new")
    work.unlink(missing_ok=True)
    work.symlink_to(target)
    work.replace(path)


def main(root: str, name: str, action: str, *rest: str) -> None:
    host = Host(Path(root), name)
    try:
        if action == "switch":
            done = host.switch(rest[0], check="--check" in rest)
        elif action == "rollback":
            done = host.rollback(*rest)
        elif action == "back":
            done = host.back()
        elif action == "whole":
            done = host.whole(rest[0])
        else:
            done = host.finish(int(rest[0]))
    except OSError as error:
        sys.exit(str(error))
    print(json.dumps(done))


if __name__ == "__main__":
    main(*sys.argv[1:])
