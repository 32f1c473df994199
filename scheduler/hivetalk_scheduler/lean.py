"""psycopg, imported without the parts of Python that it names and this program never uses.

Most runs send nothing, so importing is nearly all that they cost, and half of psycopg's import is asyncio (with ssl),
logging, a look into its own package's metadata, and ctypes. While it is imported, small stand-ins take their places;
afterwards these are gone, so whoever imports asyncio next gets the real one. Only psycopg's synchronous half works.
"""

import gc
import sys
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from hivetalk_scheduler import log

if TYPE_CHECKING:
    from collections.abc import Iterator


class _Unused:
    """In place of a class or function that is named, and may be inherited from, but never called."""

    def __init__(self, *_: object, **__: object) -> NoReturn:
        raise RuntimeError("psycopg uses what hivetalk_scheduler.lean leaves out")

    def __class_getitem__(cls, _: object) -> type["_Unused"]:
        return cls


class _Cancelled(BaseException):
    """In place of asyncio.CancelledError: no synchronous call meets one."""


class _StandIn(ModuleType):
    __path__: "list[str]" = []  # noqa: RUF012 - nothing is ever added

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Unused


class _Logger:
    """In place of a logger: warnings are this program's own, the rest is left out, as psycopg has it by default."""

    level = 30

    def __init__(self, name: str) -> None:
        self._name = name

    def warning(self, text: str, *values: object, **_: object) -> None:
        log.warning("library", name=self._name, says=text % values if values else text)

    error = exception = warning

    def debug(self, *_: object, **__: object) -> None:
        return

    info = debug


def _type_variable(name: str, *bounds: Any, default: object = None, **options: Any) -> object:
    """A type variable without its default, which only a type checker reads."""
    return TypeVar(name, *bounds, **options)


def _annotations(cls: type) -> object:
    return cls.__dict__.get("__annotations__", {})  # noqa: RUF063 - stands in for what would be used instead


_MEMBERS: dict[str, dict[str, object]] = {
    "asyncio": {"CancelledError": _Cancelled},
    "ctypes": {},
    "ctypes.util": {},
    "inspect": {"signature": lambda _: "", "get_annotations": _annotations},  # what dataclasses asks of it
    "importlib.metadata": {"version": lambda _: "", "PackageNotFoundError": _Cancelled},
    "logging": {"getLogger": _Logger, "NOTSET": 0, "WARNING": 30},
    "ssl": {},
    "typing_extensions": {"TypeVar": _type_variable},
}
"""What is used while psycopg is imported, or may be; everything else of these modules is _Unused."""


@contextmanager
def _without() -> "Iterator[None]":
    """Within, an import of one of the modules gives its stand-in, unless it has been imported before."""
    placed = [name for name in _MEMBERS if name not in sys.modules]
    for name in placed:
        sys.modules[name] = module = _StandIn(name)
        vars(module).update(_MEMBERS[name])
    # Thousands of objects are made that all stay: there is nothing to collect.
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
        for name in placed:
            del sys.modules[name]


with _without():
    import psycopg

__all__ = ["psycopg"]
