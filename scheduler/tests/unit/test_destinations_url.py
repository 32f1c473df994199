"""Which URLs are destinations, what each is called, and that no secret is shown."""

import subprocess
import sys
from pathlib import Path

import pytest
from apprise.manager_plugins import NotificationManager

from hivetalk_scheduler import destinations
from hivetalk_scheduler.config import Config
from hivetalk_scheduler.destinations import BUILT_IN, check, create, label
from hivetalk_scheduler.destinations.schemes import SCHEMES

GOOD = [
    "journal:",
    "exec:/usr/local/bin/announce",
    "https://example.org",
    "https://user:word@example.org:8443/hook?key=1",
    "http://[::1]:8080/",
    "wss://relay.example",
    "WSS://Relay.Example/inbox",
    "ws://127.0.0.1:7777",
]


@pytest.mark.parametrize("url", GOOD)
def test_a_good_url_is_a_destination_and_can_be_created(url: str) -> None:
    check(url)
    assert create(url, Config()).url == url


@pytest.mark.parametrize(
    ("url", "mend"),
    [
        ("", "known are journal, https, http, wss, ws, exec"),
        ("relay.example", "no destination has the scheme (none); known are journal"),
        ("mailto:bob@example.org", "it takes the form mailto://..."),
        ("malito://bob@example.org", "and Apprise's; did you mean mailto?"),
        ("journal:x", "write journal:"),
        ("exec:announce", "absolute path of a program"),
        ("exec:", "absolute path of a program"),
        ("exec://host/path", "absolute path of a program"),
        ("exec:/usr/local/bin/", "absolute path of a program"),
        ("exec:/bin/announce --now", "arguments go into a script"),
        ("https:///hook", "write https://host/path"),
        ("https:example.org", "write https://host/path"),
        ("wss://:7777", "write wss://host/path"),
        ("wss://relay.example:0", "a number of 1 to 65535"),
        ("wss://relay.example:65536", "a number of 1 to 65535"),
        ("wss://relay.example:port", "a number of 1 to 65535"),
        ("https://example.org/hook#part", "a fragment (#...) is never sent"),
        ("https://example.org/a b", "percent-encode them"),
        ("https://example.org/\n", "percent-encode them"),
        ("https://exa\tmple.org/", "percent-encode them"),
        ("https://[::1/", "IPv6"),
    ],
)
def test_a_bad_url_is_refused_with_the_mend(url: str, mend: str) -> None:
    with pytest.raises(ValueError) as caught:
        check(url)
    assert mend in str(caught.value)
    with pytest.raises(ValueError):
        create(url, Config())


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("journal:", "journal:"),
        ("JOURNAL:", "journal:"),
        ("exec:/Usr/bin/x?y#z", "exec:/Usr/bin/x?y#z"),
        ("WSS://Relay.Example:443/", "wss://relay.example"),
        ("ws://relay.example:80/inbox/", "ws://relay.example/inbox"),
        ("wss://relay.example:8443", "wss://relay.example:8443"),
        ("HTTPS://Example.org:443/Hook/", "https://example.org/Hook/"),
        ("http://[::1]:80/", "http://[::1]"),
    ],
)
def test_a_label_is_the_normalised_url(url: str, name: str) -> None:
    assert label(url) == name


@pytest.mark.parametrize(
    "url",
    [
        "https://user:hunter2@example.org/hook",
        "https://hunter2@example.org/hook",
        "https://example.org/hook?token=hunter2",
        "wss://user:hunter2@relay.example",
    ],
)
def test_a_label_shows_neither_userinfo_nor_query_but_stays_unique(url: str) -> None:
    name, twin = label(url), label(url.replace("hunter2", "hunter3"))
    assert "hunter2" not in name
    assert "user" not in name
    assert name != twin
    assert name.partition("#")[0] == twin.partition("#")[0]


@pytest.mark.parametrize(
    "url", ["https://example.org/services/hunter2", "exec:/hunter2", "hook:hunter2", "hunter2"]
)
def test_the_label_and_the_error_of_a_secret_url_show_no_more_than_its_host(url: str) -> None:
    try:
        name = label(url, secret=True)
    except ValueError as error:
        name = str(error)
    assert "hunter2" not in name
    assert "#" in name


@pytest.mark.parametrize(
    "url",
    ["https://user:hunter2@[::1/", "https://user:hunter2@example.org:port/", "wss://hunter2@:1/?hunter2"],
)
def test_the_error_for_a_url_that_cannot_be_parsed_shows_no_secret(url: str) -> None:
    with pytest.raises(ValueError) as caught:
        check(url)
    assert "hunter2" not in str(caught.value)


def test_labels_of_secret_urls_with_one_host_differ() -> None:
    one, two = (label(f"https://example.org/{part}", secret=True) for part in "ab")
    assert one.startswith("https://example.org#")
    assert one != two


@pytest.mark.parametrize(
    "url", ["exec:/bin/sh", "https://example.org/", "http://127.0.0.1/", "journal:", "file:/x"]
)
def test_a_url_from_the_database_is_a_relay_or_nothing(url: str) -> None:
    with pytest.raises(ValueError, match="a room's relay is a URL that begins with wss:// or ws://"):
        create(url, Config(), of_room=True)


def test_checking_urls_imports_nothing_heavy() -> None:
    """An idle run checks its URLs and sends nothing."""
    program = (
        "import sys; from hivetalk_scheduler.destinations import check, label\n"
        f"for url in {GOOD!r}: check(url); label(url)\n"
        "heavy = {'aiohttp', 'asyncio', 'coincurve', 'ssl', 'importlib.metadata', 'yarl', 'json'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    found = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(Path(destinations.__file__).parents[2])},
    )
    assert found.stdout == "[]\n"


class _Pigeon(destinations.Destination):
    async def send(self, message: object) -> object:  # type: ignore[override]
        raise NotImplementedError


def test_another_package_adds_a_scheme_through_its_entry_point(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pytest.TempPathFactory
) -> None:
    package = tmp_path / "pigeon-1.dist-info"  # type: ignore[operator]
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: pigeon\nVersion: 1\n")
    (package / "entry_points.txt").write_text(
        f"[{destinations.ENTRY_POINTS}]\npigeon = tests.unit.test_destinations_url:_Pigeon\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    check("pigeon:loft")
    assert type(create("pigeon:loft", Config())).__name__ == "_Pigeon"
    assert label("pigeon:loft?key=1").startswith("pigeon:loft#")
    with pytest.raises(ValueError, match="known are journal, https, http, wss, ws, exec, pigeon"):
        check("dove:loft")


def test_the_schemes_of_apprise_are_those_that_it_has() -> None:
    """Another version has others: write these into destinations/schemes.py, and its version."""
    found = set(NotificationManager().schemas())
    assert found == SCHEMES
    assert not found & set(BUILT_IN)
