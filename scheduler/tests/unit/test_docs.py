"""The documentation says what is there."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).parents[3]
PACKAGE = TOP / "scheduler/hivetalk_scheduler"
PAGES = [TOP / "README.md", TOP / "ARCHITECTURE.md", *sorted((TOP / "docs").glob("*.md"))]


def test_the_variables_page_is_generated_from_the_specs() -> None:
    checked = subprocess.run([sys.executable, TOP / "script/docs", "--check"], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_and_every_named_file_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", text)
    named = re.findall(
        r"`((?:script|playbooks|inventory|docs|roles|templates|molecule|scheduler)/[\w./-]+)`", text
    )
    missing = [link for link in links if not (page.parent / link).exists()]
    missing += [name for name in named if not (TOP / name).exists()]
    assert missing == []


def test_every_exit_status_is_documented() -> None:
    text = (TOP / "docs/operating.md").read_text(encoding="utf-8")
    section = text.partition("## Exit statuses\n")[2].partition("\n## ")[0]
    documented = {int(status) for status in re.findall(r"^\| (\d+) \|", section, re.M)}
    assert set[int]().union(*map(given, PACKAGE.rglob("*.py"))) == documented


def given(file: Path) -> set[int]:
    """The exit statuses that a module may lead to, by name (os.EX_…) or as a number."""
    found: list[ast.AST | None] = []
    names = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        match node:
            case ast.Attribute(attr=name) if name.startswith("EX_"):
                names.add(int(getattr(os, name)))
            case ast.Return(value=value) if file.name == "cli.py" or file.parent.name == "commands":
                found.append(value)
            case ast.Call(func=ast.Name(id="wrong" | "exit"), args=arguments):
                found += arguments
            case (
                ast.keyword(arg="status", value=value)
                | ast.Assign(targets=[ast.Name(id="status")], value=value)
            ):
                found.append(value)
            case _:
                pass
    return names | {
        node.value for node in found if isinstance(node, ast.Constant) and type(node.value) is int
    }


def test_the_readmes_promises_each_name_a_test_that_exists() -> None:
    """The table in docs/promises.md: a sentence of the README, and the test that proves it."""
    readme = " ".join((TOP / "README.md").read_text(encoding="utf-8").split())
    rows = re.findall(
        r"^\| (.+?) \| `([\w./-]+)::(\w+)` \|$", (TOP / "docs/promises.md").read_text(encoding="utf-8"), re.M
    )
    # No promise without a row: take away what the rows say, and nothing is left of a sentence.
    promised = readme.partition("## What it promises ")[2].partition("Each sentence has a test")[0]
    for promise, _, _ in sorted(rows, key=lambda row: -len(row[0])):
        promised = promised.replace(promise, "")
    assert re.findall(r"\w+", promised) == []
    for promise, file, test in rows:
        assert promise in readme, f"the README does not say: {promise}"
        assert re.search(rf"def {test}\(", (TOP / file).read_text(encoding="utf-8")), (
            f"no test {test} in {file}"
        )
