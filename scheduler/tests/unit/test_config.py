"""The configuration file: every problem is named, with its value and the mend."""

from pathlib import Path

import pytest

from hivetalk_scheduler import config
from hivetalk_scheduler.errors import ConfigError


def problem(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        config.parse(text)
    assert caught.value.status == 78
    return str(caught.value)


def test_nothing_set_is_the_default() -> None:
    assert config.parse("") == config.Config()
    assert config.Config().destinations == ("journal:",)


def test_an_unknown_setting_is_refused_with_the_closest_name() -> None:
    assert "intervall: no such setting; did you mean interval?" in problem("intervall = 60")


@pytest.mark.parametrize("value", ["0", "-5", "3601", "1.5", '"60"', "true", "[60]", "nan"])
def test_an_interval_out_of_range_is_refused(value: str) -> None:
    assert "interval is" in problem(f"interval = {value}")


def test_an_uneven_interval_is_refused_with_what_would_do() -> None:
    assert "interval is 7:" in problem("interval = 7")
    assert "set on_calendar" in problem("interval = 90")


@pytest.mark.parametrize(
    ("text", "pair", "mend"),
    [
        ("timeout = 60", "timeout (60) and interval + jitter + accuracy", "at least 83"),
        ("hold = false\ntimeout = 14", "timeout (14) and delivery_timeout", "at least 15"),
        ("window_ahead = 60", "window_ahead (60) and interval + jitter + accuracy", "at least 68"),
        ("window_behind = 59", "window_behind (59) and interval (60)", "at least 60"),
        ("jitter = 60\nwindow_ahead = 300", "jitter (60) and interval (60)", "shorter"),
        ("accuracy = 60\nwindow_ahead = 300", "accuracy (60) and interval (60)", "finer"),
    ],
)
def test_settings_that_do_not_fit_are_named_as_a_pair_with_what_would(
    text: str, pair: str, mend: str
) -> None:
    found = problem(text)
    assert pair in found and mend in found


def test_a_window_that_the_timeout_allows_is_taken() -> None:
    assert config.parse("timeout = 83").timeout == 83
    assert config.parse("window_ahead = 68").window_ahead == 68


def test_every_problem_is_named_at_once() -> None:
    found = problem("interval = 0\nconcurrency = 'x'\nnonsense = 1")
    assert all(name in found for name in ("interval", "concurrency", "nonsense"))


def test_an_unknown_scheme_is_refused_with_the_known_ones() -> None:
    found = problem('destinations = ["gopher://x"]')
    assert "gopher" in found and "wss" in found


def test_a_password_in_the_url_is_refused_and_not_shown() -> None:
    for url in ("postgresql://u:hunter2@h/d", "postgresql://u@h/d?password=hunter2"):
        found = problem(f'database_url = "{url}"')
        assert "database_password" in found and "hunter2" not in found


@pytest.mark.parametrize(
    "url",
    [
        "mysql://h/d",
        "postgresql://[::1/db",
        "postgresql://u@h:54x32/db",
        "postgresql://h:1:2/d",
        "postgresql:h",
    ],
)
def test_a_malformed_database_url_is_refused(url: str) -> None:
    assert "database_url" in problem(f'database_url = "{url}"')


@pytest.mark.parametrize(
    "url",
    ["postgresql:///hivetalk", "postgresql://u@db1:5432,db2/d?sslmode=verify-full", "postgres://[::1]:5432/d",
     "postgresql:///d?host=/run/postgresql"],
)  # fmt: skip
def test_every_form_of_a_database_url_is_taken(url: str) -> None:
    assert config.parse(f'database_url = "{url}"').database_url == url


def test_room_url_needs_its_placeholder() -> None:
    for url in ("https://example.org/join/", "https://[x/{room}", "ftp://h/{room}", "https://{room}/"):
        assert "{room}" in problem(f'room_url = "{url}"')


def test_what_is_no_toml_and_what_is_not_there(tmp_path: Path) -> None:
    assert "not TOML" in problem("interval = ")
    with pytest.raises(ConfigError, match="does not exist"):
        config.load(str(tmp_path / "none.toml"))


def test_secrets_come_from_the_credentials_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nostr_nsec").write_text("the key\n")
    (tmp_path / "destinations").write_text("https://a.example/hook?token=hunter2\n\n")
    (tmp_path / "config.toml").write_text("")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    found = config.load(str(tmp_path / "config.toml"))
    assert found.secrets.nostr_nsec == "the key"
    assert found.secrets.destinations == ("https://a.example/hook?token=hunter2",)
    assert "hunter2" not in repr(found) and "the key" not in repr(found)


def test_a_secret_destination_is_not_shown_when_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        config.parse("", secrets=config.Secrets(destinations=("https://hooks.example:0/hunter2?hunter2",)))
    assert "hunter2" not in str(caught.value)


def test_a_bad_destination_is_named_by_its_place_since_its_url_may_not_be() -> None:
    given = (
        'destinations = ["journal:", "ws://u:hunter2@h:bad"]\nalerts = ["https://h/", "https://[::1/hunter2"]'
    )
    secrets = config.Secrets(destinations=("https://hooks.example/", "https://hooks.example:0/hunter2"))
    with pytest.raises(ConfigError) as error:
        config.parse(given, secrets=secrets)
    said = str(error.value).splitlines()
    places = [line.removeprefix("config.toml: ").partition(":")[0] for line in said]
    assert places == ["destinations[1]", "secret_destinations[1]", "alerts[1]"]
    assert "hunter2" not in str(error.value)
