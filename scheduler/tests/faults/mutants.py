"""Proof 8: breaks a copy of the scheduler on purpose, and asks the test that should notice.

    python scheduler/tests/faults/mutants.py [NAME...]

One line for each mutant of mutants/mutants.toml. Exit status 0 only if each is killed by its test, and each of these
tests passes on the unbroken copy.
"""

import concurrent.futures
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
from pathlib import Path
from typing import Any

TOP = Path(__file__).parents[3]
TABLE = Path(__file__).parent / "mutants" / "mutants.toml"
AT_ONCE = 2
LIMIT = 240
"""Seconds for one mutant; a test that takes longer has not noticed anything."""

printing = threading.Lock()


def copy(to: Path) -> Path:
    """What the tests need of the project, to be broken; returns the package."""
    shutil.copytree(
        TOP / "scheduler", to / "scheduler", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
    )
    shutil.copy(TOP / "pyproject.toml", to)
    for name in ("roles", "templates", "docs"):
        (to / name).symlink_to(TOP / name)
    return to / "scheduler" / "hivetalk_scheduler"


def broken(package: Path, edits: list[list[str]]) -> str:
    """Apply the edits; returns what is wrong with them."""
    for name, old, new in edits:
        text = (package / name).read_text(encoding="utf-8")
        if text.count(old) != 1:
            return f"{name} has this text {text.count(old)} times, not once: {old.strip().splitlines()[0]}"
        (package / name).write_text(text.replace(old, new), encoding="utf-8")
    return ""


def ask(directory: Path, tests: list[str], limit: int = LIMIT) -> tuple[int, str]:
    """Run the tests there; returns pytest's exit status and the last line that says something."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--no-header", "-p", "no:cacheprovider"]
    environment = {**os.environ, "HIVETALK_HISTORIES": "30", "PYTHONDONTWRITEBYTECODE": "1"}
    environment.pop("PYTHONPATH", None)
    try:
        done = subprocess.run(
            [*command, *(f"scheduler/tests/{test}" for test in tests)],
            cwd=directory, env=environment, capture_output=True, text=True, timeout=limit,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return -1, f"no result within {limit} s"
    said = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return done.returncode, (said or done.stdout.strip().splitlines() or [done.stderr.strip()])[-1]


def try_one(mutant: dict[str, Any]) -> bool:
    """Whether the mutant is killed by its test."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="hivetalk-mutant-") as name:
        problem = broken(copy(Path(name)), mutant["edits"])
        status, said = (2, problem) if problem else ask(Path(name), [mutant["test"]])
    test = mutant["test"].rpartition("/")[2]
    # 1: tests were collected, ran, and failed. An error before that is no verdict on the mutant.
    verdict = {1: f"killed by {test}", 0: f"SURVIVED {test}: {mutant['why']}"}.get(
        status, f"NOT TRIED: {said}"
    )
    if status == 1 and not said.startswith("FAILED"):
        status, verdict = 2, f"NOT TRIED: {said}"
    with printing:
        print(f"{mutant['name']:30} {verdict} ({time.monotonic() - began:.0f} s)", flush=True)
    return status == 1


def sound(mutants: list[dict[str, Any]]) -> bool:
    """Whether the tests pass where nothing is broken: a test that always fails kills nothing."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="hivetalk-mutant-") as name:
        copy(Path(name))
        status, said = ask(Path(name), sorted({mutant["test"] for mutant in mutants}), 4 * LIMIT)
    with printing:
        print(f"{'(nothing broken)':30} {said} ({time.monotonic() - began:.0f} s)", flush=True)
    return status == 0


def main(names: list[str]) -> int:
    """Try the mutants with these names, or all."""
    mutants = tomllib.loads(TABLE.read_text(encoding="utf-8"))["mutant"]
    known = [mutant["name"] for mutant in mutants]
    unknown = sorted(set(names) - set(known))
    if unknown:
        print(f"no mutant is called {', '.join(unknown)}; there are {', '.join(known)}", file=sys.stderr)
        return 64
    chosen = [mutant for mutant in mutants if not names or mutant["name"] in names]
    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        base = pool.submit(sound, chosen)
        killed = list(pool.map(try_one, chosen))
    print(f"proof: mutants={len(chosen)} killed={sum(killed)} survived={killed.count(False)} "
          f"seconds={time.monotonic() - began:.0f}")  # fmt: skip
    return 0 if all(killed) and base.result() else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
