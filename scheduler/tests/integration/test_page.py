"""The status page's text: what it says of a day, what it costs, and how the file is replaced."""

import re
import stat
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from hivetalk_scheduler import config, sql
from hivetalk_scheduler.cli import main
from hivetalk_scheduler.console import Console
from hivetalk_scheduler.page import facts, timeline
from hivetalk_scheduler.run import run
from tests.integration import day, host

Made = Callable[[str], str]


@pytest.fixture
def file(tmp_path: Path, url: str) -> str:
    path = tmp_path / "config.toml"
    destinations = '["journal:", "wss://relay.example.org", "https://example.org/hook?token=opensesame"]'
    path.write_text(f'database_url = "{url}"\ndestinations = {destinations}\n')
    return str(path)


@pytest.fixture
def made(file: str, owner: psycopg.Connection, capfd: pytest.CaptureFixture[str]) -> Made:
    """The page of a world, as the command prints it."""

    def page_of(world: str) -> str:
        day.WORLDS[world](owner)
        assert main(["page", "--config", file]) == 0
        return capfd.readouterr().out

    return page_of


def rows(html: str, section: str) -> list[list[str]]:
    """The cells of a section's first table, without markup."""
    body = re.search(rf'<h2 id="{section}">.*?<tbody>(.*?)</tbody>', html, re.S)
    assert body is not None, section
    cells = re.findall(r"<tr>(.*?)</tr>", body[1], re.S)
    return [
        [re.sub(r"<[^>]*>", "", cell).strip() for cell in re.findall(r"<t[hd].*?>(.*?)</t[hd]>", row)]
        for row in cells
    ]


def test_the_verdict_comes_first_then_the_day_the_next_and_the_destinations(made: Made) -> None:
    html = made("fine")
    assert html.index("<h1>✓ Fine</h1>") < html.index('id="timeline"') < html.index('id="next"')
    assert "118 in the last 24 hours, 180 known for the next" in " ".join(html.split())
    upcoming = rows(html, "next")
    assert len(upcoming) == facts.LIMIT and upcoming == sorted(upcoming)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", upcoming[0][0]) and upcoming[0][3].startswith(
        "Tea with"
    )
    assert "and 48 more starts and ends within 24 hours" in html
    assert [row[:3] for row in rows(html, "destinations")][1:] == [
        ["journal:", "fine", "59"],
        ["wss://relay.example.org", "fine", "59"],
    ]
    assert "None: nothing is dead" in html
    (hour, whole) = rows(html, "lateness")
    assert (hour[0], whole[0], whole[4]) == ("hour", "day", "118")


def test_what_went_wrong_is_told_with_its_reason(made: Made) -> None:
    html = made("failing")
    assert "<h1>✕ Failing</h1>" in html and "1180 dead in the last day" in html
    assert rows(html, "destinations")[0][1].startswith("rests until")
    assert "and 30 more destinations" in html or "and 31 more destinations" in html
    reasons = rows(html, "incidents")
    assert len(reasons) == facts.LIMIT
    assert all(row[1:5] == ["59", "dead" if n % 2 else "expired", f"wss://relay{n}.example.org", f"4{n:02} go away"]
               for row in reasons for n in [int(re.search(r"\d+", row[3])[0])] if n != 2)  # type: ignore[index]  # fmt: skip
    assert "and 28 more kinds of failure" in html
    assert re.search(r"Times without a run</h3>\s*<ul>\s*<li>.*: 30 min</li>", html)
    assert "Runs that did not complete" in html


def test_a_test_event_of_no_uuid_is_among_what_was_sent_and_what_failed(
    file: str, owner: psycopg.Connection, capfd: pytest.CaptureFixture[str]
) -> None:
    """As after each deploy, whose canary is one."""
    for state, transition in (("delivered", "live"), ("dead", "ended")):
        owner.execute(
            "INSERT INTO hivetalk_scheduler.delivery (event_id, test, transition, due_at, destination, state,"
            " next_at, fired_at, completed_at) VALUES ('test-1', true, %s, now(), 'journal:', %s, now(), now(), now())",
            [transition, state],
        )
    assert main(["page", "--config", file]) == 0
    html = capfd.readouterr().out
    assert "test-1" in rows(html, "latest")[0][4]
    assert "test-1" in html.split('id="incidents"')[1].split("</section>")[0]


