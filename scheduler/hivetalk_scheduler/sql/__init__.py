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


def unfit(version: int | None, oldest: int | None) -> str | None:
    """Why this release cannot use a schema at `version` that serves releases which know at least `oldest`, or None."""
    newest = migrations()[-1].version
    at = f"the schema is at version {version}"
    if version is None or version < newest:
        return f"{at}, this release needs {newest}: run hivetalk-scheduler db migrate as the owner"
    if oldest is not None and oldest > newest:
        return (
            f"{at} and no longer serves a release that knows version {newest} only: "
            "deploy a newer release on this host, too"
        )
    return None


def grants() -> str:
    """The grants for the scheduler's role, which takes the place of ``{role}``."""
    return read("grants.sql")


def read(path: str) -> str:
    """The text of a file of this package."""
    with open(f"{_HERE}/{path}", encoding="utf-8") as file:
        return file.read()
