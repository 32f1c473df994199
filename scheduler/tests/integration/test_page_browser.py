"""The status page in a real Chromium: to look at, by keyboard, and when something hostile is in it."""

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from hivetalk_scheduler.cli import main
from tests.integration import browser, day

OWNED = "document.title = 'owned'"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser.chromium() as started:
        yield started


@pytest.fixture
def html(request: pytest.FixtureRequest, tmp_path: Path, url: str, owner: psycopg.Connection) -> str:
    """The page of the world that the test is given, or of a fine day; also in status.html."""
    day.WORLDS[getattr(request, "param", "fine")](owner)
    config = tmp_path / "config.toml"
    config.write_text(f'database_url = "{url}"\n')
    assert main(["page", str(tmp_path / "status.html"), "--config", str(config)]) == 0
    return (tmp_path / "status.html").read_text()


def opened(chromium: Browser, path: Path, **options: Any) -> Page:
    """The file, as a person opens it."""
    context = chromium.new_context(**{"viewport": browser.DESK, **options})
    page = context.new_page()
    page.set_default_timeout(20_000)
    page.goto((path / "status.html").as_uri())
    return page


@pytest.mark.parametrize("html", ["fine", "failing", "hostile", "empty"], indirect=True)
def test_axe_finds_no_violation(chromium: Browser, html: str, tmp_path: Path) -> None:
    """On a desk in light, and on a phone in dark; what can be unfolded is unfolded. axe itself is a script from
    outside, so only here the policy is bypassed."""
    backs = set()
    for scheme, viewport in (("light", browser.DESK), ("dark", browser.PHONE)):
        page = opened(chromium, tmp_path, viewport=viewport, color_scheme=scheme, bypass_csp=True)
        page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        found = Axe().run(page).response
        assert len(found["passes"]) > 20, "else axe has not looked"
        assert [
            (v["id"], v["nodes"][0]["html"], v["nodes"][0]["failureSummary"]) for v in found["violations"]
        ] == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it scrolls sideways"
        backs.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        page.context.close()
    assert len(backs) == 2


@pytest.mark.parametrize("html", ["hostile"], indirect=True)
def test_hostile_names_are_shown_and_do_nothing(chromium: Browser, html: str, tmp_path: Path) -> None:
    # Even without the policy: nothing of them is markup.
    page = opened(chromium, tmp_path, bypass_csp=True)
    shown = page.inner_text("body")
    assert day.HOSTILE["script"].partition("</script>")[0] in shown
    assert page.title().startswith("failing") and page.locator("img, main script, main style").count() == 0
    assert page.locator("h1").is_visible()
    page.context.close()


def test_the_policy_stops_what_is_injected_and_nothing_is_asked_of_anyone(
    chromium: Browser, html: str, tmp_path: Path
) -> None:
    injected = (
        f'<script>{OWNED}</script><img src=/image onerror="{OWNED}"><style>h1{{display:none}}</style>'
        "<link rel=stylesheet href=/style.css><script src=/script.js></script><iframe src=/frame></iframe>"
        '<h1 style="display:none">x</h1><form action=/form><button>go</button></form>'
    )

    def visit(text: str) -> tuple[str, bool, list[str]]:
        with browser.served(text) as (address, asked):
            page = chromium.new_page()
            page.goto(f"{address}/status.html", wait_until="networkidle")
            found = page.title(), page.locator("h1").first.is_visible(), asked
            page.evaluate("document.querySelector('button')?.click()")
            page.wait_for_timeout(300)
            page.close()
        return found

    title = re.findall("<title>(.*)</title>", html)[0]
    assert visit(html) == (title, True, ["/status.html"])
    attacked = html.replace("</main>", f"{injected}</main>")
    assert visit(attacked) == (title, True, ["/status.html"])
    without = re.sub('<meta http-equiv="Content-Security-Policy"[^>]*>', "", attacked)
    _, seen, asked = visit(without)
    assert not seen and {"/image", "/style.css", "/script.js", "/frame", "/form?"} <= set(asked), (
        "the attack is none"
    )


def test_a_page_that_is_not_rewritten_says_that_it_is_stale(
    chromium: Browser, html: str, tmp_path: Path
) -> None:
    written = datetime.fromisoformat(re.findall('data-written="([^"]*)"', html)[0])
    patience = int(re.findall('data-patience="([^"]*)"', html)[0])
    page = chromium.new_page()
    page.clock.install(time=written)
    page.goto((tmp_path / "status.html").as_uri())
    page.clock.fast_forward((patience - 5) * 1000)
    assert page.inner_text("#stale") == "" and not page.title().startswith("stale")
    page.clock.fast_forward(10_000)
    assert page.inner_text("#stale").startswith("Stale: no run has written this page since 20")
    assert page.title().startswith("stale: ")
    assert page.evaluate("getComputedStyle(document.querySelector('.verdict')).borderLeftStyle") == "dashed"
    page.close()


def test_without_any_script_it_says_when_it_goes_stale(chromium: Browser, html: str, tmp_path: Path) -> None:
    page = opened(chromium, tmp_path, java_script_enabled=False)
    text = page.inner_text("main")
    assert (
        re.search(r"Written 20[-\d]+ [:\d]+ UTC", text)
        and "if your clock says more, this page is stale" in text
    )
    assert not page.is_visible("#reload"), "nothing is offered that does not work"
    page.context.close()


def test_everything_is_reached_by_keyboard_and_seen_when_it_is(
    chromium: Browser, html: str, tmp_path: Path
) -> None:
    page = opened(chromium, tmp_path)

    def tab() -> str:
        page.keyboard.press("Tab")
        name: str = page.evaluate(
            "(() => { const e = document.activeElement, box = e.getBoundingClientRect(), s = getComputedStyle(e);"
            "return (s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2 && box.left >= 0 && box.width > 0)"
            " ? e.getAttribute('aria-label') || e.id || e.innerText : 'unseen: ' + e.outerHTML })()"
        )
        return name

    assert tab() == "Skip to the verdict"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    assert tab() == "again"
    assert tab() == "The timeline as a table"
    assert not page.is_visible("details table")
    page.keyboard.press("Enter")
    assert page.is_visible("details table")
    reached = [tab() for _ in range(6)]
    assert reached == [
        "The timeline as a table",
        "Next events",
        "Destinations",
        "Lateness",
        "Last sent",
        "Last runs",
    ]
    page.context.close()


def test_it_reloads_by_itself_only_if_asked_to(chromium: Browser, html: str, tmp_path: Path) -> None:
    page = chromium.new_page()
    page.clock.install()
    loads: list[str] = []
    page.on("domcontentloaded", lambda _: loads.append(page.url))
    page.goto((tmp_path / "status.html").as_uri())
    page.clock.fast_forward(40_000)
    assert len(loads) == 1
    page.check("#again")
    with page.expect_event("domcontentloaded"):
        page.clock.fast_forward(40_000)
    assert len(loads) == 2 and page.is_checked("#again"), "and goes on to"
    page.close()
