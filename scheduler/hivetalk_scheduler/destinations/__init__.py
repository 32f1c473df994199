"""Destinations: where announcements go. The scheme of the URL picks the kind.

Nothing heavy is imported here: every run checks its URLs, and most runs send nothing.
"""

import re
from abc import ABC, abstractmethod
from importlib import import_module
from typing import TYPE_CHECKING, ClassVar, cast
from urllib.parse import SplitResult, urlsplit, urlunsplit

from hivetalk_scheduler.config import Config
from hivetalk_scheduler.message import Answer, Format, Message

if TYPE_CHECKING:
    from hivetalk_scheduler.check import Check
    from hivetalk_scheduler.notice import Notice

ENTRY_POINTS = "hivetalk_scheduler.destinations"
"""The entry point group: name = scheme, object = a subclass of Destination."""

BUILT_IN = {
    "journal": "hivetalk_scheduler.destinations.journal:Journal",
    "https": "hivetalk_scheduler.destinations.webhook:Webhook",
    "http": "hivetalk_scheduler.destinations.webhook:Webhook",
    "wss": "hivetalk_scheduler.destinations.relay:Relay",
    "ws": "hivetalk_scheduler.destinations.relay:Relay",
    "exec": "hivetalk_scheduler.destinations.exec:Exec",
}

_KINDS = {scheme: module.partition(":")[0].rpartition(".")[2] for scheme, module in BUILT_IN.items()}
_DEFAULT_PORTS = {"https": 443, "http": 80, "wss": 443, "ws": 80}
_RELAY_SCHEMES = ("wss", "ws")


class Destination(ABC):
    """One receiver, for the length of one run."""

    format: ClassVar[Format] = "none"
    """The bytes that `send` expects in a message."""
    concurrency: int = 1
    """How many sends the caller may have in flight at once."""

    def __init__(self, url: str, config: Config) -> None:
        self.url = url
        self.config = config

    async def open(self) -> None:
        """Begin what a send would wait for, and return at once; the send meets and reports what fails."""
        return

    @abstractmethod
    async def send(self, message: Message) -> Answer:
        """Send once, within `config.delivery_timeout` seconds in total.

        Never raises for anything that a receiver or the network does; only CancelledError passes.
        """

    async def tell(self, notice: "Notice") -> Answer:
        """Send a notice to an operator, as `send` does; a kind that can do so says how."""
        return Answer("permanent", "this kind of destination takes no alerts")

    async def probe(self) -> "list[Check]":
        """Whether it would take an announcement, as far as can be seen without one; ends in bounded time."""
        from hivetalk_scheduler.check import warning

        return [warning("answer", "this kind cannot be asked", "test-event --in 75 --wait sends it an event")]

    async def close(self) -> None:
        """Let go of connections; nothing may be in flight."""
        return


def check(url: str, *, secret: bool = False, of_room: bool = False, alert: bool = False) -> None:
    """Raise ValueError, naming the mend, if `url` cannot be a destination.

    secret: the URL is itself a secret, so that the error shows no more than its host. of_room: the URL comes
    from the database, so it may be a relay and nothing else. alert: operators are told there.
    """
    try:
        _refuse_bad(url, of_room)
        if alert and urlsplit(url).scheme in _RELAY_SCHEMES:
            raise ValueError(
                "an alert on a relay would be public and stay there; take a webhook, exec:, or one of Apprise's"
            )
    except ValueError as error:
        raise ValueError(f"{_shown(url, secret)!r}: {error}") from None


def label(url: str, *, secret: bool = False) -> str:
    """The name of a destination in the database and in logs: normalised, unique, and never a secret.

    Raises ValueError for a URL that `check` refuses.
    """
    check(url, secret=secret)
    return _shown(url, secret)


def kind(url: str) -> str:
    """What counts are kept by: "relay", "webhook", "exec", "journal", or "other".

    Of a URL, or of its name. There are no more, whatever URL a row of the database holds.
    """
    return _KINDS.get(url.partition(":")[0].lower(), "other")


def urls(config: Config) -> dict[str, str]:
    """The configured destinations, secret ones too, by their labels."""
    found = {label(url): url for url in config.destinations}
    return found | {label(url, secret=True): url for url in config.secrets.destinations}


def create(url: str, config: Config, *, of_room: bool = False) -> Destination:
    """The destination for `url`, not yet connected.

    of_room: the URL comes from the database; under `room_relays = "public"` such a relay is connected to only
    at public addresses. Raises ValueError as `check` does.
    """
    check(url, of_room=of_room)
    if of_room:
        from hivetalk_scheduler.destinations.relay import Relay

        return Relay(url, config, public_only=config.room_relays == "public")
    return _kind(urlsplit(url).scheme)(url, config)


