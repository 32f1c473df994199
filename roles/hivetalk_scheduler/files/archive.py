"""Makes the archive of a release's code on the controller, unless it is in the cache, and prints its name as JSON.

The archive is the ``site-packages`` of the target: the project's own wheel and, by their hashes, the wheels
of ``requirements/runtime.lock``, or ``apprise.lock``, for the target's Python and machine. Its name ends with their
digest.
"""

import argparse
import compileall
import fcntl
import gzip
import hashlib
import importlib.util
import json
import os
import py_compile
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

PACKAGE = Path("scheduler/hivetalk_scheduler")
ITSELF = Path(__file__).resolve()
KEPT = 5
DAY = 86_400
"""How many archives, the newest ones, stay in the cache, and how long (seconds) each does."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--project", type=Path, required=True, help="directory with pyproject.toml")
    parser.add_argument(
        "--cache", type=lambda path: Path(path).resolve(), required=True, help="directory for the archives"
    )
    parser.add_argument("--python", required=True, help="the target's Python, such as 3.11")
    parser.add_argument("--machine", required=True, help="the target's machine, such as x86_64")
    parser.add_argument("--interpreter", required=True, help="where that Python is on the target")
    parser.add_argument("--wheels", help="directory of wheels to use in place of the package index")
    parser.add_argument("--lock", default="runtime", help="which of requirements/*.lock: runtime or apprise")
    parser.add_argument("--name-only", action="store_true", help="make nothing, only print the names")
    given = parser.parse_args()
    given.project = given.project.resolve()
    version, code = names(given.project, [given.python, given.machine, given.interpreter], given.lock)
    archive = given.cache / f"{code}.tar.gz"
    if not given.name_only:
        try:
            given.cache.mkdir(parents=True, exist_ok=True)
        except OSError:
            # A collection may be installed where its user cannot write.
            given.cache = Path.home() / ".cache/hivetalk-scheduler/releases"
            given.cache.mkdir(parents=True, exist_ok=True)
            archive = given.cache / archive.name
        # Of two playbooks at once the first makes it, the other finds it.
        with (given.cache / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if archive.exists():
                os.utime(archive)  # on its way to a host: none of the old ones
            else:
                make(archive, given, f"hivetalk-scheduler=={version}")
                made = sorted(given.cache.glob("*.tar.gz"), key=lambda path: path.stat().st_mtime)
                for old in made[:-KEPT]:
                    # One that was asked for today may be on its way to a host.
                    if time.time() - old.stat().st_mtime > DAY:
                        old.unlink()
    print(json.dumps({"code": code, "archive": str(archive)}))


def names(project: Path, inputs: list[str], lock: str) -> tuple[str, str]:
    """The version of the project, and the name of its code for a target of these `inputs` with that lock."""
    # However it is spelled, the order of the files is the same, and so is their digest.
    project = project.resolve()
    version = re.search(r'^__version__ = "(.+)"', (project / PACKAGE / "__init__.py").read_text(), re.M)[1]
    return version, f"{version}-{digest(project, inputs, lock)[:12]}"


def sources(project: Path, lock: str) -> list[Path]:
    """What the archive is made from, in a fixed order."""
    package = (project / PACKAGE).rglob("*")
    own = [path for path in package if path.is_file() and "__pycache__" not in path.parts]
    return sorted([*own, project / "pyproject.toml", project / "requirements" / f"{lock}.lock", ITSELF])


def digest(project: Path, inputs: list[str], lock: str) -> str:
    """SHA-256, in hex, of the sources with their places, and of `inputs`."""
    hashed = hashlib.sha256("\0".join(inputs).encode())
    for path in sources(project, lock):
        hashed.update(b"\0%s\0" % str(path.relative_to(project) if path != ITSELF else path.name).encode())
        hashed.update(hashlib.sha256(path.read_bytes()).digest())
    return hashed.hexdigest()


def need(*modules: str) -> None:
    """End with the mend where Ansible's own Python lacks what makes an archive."""
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if missing:
        sys.exit(
            f"the controller's {sys.executable} has no {' and no '.join(missing)}, which make the archive: "
            f"install {' and '.join(missing)} where Ansible is, with apt-get install "
            f"{' '.join('python3-' + name for name in missing)} or pipx inject ansible {' '.join(missing)}"
        )


