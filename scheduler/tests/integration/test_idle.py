"""What an idle run loads: by name, not by time, since nearly all that it costs is import."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCHEDULER = Path(__file__).parents[2]

PACKAGE = (
    "hivetalk_scheduler catch cli clock config database delivery destinations errors event lean log message release "
    "run sql store upkeep window"
)
"""What of this package an idle run needs."""

SHOWN = "console exposition metrics surfaces"
"""What it needs besides where it shows its metrics."""

LIBRARIES = {"psycopg", "psycopg_binary"}

STANDARD = (
    "abc array base64 binascii bisect collections contextlib copy copyreg dataclasses datetime decimal enum errno "
    "fnmatch functools gc genericpath heapq importlib io ipaddress itertools json keyword math ntpath numbers "
    "operator os pathlib posix posixpath queue random re reprlib select selectors signal socket stat string struct "
    "sysconfig threading time tomllib types typing urllib warnings weakref zoneinfo"
)
"""What psycopg needs of Python's library, and this package; without what the interpreter itself starts with."""


def python(script: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run as the installed command does: isolated, without `site`."""
    paths = [str(SCHEDULER), *(path for path in sys.path if path.endswith("site-packages"))]
    return subprocess.run(
        [sys.executable, "-IS", "-c", f"import sys; sys.path += {paths!r}\n{script}", *arguments],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **environment},
    )


@pytest.mark.parametrize("shown", ["", SHOWN])
def test_an_idle_run_imports_nothing_that_it_does_not_need(url: str, tmp_path: Path, shown: str) -> None:
    file = tmp_path / "config.toml"
    file.write_text(f"database_url = '{url}'\n")
    bare = set(python("print(*sys.modules)").stdout.split())
    ran = python(
        "from hivetalk_scheduler.cli import main\n"
        "assert main(['run', '--config', sys.argv[1]]) == 0\n"
        "print(*sys.modules)",
        str(file),
        STATE_DIRECTORY=str(tmp_path) if shown else "",
    )
    assert ">run-finished" in ran.stderr
    assert (tmp_path / "metrics.prom").exists() == bool(shown)
    own = {name.rpartition(".")[2] for name in ran.stdout.split() if name.startswith("hivetalk_scheduler")}
    assert own == {*PACKAGE.split(), *shown.split()}
    top = {name.partition(".")[0] for name in set(ran.stdout.split()) - bare} - {"hivetalk_scheduler"}
    assert top >= LIBRARIES, "else the list above proves nothing"
    # An extension module of Python's own, and of Cython's, begins with _ or is Cython's runtime.
    loaded = {name for name in top if not name.startswith("_") and name != "cython_runtime"}
    assert loaded <= LIBRARIES | set(STANDARD.split())


def test_a_check_of_the_database_imports_no_more_of_psycopg(url: str, tmp_path: Path) -> None:
    """Each deploy has each host check it, also where nothing is to be done."""
    file = tmp_path / "config.toml"
    file.write_text(f"database_url = '{url}'\n")
    ran = python(
        "from hivetalk_scheduler.cli import main\n"
        "main(['--config', sys.argv[1], 'db', 'check'])\n"
        "print('imported', *sys.modules)",
        str(file),
    )
    imported = set(ran.stdout.rpartition("imported")[2].split())
    assert "psycopg" in imported and not imported & {"asyncio", "ssl", "logging"}


def test_what_psycopg_did_without_is_there_for_everyone_else() -> None:
    """The stand-ins are gone once psycopg is imported."""
    ran = python(
        "from hivetalk_scheduler.lean import psycopg\n"
        "import asyncio, ctypes.util, importlib.metadata, inspect, logging, ssl\n"
        "asyncio.run(asyncio.sleep(0))\n"
        "logging.getLogger('x').setLevel(logging.INFO)\n"
        "print(asyncio.CancelledError.__module__, ssl.OPENSSL_VERSION_INFO[0] > 0,\n"
        "      inspect.signature(lambda a: a), importlib.metadata.version('psycopg') > '3',\n"
        "      ctypes.sizeof(ctypes.c_int))"
    )
    assert ran.stdout.split() == ["asyncio.exceptions", "True", "(a)", "True", "4"]


def test_a_warning_of_psycopgs_is_a_line_of_the_journal() -> None:
    ran = python(
        "from hivetalk_scheduler.lean import psycopg\n"
        "psycopg.connection.logger.warning('error ignored in %s: %s', 'rollback', 'a\\nb')\n"
        "psycopg.connection.logger.debug('not shown')"
    )
    assert ran.stderr == '<4>library name=psycopg says="error ignored in rollback: a\\nb"\n'


def test_what_is_left_out_says_so(url: str) -> None:
    with pytest.raises(subprocess.CalledProcessError) as refused:
        python(
            "from hivetalk_scheduler.lean import psycopg\nimport asyncio\n"
            "asyncio.run(psycopg.AsyncConnection.connect(sys.argv[1]))",
            url,
        )
    assert "hivetalk_scheduler.lean leaves out" in refused.value.stderr


def test_psycopg_reports_its_errors_all_the_same(url: str) -> None:
    """Errors, notices and a broken connection go through what is left."""
    ran = python(
        "from hivetalk_scheduler.lean import psycopg\n"
        "c = psycopg.connect(sys.argv[1], autocommit=True)\n"
        "try: c.execute('SELECT 1/0')\n"
        "except psycopg.errors.DivisionByZero as error: print(error.sqlstate)\n"
        "try:\n"
        "    with c.transaction(): c.execute('SELECT pg_terminate_backend(pg_backend_pid())')\n"
        "except psycopg.OperationalError as error: print(c.broken)\n"
        "try: psycopg.connect('host=/nowhere')\n"
        "except psycopg.OperationalError as error: print(type(error).__name__)",
        url,
    )
    assert ran.stdout.split() == ["22012", "True", "OperationalError"]
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize("arguments", [["run", "--help"], ["--version"]])
def test_the_short_way_takes_only_the_services_words(arguments: list[str]) -> None:
    ran = python(f"from hivetalk_scheduler.cli import start\nsys.argv[1:] = {arguments!r}\nstart()")
    assert "hivetalk-scheduler" in ran.stdout


def test_it_works_with_psycopg_imported_before(url: str) -> None:
    ran = python(
        "import psycopg as first\n"
        "from hivetalk_scheduler.lean import psycopg\n"
        "print(first is psycopg, psycopg.connect(sys.argv[1]).execute('SELECT 7').fetchone())",
        url,
    )
    assert ran.stdout == "True (7,)\n"