def _kind(scheme: str) -> type[Destination]:
    if scheme in BUILT_IN:
        module, _, name = BUILT_IN[scheme].partition(":")
        return cast(type[Destination], getattr(import_module(module), name))
    from importlib.metadata import entry_points

    for found in entry_points(group=ENTRY_POINTS, name=scheme):
        return cast(type[Destination], found.load())
    from hivetalk_scheduler.destinations.apprise import Apprise

    return Apprise


def _refuse_bad(url: str, of_room: bool) -> None:
    if not url.isprintable() or " " in url:
        mend = "arguments go into a script" if url.lower().startswith("exec:") else "percent-encode them"
        raise ValueError(f"a URL has no spaces and no control characters; {mend}")
    scheme = urlsplit(url).scheme
    if of_room and scheme not in _RELAY_SCHEMES:
        raise ValueError("a room's relay is a URL that begins with wss:// or ws://")
    if scheme == "journal":
        if url.partition(":")[2]:
            raise ValueError("nothing follows journal:; write journal:")
    elif scheme == "exec":
        path = url.partition(":")[2]
        if not path.startswith("/") or path.startswith("//") or path.endswith("/"):
            raise ValueError(
                "write exec: and the absolute path of a program, as in exec:/usr/local/bin/announce"
            )
    elif scheme in BUILT_IN:
        _refuse_bad_address(urlsplit(url))
    else:
        _refuse_unknown(scheme)
        if _of_apprise(scheme) and not re.match(r"[^:]+://.", url):
            raise ValueError(f"it takes the form {scheme}://..., as Apprise's wiki has it")


def _refuse_bad_address(parts: SplitResult) -> None:
    if not parts.hostname:
        raise ValueError(f"the host is missing; write {parts.scheme}://host/path")
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise ValueError("the port is not a number of 1 to 65535")
    if parts.fragment:
        raise ValueError("a fragment (#...) is never sent; leave it out, or write %23 for a literal #")


def _refuse_unknown(scheme: str) -> None:
    from importlib.metadata import entry_points

    added = entry_points(group=ENTRY_POINTS)
    found = [point.name for point in added if point.name == scheme]
    if len(found) > 1:
        raise ValueError(f"two installed packages provide the scheme {scheme}; uninstall one")
    if not found and not _of_apprise(scheme):
        import difflib

        from hivetalk_scheduler.destinations.schemes import SCHEMES

        known = ", ".join(dict.fromkeys([*BUILT_IN, *sorted(point.name for point in added)]))
        close = difflib.get_close_matches(scheme, [*BUILT_IN, *SCHEMES], 1)
        mend = f"; did you mean {close[0]}?" if close else ""
        raise ValueError(
            f"no destination has the scheme {scheme or '(none)'}; known are {known}, and Apprise's{mend}"
        )


def _of_apprise(scheme: str) -> bool:
    """Whether Apprise has the scheme; most runs need not know them all."""
    if scheme in BUILT_IN:
        return False
    from hivetalk_scheduler.destinations.schemes import SCHEMES

    return scheme in SCHEMES


def _shown(url: str, secret: bool) -> str:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        # Not parsable, so nothing in it is known not to be a secret.
        return f"{url.partition('//')[0][:12]}//#{_digest(url)}"
    if _of_apprise(parts.scheme):
        # A token may be anywhere in it, even where others have the host.
        return f"{parts.scheme}://#{_digest(url)}"
    if parts.scheme in ("journal", "exec"):
        return f"{parts.scheme}:#{_digest(url)}" if secret else parts.scheme + ":" + url.partition(":")[2]
    if ":" in host:
        host = f"[{host}]"
    if port is not None and port != _DEFAULT_PORTS.get(parts.scheme):
        host = f"{host}:{port}"
    path = parts.path.rstrip("/") if parts.scheme in _RELAY_SCHEMES or parts.path == "/" else parts.path
    userinfo, at, _ = parts.netloc.rpartition("@")
    normal = urlunsplit((parts.scheme, userinfo + at + host, path, parts.query, parts.fragment))
    if secret:
        return f"{parts.scheme}://{host}#{_digest(normal)}"
    shown = urlunsplit((parts.scheme, host, path, "", ""))
    return shown if shown == normal else f"{shown}#{_digest(normal)}"


def _digest(text: str) -> str:
    """Keeps two labels apart; too short to recover what it hides."""
    import hashlib

    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
