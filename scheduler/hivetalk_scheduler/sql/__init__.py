"""The SQL files: named statements, the grants, and the migrations in order."""

import os
from typing import NamedTuple

_HERE = os.path.dirname(__file__)


class Migration(NamedTuple):
    """One step of the schema, forward only."""

    version: int
    name: str
    path: str


def statements(name: str) -> dict[str, str]:
    """The statements of ``NAME.sql`` by name, without comments; ``/* other */`` stands for the statement `other`."""
    found: dict[str, str] = {}
    for part in read(f"{name}.sql").split("-- name: ")[1:]:
        key, *lines = part.splitlines()
        text = "\n".join(code for line in lines if (code := f" {line}".partition(" -- ")[0].rstrip())).strip()
        if "/* " in text:
            for other, its in found.items():
                text = text.replace(f"/* {other} */", its)
        found[key] = text
    return found


def migrations() -> list[Migration]:
    """Every migration, oldest first; a file is named NNNN_name.sql."""
    names = sorted(name for name in os.listdir(f"{_HERE}/migrations") if name.endswith(".sql"))
    return [Migration(int(name[:4]), name[5:-4], f"migrations/{name}") for name in names]


def grants() -> str:
    """The grants for the scheduler's role, which takes the place of ``{role}``."""
    return read("grants.sql")


def read(path: str) -> str:
    """The text of a file of this package."""
    with open(f"{_HERE}/{path}", encoding="utf-8") as file:
        return file.read()
