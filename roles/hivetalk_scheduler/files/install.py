"""Installs a release on the host: whole, or not at all. Needs no network, pip or compiler.

Arguments: the root directory, the scheduler's name, the release, its code. Standard input: JSON with the release's own
files, each with dest, text, mode and group. Finds the code's archive as /opt/NAME/CODE.tar.gz unless that code is
installed. Runs under the Python that the release will use.
"""

import errno
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import venv
from pathlib import Path

LAUNCHER = """#!{python} -IS
import sys
sys.path.append("{site}")
from hivetalk_scheduler.cli import start
start()
"""
"""Without the module `site`, which looks for what a release does not have."""


def main(root: Path, name: str, release: str, code: str, files: list[dict[str, str]]) -> None:
    os.umask(0o022)
    opt = root / "opt" / name
    stage = opt / "releases" / f".making-{release}"
    # By a deploy that was killed: the lock on the host lets no other be at work now.
    for left in [*opt.glob("code/.making-*"), *opt.glob("releases/.making-*")]:
        shutil.rmtree(left)
    for archive in opt.glob("*.tar.gz"):
        if archive.name != f"{code}.tar.gz":
            archive.unlink()
    free = shutil.disk_usage(opt).free // 1_000_000
    new = not (opt / "code" / code).exists()
    try:
        if new:
            (opt / "code").mkdir(exist_ok=True)
            unpack(opt / f"{code}.tar.gz", opt / "code" / code)
        own(root / "etc" / name, name)
        for file in files:
            write(stage / file["dest"], file)
        verify(sorted((stage / "units").iterdir()))
        (stage / "code").symlink_to(f"../../code/{code}")
        stage.rename(opt / "releases" / release)
    except OSError as error:
        for made in [stage, opt / "code" / code] if new else [stage]:
            shutil.rmtree(made, ignore_errors=True)
        room = f"; {opt} had {free} MB free, a release needs 60" if error.errno == errno.ENOSPC else ""
        sys.exit(f"the release was not installed, nothing has changed: {error}{room}")
    finally:
        (opt / f"{code}.tar.gz").unlink(missing_ok=True)


def own(directory: Path, group: str) -> None:
    """Make the directory of the configuration: root's, and the service may read it."""
    directory.mkdir(parents=True, exist_ok=True)
    shutil.chown(directory, group=group)
    directory.chmod(0o750)


def write(path: Path, file: dict[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(0o600)
    path.write_text(file["text"], encoding="utf-8")
    shutil.chown(path, group=file["group"])
    path.chmod(int(file["mode"], 8))


def unpack(archive: Path, final: Path) -> None:
    """Make the directory `final` from its archive."""
    work = Path(tempfile.mkdtemp(prefix=".making-", dir=final.parent))
    try:
        make(archive, work, final)
        work.rename(final)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def make(archive: Path, work: Path, final: Path) -> None:
    venv.create(work, symlinks=True)
    site = next(work.glob("lib/python*/site-packages"))
    with tarfile.open(archive) as tar:
        if hasattr(tarfile, "data_filter"):
            tar.extraction_filter = tarfile.data_filter
        tar.extractall(site)  # noqa: S202  # our own archive
    # Now: the service's sandbox lets it write none, and a start without them takes 0.5 s more.
    if not compiled(site):
        # As a program: its workers would import this one again, and from Python 3.13 on cannot find it in this text.
        compiling = ["-I", "-m", "compileall", "-qq", "-j", "0", "--invalidation-mode", "unchecked-hash"]
        if subprocess.run([sys.executable, *compiling, site]).returncode != 0:  # noqa: S603 - our own words, no shell
            raise OSError("not every module could be compiled")
    launcher = work / "bin" / "hivetalk-scheduler"
    launcher.write_text(LAUNCHER.format(python=final / "bin/python", site=final / site.relative_to(work)))
    launcher.chmod(0o755)
    work.chmod(0o755)
    tried = subprocess.run(  # noqa: S603 - our own words, no shell
        [work / "bin/python", "-I", "-c", "import psycopg, aiohttp, coincurve, hivetalk_scheduler.cli"],
        capture_output=True,
        text=True,
    )
    if tried.returncode != 0:
        raise OSError(f"its Python modules do not load on this host: {tried.stderr.strip()[-500:]}")


def compiled(site: Path) -> bool:
    """Whether the archive came with all its modules compiled: by a controller that has the same Python."""
    one = Path(importlib.util.cache_from_source(site / "hivetalk_scheduler/cli.py"))
    return one.exists() and one.read_bytes().startswith(importlib.util.MAGIC_NUMBER)


def verify(units: list[Path]) -> None:
    """Raise OSError where systemd would not take the units."""
    command = ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *units]
    said = subprocess.run(command, capture_output=True, text=True)  # noqa: S603 - our own words, no shell
    if said.returncode != 0:
        raise OSError(f"systemd does not take its units: {said.stderr.strip()[-1000:]}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:], json.load(sys.stdin))
