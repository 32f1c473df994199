"""A release's code, made on the controller (archive.py)."""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tarfile
import venv
from pathlib import Path
from types import ModuleType

import pytest

from .test_templates import ROLE, TOP


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROLE / "files" / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


archive = script("archive")

LOCK = """\
# made by a tool
plain==1.0 \\
    --hash=sha256:aa \\
    --hash=sha256:ab
    # via something
old==1.0 ; python_full_version < '3.13' \\
    --hash=sha256:bb
windows==1.0 ; sys_platform == 'win32' \\
    --hash=sha256:cc
"""


@pytest.mark.parametrize(("python", "kept"), [("3.11", ["plain", "old"]), ("3.13", ["plain"])])
def test_the_markers_of_the_lock_are_judged_for_the_target(python: str, kept: list[str]) -> None:
    lines = archive.required(LOCK, python, "x86_64")
    assert [line.partition("==")[0] for line in lines] == kept
    assert lines[0].split() == ["plain==1.0", "--hash=sha256:aa", "--hash=sha256:ab"]


def test_the_real_lock_has_a_hash_for_everything_that_the_target_gets() -> None:
    lines = archive.required((TOP / "requirements/runtime.lock").read_text(), "3.11", "x86_64")
    assert {"aiohttp", "coincurve", "psycopg", "psycopg-binary"} <= {
        line.partition("==")[0] for line in lines
    }
    assert all("--hash=sha256:" in line for line in lines)


def test_the_lock_with_apprise_has_all_that_the_other_one_has_and_apprise() -> None:
    plain, more = (
        set(archive.required((TOP / f"requirements/{lock}.lock").read_text(), "3.11", "x86_64"))
        for lock in ("runtime", "apprise")
    )

    def pins(lines: set[str]) -> set[str]:
        return {line.partition(" ")[0] for line in lines}

    assert pins(plain) < pins(more)
    assert any(pin.startswith("apprise==") for pin in pins(more) - pins(plain))
    assert all("--hash=sha256:" in line for line in more)


def test_the_name_of_the_archive_depends_on_the_lock() -> None:
    assert archive.names(TOP, [], "apprise") != archive.names(TOP, [], "runtime")


@pytest.mark.parametrize("python", ["3.11", "3.13"])
@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_wheels_are_asked_for_by_the_targets_python_and_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, python: str, machine: str
) -> None:
    asked: list[tuple[str, ...]] = []

    def pip(*arguments: str | Path) -> None:
        asked.append(tuple(map(str, arguments)))
        made = {"wheel": "--wheel-dir", "install": "--target"}[asked[-1][0]]
        place = Path(asked[-1][asked[-1].index(made) + 1])
        for file in ("own-1-py3-none-any.whl", "bin/own", "own/tests/one.py", "own/it.py"):
            (place / file).parent.mkdir(parents=True, exist_ok=True)
            (place / file).write_text("")

    monkeypatch.setattr(archive, "pip", pip)
    given = argparse.Namespace(
        cache=tmp_path, project=TOP, python=python, machine=machine, wheels="", lock="runtime"
    )
    archive.make(tmp_path / "made.tar.gz", given, "own==1")
    _, install = asked
    assert {"--only-binary=:all:", "--require-hashes", f"--python-version={python}"} <= set(install)
    assert {word for word in install if word.startswith("--platform=")} == {
        f"--platform={tag}_{machine}" for tag in ("manylinux_2_28", "manylinux_2_17", "manylinux2014")
    }
    with tarfile.open(tmp_path / "made.tar.gz") as tar:
        members = {member.name for member in tar if member.isfile()}
    # Compiled where the controller can.
    cached = importlib.util.cache_from_source("own/it.py")
    own = {cached} if python == "{}.{}".format(*sys.version_info[:2]) else set()
    assert members == {"own-1-py3-none-any.whl", "own/it.py"} | own


def test_a_controller_without_pip_and_setuptools_is_told_how_to_get_them(tmp_path: Path) -> None:
    # A Python that has nothing but its own library.
    bare = tmp_path / "bare"
    venv.create(bare, symlinks=True)
    options = [
        f"--project={TOP}",
        f"--cache={tmp_path}",
        "--python=3.11",
        "--machine=x86_64",
        "--interpreter=/p",
    ]
    done = subprocess.run(
        [bare / "bin/python", "-I", ROLE / "files/archive.py", *options], capture_output=True, text=True
    )
    assert done.returncode != 0
    assert f"{bare}/bin/python has no pip and no setuptools" in done.stderr
    assert (
        "apt-get install python3-pip python3-setuptools or pipx inject ansible pip setuptools" in done.stderr
    )
    assert "Traceback" not in done.stderr


