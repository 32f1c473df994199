"""Makes a release on the target from its archive: whole, or not at all. Needs no network, pip or compiler.

Arguments: the directory of releases, the release's name, where ``current`` is. Runs under the Python that the
release will use.
"""

import compileall
import errno
import os
import py_compile
import shutil
import subprocess
import sys
import tarfile
import tempfile
import venv
from pathlib import Path

KEPT = 3
"""Releases that stay, the newest ones; the current one always does."""

LAUNCHER = """#!{python} -IS
import sys
sys.path.append("{site}")
from hivetalk_scheduler.cli import start
start()
"""
"""Without the module `site`, which looks for what a release does not have."""


def main(directory: Path, release: str, current: Path) -> None:
    os.umask(0o022)
    archive = directory / f"{release}.tar.gz"
    for left in directory.glob(".making-*"):
        # By a deploy that was killed: the lock on the target lets no other be at work now.
        shutil.rmtree(left)
    free = shutil.disk_usage(directory).free // 1_000_000
    work = Path(tempfile.mkdtemp(prefix=".making-", dir=directory))
    try:
        make(archive, work, directory / release)
        work.rename(directory / release)
    except OSError as error:
        room = f"; {directory} had {free} MB free, a release needs 60" if error.errno == errno.ENOSPC else ""
        sys.exit(f"the release was not installed, nothing has changed: {error}{room}")
    finally:
        shutil.rmtree(work, ignore_errors=True)
        archive.unlink(missing_ok=True)
    others = [
        path
        for path in directory.iterdir()
        if path.is_dir() and path not in (directory / release, current.resolve())
    ]
    for old in sorted(others, key=lambda path: path.stat().st_mtime)[: -(KEPT - 1)]:
        shutil.rmtree(old)


def make(archive: Path, work: Path, final: Path) -> None:
    venv.create(work, symlinks=True)
    site = next(work.glob("lib/python*/site-packages"))
    with tarfile.open(archive) as tar:
        if hasattr(tarfile, "data_filter"):
            tar.extraction_filter = tarfile.data_filter
        tar.extractall(site)  # noqa: S202  # our own archive
    # Now: the service's sandbox lets it write none, and a start without them takes 0.5 s more.
    unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
    if not compileall.compile_dir(site, quiet=2, workers=0, invalidation_mode=unchecked):
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


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
