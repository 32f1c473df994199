"""Lays out secrets that differ from those on the host, in NAME's credentials.next; a switch takes them from there.

Arguments: /etc/NAME, and --check to change nothing. Standard input: JSON with the text of each secret that is set.
Prints the names of those that differ.
"""

import json
import os
import shutil
import sys
from pathlib import Path


def main(etc: Path, check: bool) -> None:
    os.umask(0o077)
    current, following = etc / "credentials", etc / "credentials.next"
    wanted: dict[str, str] = json.load(sys.stdin)
    changed = sorted(name for name, text in wanted.items() if read(current / name) != text)
    if not check:
        shutil.rmtree(following, ignore_errors=True)  # by a deploy that was killed
        if changed:
            following.mkdir()
            for name in changed:
                (following / name).write_text(wanted[name], encoding="utf-8")
    print(json.dumps(changed))


def read(path: Path) -> str | None:
    """The secret's text, or None if there is none."""
    try:
        return path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None


if __name__ == "__main__":
    main(Path(sys.argv[1]), "--check" in sys.argv)
