"""The configuration: ``config.toml`` and the secrets that systemd hands over as credentials.

A key of the file has the name of the Ansible variable without its prefix ``hivetalk_scheduler_``.
"""

import math
import os
import re
import tomllib
from typing import Any, NamedTuple

from hivetalk_scheduler.errors import ConfigError

DEFAULT_PATH = "/etc/hivetalk-scheduler/config.toml"

START_UP = 0.35
"""Seconds, at most, from a tick that has elapsed to the first query of its run (measured: 0.25 to 0.31)."""
GRACE = 5.0
"""Seconds that a run keeps free before its time-out, to finish what is in flight."""


class Secrets(NamedTuple):
    """What systemd's ``LoadCredential=`` provides, one file each in ``$CREDENTIALS_DIRECTORY``."""

    nostr_nsec: str | None = None
    webhook_secret: str | None = None
    database_password: str | None = None
    destinations: tuple[str, ...] = ()
    """Destinations whose URL is itself a secret, one a line."""
    alerts: tuple[str, ...] = ()
    """The same for `Config.alerts`."""
    ping_url: str | None = None

    def __repr__(self) -> str:
        return "Secrets(...)"


class Config(NamedTuple):
    """Every setting; times are seconds."""

    database_url: str = "postgresql:///hivetalk"
    destinations: tuple[str, ...] = ("journal:",)
    interval: int = 60
    on_calendar: str = ""
    jitter: float = 5
    accuracy: float = 1
    timeout: int = 180
    window_behind: int = 120
    window_ahead: int = 120
    hold: bool = True
    lead: float = 0
    batch_size: int = 500
    concurrency: int = 16
    delivery_timeout: float = 10
    max_attempts: int = 200
    max_lateness: int = 86_400
    rate: float = 0
    refresh: int = 1800
    retention: int = 30 * 86_400
    room_url: str = "https://hivetalk.org/join/{room}"
    room_relays: str = "public"
    topics: tuple[str, ...] = ("hivetalk", "livestream")
    write_back: bool = True
    metrics: bool = True
    status_page: bool = False
    alerts: tuple[str, ...] = ()
    """Where an operator is told of runs that fail."""
    alert_reminder: int = 3600
    secrets: Secrets = Secrets()


_LOW_HIGH: dict[str, tuple[float, float]] = {
    "interval": (1, 3600),
    "jitter": (0, 3600),
    "accuracy": (0.000001, 3600),
    "timeout": (5, 86_400),
    "window_behind": (0, 86_400),
    "window_ahead": (0, 86_400),
    "lead": (0, 3600),
    "batch_size": (1, 10_000),
    "concurrency": (1, 1000),
    "delivery_timeout": (0.1, 300),
    "max_attempts": (1, 1000),
    "max_lateness": (60, 365 * 86_400),
    "rate": (0, 100_000),
    "refresh": (0, 86_400),
    "retention": (3600, 10 * 365 * 86_400),
    "alert_reminder": (10, 7 * 86_400),
}
"""The range of each number, ends included."""