def test_where_the_project_cannot_be_written_the_archive_is_in_the_users_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(archive, "make", lambda archive, given, requirement: archive.write_text("made"))
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "no-directory").touch()
    options = {
        "project": TOP,
        "cache": tmp_path / "no-directory/releases",
        "python": "3.11",
        "machine": "x86_64",
    }
    options |= {"interpreter": "/usr/bin/python3"}
    monkeypatch.setattr(
        sys, "argv", ["archive.py", *(f"--{name}={value}" for name, value in options.items())]
    )
    archive.main()
    made = Path(json.loads(capsys.readouterr().out)["archive"])
    assert made.read_text() == "made"
    assert made.parent == tmp_path / ".cache/hivetalk-scheduler/releases"


def test_an_archive_that_was_asked_for_is_not_the_one_that_makes_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(archive, "make", lambda archive, given, requirement: archive.write_text("made"))

    def ask(interpreter: str) -> Path:
        options = {"project": TOP, "cache": tmp_path, "python": "3.11", "machine": "x86_64"}
        words = [f"--{name}={value}" for name, value in (options | {"interpreter": interpreter}).items()]
        monkeypatch.setattr(sys, "argv", ["archive.py", *words])
        archive.main()
        return Path(json.loads(capsys.readouterr().out)["archive"])

    old = [ask(f"/usr/bin/python{number}") for number in range(archive.KEPT + 1)]
    for number, one in enumerate(old):
        os.utime(one, (number, number))
    # The oldest goes to a host; another one is made meanwhile, which makes room.
    assert ask("/usr/bin/python0") == old[0]
    ask("/usr/bin/another")
    assert old[0].exists()
    assert not old[1].exists()


def a_project(top: Path) -> Path:
    for file in ("pyproject.toml", "requirements/runtime.lock", "scheduler/hivetalk_scheduler/run.py"):
        (top / file).parent.mkdir(parents=True, exist_ok=True)
        (top / file).write_text(file)
    return top


@pytest.mark.parametrize(
    "file", ["pyproject.toml", "requirements/runtime.lock", "scheduler/hivetalk_scheduler/run.py"]
)
def test_a_release_has_another_name_when_anything_in_it_changed(tmp_path: Path, file: str) -> None:
    project = a_project(tmp_path)
    before = archive.digest(project, ["3.11"], "runtime")
    assert archive.digest(project, ["3.11"], "runtime") == before
    assert archive.digest(project, ["3.13"], "runtime") != before
    (project / file).write_text("changed")
    assert archive.digest(project, ["3.11"], "runtime") != before


def test_each_kind_of_host_in_an_inventory_has_code_of_its_own_and_hosts_of_one_kind_share_it() -> None:
    hosts = [
        ["3.11", "x86_64", "/usr/bin/python3"],
        ["3.13", "x86_64", "/usr/bin/python3"],
        ["3.11", "aarch64", "/usr/bin/python3"],
        ["3.11", "x86_64", "/opt/python/bin/python3"],
    ]
    names = [archive.names(TOP, host, "runtime")[1] for host in hosts]
    assert len(set(names)) == len(hosts)
    assert archive.names(TOP, list(hosts[0]), "runtime")[1] == names[0]


def test_what_python_leaves_behind_is_not_part_of_a_release(tmp_path: Path) -> None:
    project = a_project(tmp_path)
    before = archive.digest(project, [], "runtime")
    cached = project / "scheduler/hivetalk_scheduler/__pycache__/run.pyc"
    cached.parent.mkdir()
    cached.write_text("x")
    assert archive.digest(project, [], "runtime") == before


def test_the_same_files_make_the_same_archive(tmp_path: Path) -> None:
    made = []
    for turn in ("one", "two"):
        tree = tmp_path / turn
        tree.mkdir()
        (tree / "b.py").write_text("b = 1")
        (tree / "a.py").write_text("a = 1")
        os.utime(tree / "a.py", (len(made) * 9999 + 1,) * 2)
        archive.pack(tree, tmp_path / f"{turn}.tar.gz")
        made.append((tmp_path / f"{turn}.tar.gz").read_bytes())
    assert made[0] == made[1]
