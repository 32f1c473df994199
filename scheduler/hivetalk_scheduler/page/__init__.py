"""The status page: one HTML file that needs no server, no other file, and no script to be read."""

import base64
import hashlib
import socket
from pathlib import Path
from typing import Any

from hivetalk_scheduler import log
from hivetalk_scheduler.config import Config
from hivetalk_scheduler.console import Console
from hivetalk_scheduler.event import SECOND

_HERE = Path(__file__).parent


def html(config: Config, console: Console) -> str:
    """The page as of now; raises SchedulerError."""
    from hivetalk_scheduler.page.facts import gather

    return render(gather(console, config))


def render(facts: dict[str, Any]) -> str:
    """The HTML of what ``facts.gather`` has found. Every value from the database is text, never markup."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"words": words, "clock": clock, "iso": log.time, "ms": milliseconds}
    style, script = (_read(name) for name in ("status.css", "status.js"))
    html = environment.get_template("status.html.j2").render(
        **facts,
        host=socket.gethostname(),
        second=SECOND,
        # The policy names each by its digest, so that nothing else runs or shows.
        style=style,
        script=script,
        style_digest=_digest(style),
        script_digest=_digest(script),
    )
    return html.lstrip()


def words(text: str | None, longest: int = 120) -> str:
    """A text of the database's as one that is safe to look at: no control characters, and not endless."""
    shown = log.escape(text or "")
    return shown if len(shown) <= longest else shown[: longest - 1] + "\N{HORIZONTAL ELLIPSIS}"


def clock(microseconds: int, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    """A time in UTC."""
    from time import gmtime, strftime

    return strftime(form, gmtime(microseconds // SECOND))


def milliseconds(value: float) -> str:
    """A lateness: as in 12 ms, 3.4 s, 5 min, 2 h."""
    if abs(value) < 1000:
        return f"{value:.0f} ms"
    for unit, length, most in (("s", 1000, 120), ("min", 60_000, 120)):
        if abs(value) / length < most:
            return f"{value / length:.{1 if abs(value) < 10_000 else 0}f} {unit}".replace(".0 ", " ")
    return f"{value / 3_600_000:.1f} h"


def _read(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
