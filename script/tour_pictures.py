"""The README's pictures: the status page and `status` of a host that announces meetings. Usage: HOST MINUTES."""

import html
import random
import re
import sys
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import testinfra
from testinfra.host import Host

from shared import application
from tests.integration.browser import PHONE, chromium

TOUR = Path(__file__).parents[1] / "docs/tour"
NAMES = ("Tea with the bees", "Standup", "Office hours", "Nostr reading group", "Choir", "Release party")
COLOURS = {"31": "#ff8f85", "32": "#4fc06c", "33": "#e6b04a", "36": "#7fd4e0"}
DESK = {"width": 1000, "height": 1060}


def meetings(host: Host, minutes: int) -> None:
    """One or two that begin in every minute to come, and thirty over the next day."""
    now, chance = int(float(host.check_output("date +%s"))), random.Random(7)  # noqa: S311 - nothing secret
    starts = [now + 20 + 30 * n for n in range(2 * minutes)]
    starts += [now + 60 * minutes + round(86_400 * (n + chance.random()) / 30) for n in range(30)]
    for n, start in enumerate(starts):
        lasts = 45 if n < 2 * minutes else 3000
        application.write(host, application.Meeting(start, start + lasts, NAMES[n % len(NAMES)], "demo"))


def terminal(text: str) -> str:
    """What a terminal shows of `text`, as HTML."""
    # The terminal's echo of the end of its input, which it takes back at once.
    shown = html.escape(text.replace("\r", "").replace("^@", "").replace("\b", ""))
    for code, colour in COLOURS.items():
        shown = shown.replace(f"\x1b[{code}m", f'<span style="color:{colour}">')
    shown = re.sub(r"\x1b\[\d*m", "</span>", shown)
    style = (
        "margin:0;padding:16px;background:#13151a;color:#e7e9ee;font:13px/1.4 'DejaVu Sans Mono',monospace"
    )
    return f'<body style="margin:0"><pre style="{style};width:max-content">{shown}</pre>'


def main() -> None:
    """Take them once the meetings of the next minutes are announced."""
    name, minutes = sys.argv[1], int(sys.argv[2])
    host = testinfra.get_host(f"podman://{name}")
    meetings(host, minutes)
    time.sleep(60 * minutes + 30)
    page = host.check_output("cat /var/lib/hivetalk-scheduler/status.html")
    written = datetime.fromisoformat(re.findall('data-written="([^"]*)"', page)[0]) + timedelta(seconds=4)
    # A terminal of its own, so that there are colours.
    command = "script --quiet --command 'TERM=xterm hivetalk-scheduler status' /dev/null"
    says = "$ hivetalk-scheduler status\n" + host.check_output(command)
    TOUR.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as directory, chromium() as browser:
        file = Path(directory) / "status.html"

        def picture(target: str, text: str, **options: Any) -> None:
            file.write_text(text, encoding="utf-8")
            context = browser.new_context(**options)
            shown = context.new_page()
            # As it was seen when it was written, however long the browser takes to start.
            shown.clock.set_fixed_time(written)
            shown.goto(file.as_uri())
            if target == "status":
                shown.locator("pre").screenshot(path=TOUR / f"{target}.png")
            else:
                shown.screenshot(path=TOUR / f"{target}.png")
            context.close()

        picture("page-light", page, viewport=DESK, color_scheme="light")
        picture("page-dark", page, viewport=DESK, color_scheme="dark")
        picture("page-phone", page, viewport=PHONE, color_scheme="light")
        picture("status", terminal(says), viewport={"width": 1400, "height": 600})
    for file in sorted(TOUR.glob("*.png")):
        print(f"{file.relative_to(TOUR.parents[1])}  {file.stat().st_size / 1024:.0f} kB")


if __name__ == "__main__":
    main()
