"""Other states of this project: another version, or one with a fault, to be deployed with their own playbooks."""

import shutil
import subprocess
from pathlib import Path

_TOP = Path(__file__).parents[2]
_PARTS = ("roles", "playbooks", "templates", "scheduler/hivetalk_scheduler", "requirements")
_FILES = ("pyproject.toml", "ansible.cfg", "README.md", "LICENSE")


def copy(to: Path, file: str, old: str, new: str) -> Path:
    """The project as it is, in `to`, but for `old` in `file`, which is `new` there."""
    ignore = shutil.ignore_patterns("__pycache__")
    for part in _PARTS:
        shutil.copytree(_TOP / part, to / part, ignore=ignore)
    for name in _FILES:
        shutil.copy(_TOP / name, to)
    text = (to / file).read_text()
    assert text.count(old) == 1, f"{file} does not say {old!r} once"
    (to / file).write_text(text.replace(old, new))
    return to


def previous(to: Path) -> tuple[str, Path]:
    """What was released last: the newest tag before this commit, or these sources under an older version."""
    tag = _git("describe", "--tags", "--abbrev=0", "HEAD^").strip()
    if not tag:
        file = "scheduler/hivetalk_scheduler/__init__.py"
        version = (_TOP / file).read_text().split('__version__ = "')[1].split('"')[0]
        return "these sources as version 0.0.1", copy(to, file, version, "0.0.1")
    to.mkdir()
    archive = to / "archive.tar"
    _git("archive", f"--output={archive}", tag)
    shutil.unpack_archive(archive, to)
    return f"the tag {tag}", to


def _git(*words: str) -> str:
    """What git says; nothing where it fails, as without any tag."""
    return subprocess.run(["git", "-C", _TOP, *words], capture_output=True, text=True).stdout
