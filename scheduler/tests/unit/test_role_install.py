"""A release is installed on the host whole or not at all (install.py)."""

import grp
import importlib.util
import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from .test_role_release import archive
from .test_templates import ROLE

MODULES = {
    "psycopg.py": "",
    "aiohttp.py": "",
    "coincurve.py": "",
    "hivetalk_scheduler/__init__.py": "",
    "hivetalk_scheduler/cli.py": "import sys\ndef start(): print(*sys.argv[1:]); sys.exit(7)",
}


GROUP = grp.getgrgid(os.getgid()).gr_name
OPT = f"opt/{GROUP}"
"""The directory of a scheduler that is named as a group that there is."""
UNIT = "[Service]\nType=oneshot\nExecStart=/bin/true\n"


def install(
    top: Path, release: str, modules: Mapping[str, str | bytes], code: str = "c", unit: str = UNIT
) -> subprocess.CompletedProcess[str]:
    """Run install.py as the role does, on an archive of `modules` and a release with one unit."""
    (top / OPT / "releases").mkdir(parents=True, exist_ok=True)
    with tarfile.open(top / OPT / f"{code}.tar.gz", "w:gz") as tar:
        for name, text in modules.items():
            content = text.encode() if isinstance(text, str) else text
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    script = (ROLE / "files/install.py").read_text()
    files = [{"dest": "units/made-up.service", "text": unit, "mode": "0644", "group": GROUP}]
    return subprocess.run(
        [sys.executable, "-I", "-c", script, top, GROUP, release, code],
        input=json.dumps(files),
        capture_output=True,
        text=True,
    )


def installed(top: Path) -> dict[str, set[str]]:
    return {part: {path.name for path in (top / OPT / part).iterdir()} for part in ("releases", "code")}


def test_a_release_is_installed_with_its_own_python_and_compiled(tmp_path: Path) -> None:
    done = install(tmp_path, "1", MODULES)
    assert done.returncode == 0, done.stderr
    ran = subprocess.run(
        [tmp_path / OPT / "releases/1/code/bin/hivetalk-scheduler", "a", "b"], capture_output=True, text=True
    )
    assert (ran.returncode, ran.stdout) == (7, "a b\n")
    [site] = (tmp_path / OPT / "code/c").glob("lib/python*/site-packages")
    assert list(site.glob("__pycache__/psycopg.*.pyc"))
    assert installed(tmp_path) == {"releases": {"1"}, "code": {"c"}}


@pytest.mark.parametrize(("magic", "again"), [(importlib.util.MAGIC_NUMBER, False), (b"3.9\n", True)])
def test_what_the_controller_has_compiled_is_compiled_again_only_for_another_python(
    tmp_path: Path, magic: bytes, again: bool
) -> None:
    tree, other = tmp_path / "tree", {"other.py": ""}  # which nothing imports: so it is not compiled by that
    for name, text in (MODULES | other | {"psycopg.py": "made = 'on the controller'"}).items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text)
    archive.precompile(tree)
    there = {str(path.relative_to(tree)): magic + path.read_bytes()[4:] for path in tree.rglob("*.pyc")}
    assert there
    # Unchecked: only what is compiled anew is what its source says.
    done = install(tmp_path, "1", MODULES | other | {"psycopg.py": "made = 'here'"} | there)
    assert done.returncode == 0, done.stderr
    [site] = (tmp_path / OPT / "code/c").glob("lib/python*/site-packages")
    cached = Path(importlib.util.cache_from_source(site / "other.py"))
    assert cached.read_bytes().startswith(importlib.util.MAGIC_NUMBER)
    said = subprocess.run(
        [sys.executable, "-c", "import psycopg; print(psycopg.made)"],
        env={"PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
    )
    assert said.stdout == ("here\n" if again else "on the controller\n"), said


def test_two_releases_of_the_same_code_share_it(tmp_path: Path) -> None:
    assert install(tmp_path, "1", MODULES).returncode == 0
    # Not unpacked again: what is in this archive does not load.
    assert install(tmp_path, "2", {"aiohttp.py": "def"}).returncode == 0
    assert installed(tmp_path) == {"releases": {"1", "2"}, "code": {"c"}}


@pytest.mark.parametrize(
    ("broken", "unit", "said"),
    [
        (
            {"aiohttp.py": "import no_such_module"},
            UNIT,
            "its Python modules do not load on this host",
        ),
        ({"aiohttp.py": "def"}, UNIT, "not every module could be compiled"),
        ({}, UNIT.replace("/bin/true", "/no/such/program"), "systemd does not take its units"),
    ],
)
def test_a_release_that_does_not_load_leaves_nothing(
    tmp_path: Path, broken: dict[str, str], unit: str, said: str
) -> None:
    assert install(tmp_path, "before", MODULES).returncode == 0
    done = install(tmp_path, "1", MODULES | broken, code="d", unit=unit)
    assert done.returncode != 0
    assert "the release was not installed, nothing has changed" in done.stderr
    assert said in done.stderr
    assert installed(tmp_path) == {"releases": {"before"}, "code": {"c"}}


def test_what_a_killed_deploy_has_left_half_made_goes(tmp_path: Path) -> None:
    for left in ("releases/.making-other/units", "code/.making-left"):
        (tmp_path / OPT / left).mkdir(parents=True)
    assert install(tmp_path, "1", MODULES).returncode == 0
    assert installed(tmp_path) == {"releases": {"1"}, "code": {"c"}}
