"""What a command that takes long shows meanwhile: one line, on standard error, only where a person looks at it."""

import sys


def show(text: str) -> None:
    """`text` in place of what was shown before."""
    _write(text)


def clear() -> None:
    """Nothing, so that what is printed next begins a line."""
    _write("")


def _write(text: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()