def test_an_empty_database_has_a_page(made: Made) -> None:
    html = made("empty")
    assert "<h1>? Not known yet</h1>" in html and "No run yet" in html and "No event lies ahead" in html


def test_it_holds_no_secret(made: Made, url: str) -> None:
    html = made("fine")
    assert "https://example.org/hook#" in html and "opensesame" not in html
    assert url not in html and "host=" not in html


def test_hostile_text_stays_text(made: Made) -> None:
    html = made("hostile")
    assert html.count("<script>") == 1 and html.count("<svg ") == 2 and "<img" not in html
    assert "&lt;script&gt;document.title" in html
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", html)
    assert "{{ 7 * 7 }}" in html and "BBBB…" in html and "B" * 200 not in html


def test_10_000_events_make_no_larger_page(made: Made) -> None:
    html = made("busy")
    known = re.search(r"([\d,]+) in the last 24 hours, ([\d,]+) known", " ".join(html.split()))
    # 5,000 starts and ends of a day, at one destination; those ahead, at three.
    assert known and [round(int(n.replace(",", "")), -3) for n in known.groups()] == [10_000, 30_000]
    assert len(html) < 100_000
    assert html.count("<g>") <= 2 * timeline.DAY // timeline.STEP + 1


def test_only_indexes_are_read(owner: psycopg.Connection, file: str) -> None:
    """After a month of history, no statement of the page reads a table from end to end."""
    day.busy(owner)
    settings = config.load(file)
    console = Console(settings)
    asked: list[str] = []

    class Explaining:
        def ask(self, name: str, /, **parameters: Any) -> list[dict[str, Any]]:
            with psycopg.connect(settings.database_url) as plain:
                text = sql.statements("page").get(name) or sql.statements("console")[name]
                plan = "\n".join(row[0] for row in plain.execute(f"EXPLAIN {text}", parameters or None))
            asked.append(name)
            whole = re.findall(r"Seq Scan on (?:delivery|events|run|payload)\b.*", plan)
            assert not whole, f"{name}: {whole}\n{plan}"
            return console.ask(name, **parameters)

        def read(self, file: str) -> None:
            console.read(file)

    facts.gather(Explaining(), settings)  # type: ignore[arg-type]
    assert {"past", "ahead", "upcoming", "failures", "destinations", "gaps", "health", "lateness"} <= set(
        asked
    )


def test_a_run_writes_it_if_it_is_wanted(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    run(host.config(url, metrics=False))
    assert list(tmp_path.iterdir()) == []
    run(host.config(url, metrics=False, status_page=True))
    assert [path.name for path in tmp_path.iterdir()] == ["status.html"]
    file = tmp_path / "status.html"
    assert stat.S_IMODE(file.stat().st_mode) == 0o644 and "<h1>✓ Fine</h1>" in file.read_text()


def test_the_command_says_where_it_cannot_write(file: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["page", "/nowhere/status.html", "--config", file]) == 64
    assert "/nowhere/status.html cannot be written: No such file" in capfd.readouterr().err


def test_a_release_holds_every_file_of_the_package() -> None:
    """What is no Python is packed only if pyproject.toml says so."""
    top = Path(__file__).parents[3]
    packed = tomllib.loads((top / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    package = top / "scheduler/hivetalk_scheduler"
    named = {path for pattern in packed["hivetalk_scheduler"] for path in package.glob(pattern)}
    others = {
        p for p in package.rglob("*") if p.is_file() and p.suffix != ".py" and "__pycache__" not in p.parts
    }
    assert named == others
