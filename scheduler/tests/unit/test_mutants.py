"""Every mutant still fits the code, which changes beside it."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).parents[1]
PACKAGE = TESTS.parent / "hivetalk_scheduler"
MUTANTS: list[dict[str, Any]] = tomllib.loads((TESTS / "faults/mutants/mutants.toml").read_text())["mutant"]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant["name"])
def test_its_texts_are_there_once_and_its_test_exists(mutant: dict[str, Any]) -> None:
    for file, old, new in mutant["edits"]:
        assert old != new and (PACKAGE / file).read_text(encoding="utf-8").count(old) == 1, f"{file}: {old}"
    file, _, name = mutant["test"].partition("::")
    assert re.search(rf"def {name or 'test_'}", (TESTS / file).read_text(encoding="utf-8"))
