"""A host's directories and a systemctl that only notes what it is told, for the tests of releases."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from .test_templates import ROLE

NAME = "meetings"
SYSTEMCTL = """#!/bin/sh
# Remembers what it was told; a unit's state is a file.
echo "$*" >>{state}/said
case "$*" in *@.*) echo "a template is no unit" >&2; exit 1 ;; esac
case "$1 $2" in
    "show "*)
        shift 3
        for unit; do
            case "$unit" in *-deploy.service) state=deploy ;; *) state=active ;; esac
            echo "NeedDaemonReload=$(cat {state}/stale-"$unit" 2>/dev/null || echo no)"
            echo "UnitFileState=$(cat {state}/enabled 2>/dev/null)"
            echo "ActiveState=$(cat {state}/$state 2>/dev/null)"
            echo
        done ;;
    "daemon-reload ") [ ! -e {state}/broken ] || {{ echo no such luck >&2; exit 1; }} ;;
    "enable --quiet") echo enabled >{state}/enabled; [ "$3" = --no-reload ] ;;
    "disable --quiet") echo disabled >{state}/enabled; echo inactive >{state}/active ;;
    "start meetings.timer" | "restart meetings.timer") echo active >{state}/active ;;
esac
"""


class Lab:
    """A root directory with a systemctl of its own."""

    def __init__(self, top: Path) -> None:
        self.root, self.state = top / "root", top / "state"
        self.opt, self.etc = self.root / "opt" / NAME, self.root / "etc" / NAME
        self.systemd = self.root / "etc/systemd/system"
        for directory in (self.opt / "releases", self.opt / "code", self.etc, self.systemd, self.state):
            directory.mkdir(parents=True)
        self.program("systemctl", SYSTEMCTL.format(state=self.state))
        self.program("journalctl", "#!/bin/sh\necho the last line\n")
        self.made = 0

    def program(self, name: str, script: str) -> None:
        (self.state / name).write_text(script)
        (self.state / name).chmod(0o755)

    def release(self, name: str, code: str = "c", timer: str = "t", secrets: tuple[str, ...] = ()) -> None:
        """Install a release, newer than those before."""
        home = self.opt / "releases" / name
        (home / "units").mkdir(parents=True)
        (self.opt / "code" / code).mkdir(exist_ok=True)
        (home / "code").symlink_to(f"../../code/{code}")
        (home / "config.toml").write_text(name)
        (home / "command").write_text("#!/bin/sh\n")
        (home / "command").chmod(0o755)
        loaded = "".join(f"LoadCredential={secret}:/etc/x/credentials/{secret}\n" for secret in secrets)
        (home / f"units/{NAME}.service").write_text(f"{name}\n{loaded}")
        (home / f"units/{NAME}.timer").write_text(timer)
        (home / f"units/{NAME}-failure@.service").write_text("told")
        self.made += 1
        os.utime(home, (self.made, self.made))

    def program_of(self, release: str, does: str) -> None:
        """Make the release's program do something."""
        (self.opt / "releases" / release / "command").write_text(f"#!/bin/sh\n{does}\n")

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-I", "-", self.root, NAME, *words],
            input=(ROLE / "files/releases.py").read_text(),
            env={"PATH": f"{self.state}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
        )

    def do(self, *words: str) -> dict[str, Any]:
        done = self.run(*words)
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout))

    def deploy(self, name: str, **given: Any) -> None:
        """A whole deploy that works."""
        if not (self.opt / "releases" / name).exists():
            self.release(name, **given)
        self.do("switch", name)
        self.do("finish", "5")

    def lay_out(self, **secrets: str) -> list[str]:
        """What credentials.py does for the role."""
        done = subprocess.run(
            [sys.executable, "-I", "-c", (ROLE / "files/credentials.py").read_text(), self.etc],
            input=json.dumps(secrets),
            capture_output=True,
            text=True,
            check=True,
        )
        return list(json.loads(done.stdout))

    @property
    def said(self) -> list[str]:
        """What systemctl was told to do since the last look."""
        lines = (self.state / "said").read_text().splitlines() if (self.state / "said").exists() else []
        (self.state / "said").unlink(missing_ok=True)
        return [line for line in lines if not line.startswith("show ")]

    def picture(self) -> dict[str, str]:
        """Everything on the host that a scheduler consists of."""
        places = [*self.opt.rglob("*"), *self.etc.rglob("*"), *self.systemd.rglob("*")]
        files = {str(p): p.read_text() for p in places if p.is_file() and not p.is_symlink()}
        links = {str(p): str(p.readlink()) for p in places if p.is_symlink()}
        return files | links | {str(p): "" for p in places if p.is_dir()}