def make(archive: Path, given: argparse.Namespace, requirement: str) -> None:
    need("pip", "setuptools")
    with tempfile.TemporaryDirectory(dir=given.cache) as name:
        work = Path(name)
        stage, wheels, tree = work / "stage", work / "wheels", work / "tree"
        # From a copy: setuptools would leave its build directory among the sources.
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(given.project / PACKAGE, stage / PACKAGE, ignore=ignore)
        for file in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(given.project / file, stage)
        pip("wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", wheels, stage)

        own = next(wheels.glob("*.whl"))
        lock = (given.project / f"requirements/{given.lock}.lock").read_text()
        needed = [f"{requirement} --hash=sha256:{hashlib.sha256(own.read_bytes()).hexdigest()}"]
        needed += required(lock, given.python, given.machine)
        (work / "requirements.txt").write_text("\n".join(needed) + "\n")
        tags = ("manylinux_2_28", "manylinux_2_17", "manylinux2014")
        platforms = [f"--platform={tag}_{given.machine}" for tag in tags]
        index = ["--no-index", "--find-links", given.wheels] if given.wheels else []
        pip(
            "install", "--target", tree, "--require-hashes", "--only-binary=:all:", "--no-deps",
            "--no-compile", "--implementation=cp", f"--python-version={given.python}", *platforms,
            *index, "--find-links", wheels, "--requirement", work / "requirements.txt",
        )  # fmt: skip
        # Commands would run the controller's Python; no host runs a library's own tests, a fifth of all files.
        for unused in [tree / "bin", *tree.glob("**/test"), *tree.glob("**/tests")]:
            shutil.rmtree(unused, ignore_errors=True)
        if given.python == "{}.{}".format(*sys.version_info[:2]):
            precompile(tree)
        pack(tree, work / archive.name)
        (work / archive.name).rename(archive)


def required(lock: str, python: str, machine: str) -> list[str]:
    """The lock's requirements that hold on the target: pip would judge markers by the controller's Python."""
    from packaging.markers import Marker

    target = {
        "python_version": python,
        # Every release of that series: the lock's markers compare whole series.
        "python_full_version": f"{python}.0",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "platform_machine": machine,
        "platform_system": "Linux",
        "sys_platform": "linux",
        "os_name": "posix",
    }
    kept = []
    for line in lock.replace("\\\n", " ").splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        what, _, hashes = line.partition(" --hash")
        name, _, marker = what.partition(";")
        if not marker or Marker(marker).evaluate(target):
            kept.append(f"{name.strip()} --hash{hashes}")
    return kept


def precompile(tree: Path) -> None:
    """Compile all modules in `tree`, which takes more of a host than all else of an installation."""
    unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
    if not compileall.compile_dir(tree, quiet=2, workers=0, stripdir=tree, invalidation_mode=unchecked):
        sys.exit(f"not every module could be compiled by {sys.executable}")


def pip(*arguments: str | Path) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "--quiet"]
    done = subprocess.run([*command, *map(str, arguments)], capture_output=True, text=True)  # noqa: S603 - our own words, no shell
    if done.returncode != 0:
        sys.exit(
            f"pip {arguments[0]} failed on the controller:\n{done.stderr.strip()}\n"
            "The controller needs its package index, or all the wheels in hivetalk_scheduler_wheels_dir."
        )


def pack(tree: Path, archive: Path) -> None:
    """Write `tree` as a tar whose bytes depend on nothing but its files."""

    def plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = member.mtime = 0
        member.uname = member.gname = ""
        member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
        return member

    with (
        archive.open("wb") as raw,
        gzip.GzipFile("", "wb", 6, raw, 0) as packed,
        tarfile.open(fileobj=packed, mode="w") as tar,
    ):
        for path in sorted(tree.rglob("*")):
            tar.add(path, path.relative_to(tree), recursive=False, filter=plain)


if __name__ == "__main__":
    main()