def load(path: str) -> Config:
    """Read and check the file at `path` and the credentials; raises ConfigError."""
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except FileNotFoundError:
        raise ConfigError(
            f"{path} does not exist: deploy the role, or name another file with --config"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from None
    return parse(text, path, read_secrets(os.environ.get("CREDENTIALS_DIRECTORY")))


def parse(text: str, path: str = "config.toml", secrets: Secrets | None = None) -> Config:
    """Check the TOML in `text`; every problem is named in one ConfigError."""
    try:
        given = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not TOML: {error}") from None
    except RecursionError:
        raise ConfigError(f"{path} is not TOML: lists or tables are nested too deeply") from None
    values, problems = _values(given)
    config = Config(**values, secrets=secrets or Secrets())
    if not problems:
        problems = _misfits(config) + _bad_texts(config)
    if problems:
        raise ConfigError(f"{path}: " + "\n".join(problems))
    return config


def sound_part(path: str) -> Config:
    """Each setting of the file that is sound by itself, and the secrets, however wrong the rest is."""
    try:
        with open(path, "rb") as file:
            given = tomllib.load(file)
    except (OSError, ValueError, RecursionError):
        given = {}
    return Config(**_values(given)[0], secrets=read_secrets(os.environ.get("CREDENTIALS_DIRECTORY")))


def _values(given: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The settings that are sound by themselves, and what is wrong with the others."""
    known = {name: value for name, value in Config._field_defaults.items() if name != "secrets"}
    problems = []
    values: dict[str, Any] = {}
    for name, value in given.items():
        if name not in known:
            import difflib

            close = difflib.get_close_matches(name, known, 1)
            problems.append(f"{name}: no such setting" + (f"; did you mean {close[0]}?" if close else ""))
            continue
        problem = _problem(name, value, known[name])
        if problem:
            problems.append(problem)
        else:
            values[name] = tuple(value) if isinstance(value, list) else value
    return values, problems


def _problem(name: str, value: object, default: object) -> str | None:
    """What is wrong with one value by itself."""
    if isinstance(default, bool) or isinstance(value, bool):
        if not (isinstance(default, bool) and isinstance(value, bool)):
            wanted = "true or false" if isinstance(default, bool) else type(default).__name__
            return f"{name} is {value!r}: it takes {wanted}"
    elif name in _LOW_HIGH:
        low, high = _LOW_HIGH[name]
        whole = isinstance(default, int) and name not in (
            "jitter",
            "accuracy",
            "lead",
            "delivery_timeout",
            "rate",
        )
        if not isinstance(value, int) if whole else not isinstance(value, (int, float)):
            return f"{name} is {value!r}: it takes a {'whole ' if whole else ''}number of {low:g} to {high:g}"
        if not low <= value <= high or math.isnan(value):  # type: ignore[operator,arg-type]  # checked above
            return f"{name} is {value!r}: it takes {low:g} to {high:g}"
    elif isinstance(default, tuple):
        if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
            return f"{name} is {value!r}: it takes a list of strings"
    elif not isinstance(value, str):
        return f"{name} is {value!r}: it takes a string"
    return None


def longest_hold(config: Config) -> float:
    """Seconds that a run may last while it holds: to the next tick that has surely elapsed, and up to one
    second more, since hand-overs lie between whole seconds."""
    return config.interval + config.jitter + config.accuracy + START_UP + 1


def _misfits(config: Config) -> list[str]:
    """Which settings do not fit each other, and what would."""
    problems = []
    c = config
    if not c.on_calendar and not (
        60 % c.interval == 0 if c.interval < 60 else 3600 % c.interval == 0 and c.interval % 60 == 0
    ):
        problems.append(
            f"interval is {c.interval}: a calendar timer ticks evenly only if it divides 60, or is a multiple of "
            "60 that divides 3600; take such a number, or set on_calendar"
        )
    if c.jitter >= c.interval:
        problems.append(
            f"jitter ({c.jitter:g}) and interval ({c.interval}): the jitter must be shorter than the interval"
        )
    if c.accuracy >= c.interval:
        problems.append(
            f"accuracy ({c.accuracy:g}) and interval ({c.interval}): the accuracy must be finer than the interval"
        )
    cycle = c.interval + c.jitter + c.accuracy
    ahead = math.ceil(longest_hold(c) + c.lead)
    if c.hold and c.window_ahead < ahead:
        problems.append(
            f"window_ahead ({c.window_ahead}) and interval + jitter + accuracy ({cycle:g}): "
            f"a run must see what falls due before the next one; set window_ahead to at least {ahead}"
        )
    if c.window_behind < c.interval:
        problems.append(
            f"window_behind ({c.window_behind}) and interval ({c.interval}): the windows of two runs must overlap; "
            f"set window_behind to at least {c.interval}"
        )
    kept = math.ceil(c.max_lateness + c.window_behind + c.lead)
    if c.retention <= kept:
        problems.append(
            f"retention ({c.retention}) and max_lateness ({c.max_lateness}): a row must not be forgotten while its "
            f"event could be caught again; set retention to more than {kept}"
        )
    needed = math.ceil((longest_hold(c) if c.hold else 0) + c.delivery_timeout + GRACE)
    if c.timeout < needed:
        problems.append(
            f"timeout ({c.timeout}) and {'interval + jitter + accuracy' if c.hold else 'delivery_timeout'}: "
            f"a run needs up to {needed} s; set timeout to at least {needed}"
        )
    return problems


def _bad_texts(config: Config) -> list[str]:
    from hivetalk_scheduler import destinations

    problems = []
    if config.room_url.count("{room}") != 1 or not re.match(r"https?://[^/\[\]{}]+(/|$)", config.room_url):
        problems.append(
            f"room_url is {config.room_url!r}: it takes an http(s) URL that contains {{room}} once"
        )
    if config.room_relays not in ("public", "any", "none"):
        problems.append(f"room_relays is {config.room_relays!r}: it takes public, any or none")
    problems += bad_database_url(config.database_url)
    for name, given in (("destinations", config.destinations), ("alerts", config.alerts)):
        secret: tuple[str, ...] = getattr(config.secrets, name)
        for variable, part in ((name, given), (f"secret_{name}", secret)):
            for place, url in enumerate(part):
                try:
                    destinations.check(url, secret=url in secret, alert=name == "alerts")
                except ValueError as error:
                    problems.append(f"{variable}[{place}]: {error}")
    if config.secrets.ping_url and not re.match(r"https?://[^/\s]+/\S+$", config.secrets.ping_url):
        problems.append("ping_url is not shown, as it is a secret: it takes an http(s) URL with a path")
    return problems


def bad_database_url(url: str, name: str = "database", where: str = "the credential ") -> list[str]:
    """What can be seen without libpq, which the controller need not have (PostgreSQL manual, 34.1.1.2).

    name: of the setting, without "_url". where: its password belongs.
    """
    match = re.fullmatch(r"postgres(?:ql)?://(?:([^/?#@]*)@)?([^/?#@]*)(/[^?#]*)?(?:\?([^#]*))?", url)
    if match is None:
        return [f"{name}_url: it takes postgresql://[USER@][HOST[:PORT][,...]]/DATABASE[?PARAMETERS]"]
    user, hosts, _, parameters = match.groups(default="")
    problems = []
    if ":" in user or "password=" in parameters:
        problems.append(f"{name}_url contains a password: put it in {where}{name}_password")
    for host in hosts.split(","):
        if not re.fullmatch(r"(\[[0-9A-Fa-f:.%]+\]|[^\[\]:]*)(:\d{1,5})?", host):
            problems.append(f"{name}_url: {host!r} is not HOST or HOST:PORT")
    return problems


def read_secrets(directory: str | None) -> Secrets:
    """The credentials in `directory` (systemd.exec(5), CREDENTIALS_DIRECTORY); all absent if it is None."""
    if directory is None:
        return Secrets()

    def read(name: str) -> str | None:
        try:
            with open(f"{directory}/{name}", encoding="utf-8") as file:
                return file.read().strip() or None
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"the credential {name} cannot be read: {type(error).__name__}") from None

    def urls(name: str) -> tuple[str, ...]:
        return tuple(line.strip() for line in (read(name) or "").splitlines() if line.strip())

    return Secrets(
        nostr_nsec=read("nostr_nsec"),
        webhook_secret=read("webhook_secret"),
        database_password=read("database_password"),
        destinations=urls("destinations"),
        alerts=urls("alerts"),
        ping_url=read("ping_url"),
    )
