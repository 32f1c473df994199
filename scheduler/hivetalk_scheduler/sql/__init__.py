"""The SQL files: named statements, the grants, and the migrations in order."""

import re
from pathlib import Path
from typing import NamedTuple

_HERE = Path(__file__).parent


class Migration(NamedTuple):
    """One step of the schema, forward only."""

    version: int
    name: str
    path: Path


def statements(name: str) -> dict[str, str]:
    """The statements of ``NAME.sql`` by name, without comments; ``/* other */`` stands for the statement `other`."""
    parts = re.split(r"(?m)^-- name: (\w+)\n", (_HERE / f"{name}.sql").read_text(encoding="utf-8"))
    found: dict[str, str] = {}
    for key, body in zip(parts[1::2], parts[2::2], strict=True):
        text = re.sub(r"(?m)\s*-- .*$", "", body).strip()
        found[key] = re.sub(r"/\* (\w+) \*/", lambda match: found[match[1]], text)
    return found


def migrations() -> list[Migration]:
    """Every migration, oldest first; a file is named NNNN_name.sql."""
    return sorted(
        Migration(int(path.name[:4]), path.stem[5:], path)
        for path in (_HERE / "migrations").glob("[0-9]*_*.sql")
    )


def grants() -> str:
    """The grants for the scheduler's role, which takes the place of ``{role}``."""
    return (_HERE / "grants.sql").read_text(encoding="utf-8")
