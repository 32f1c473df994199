"""Every statement that a run makes. All of its SQL goes through here; the texts are in ``sql/queries.sql``."""

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from hivetalk_scheduler import clock, log, sql
from hivetalk_scheduler.clock import Clock
from hivetalk_scheduler.database import Connection, Row, translated
from hivetalk_scheduler.delivery import Completion, Delivery, Payload
from hivetalk_scheduler.destinations import kind
from hivetalk_scheduler.errors import ConfigError
from hivetalk_scheduler.event import Event
from hivetalk_scheduler.lean import psycopg
from hivetalk_scheduler.release import canary, counted_by

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0)
"""Of lateness, by which it is counted; seconds."""


class Look(NamedTuple):
    """What a run learns first; times in microseconds since the epoch."""

    now: int
    version: int | None
    oldest: int | None
    origin: int | None
    caught_to: int | None
    swept_to: int | None
    known: Sequence[str]


class Wanted(NamedTuple):
    """What a catch asks for, beside the window."""

    names: Sequence[str]
    room_relays: bool
    """A room's own relay is a destination, too."""
    limit: int
    lead: float
    canary: str
    """The destination of the test events that this release on this host alone fires."""


def moment(microseconds: int) -> datetime:
    """Microseconds since the epoch as the datetime that psycopg binds exactly."""
    return _EPOCH + timedelta(microseconds=microseconds)


def texts(items: Iterable[str | None]) -> str:
    """A PostgreSQL array literal (manual, section 8.15.2): the server chooses the type, and psycopg, which would look
    at each item several times, has nothing to do."""
    quoted = (
        "NULL" if item is None else '"' + item.replace("\\", "\\\\").replace('"', '\\"') + '"'
        for item in items
    )
    return "{" + ",".join(quoted) + "}"


def numbers(items: Iterable[float | None]) -> str:
    """The same of numbers."""
    return "{" + ",".join("NULL" if item is None else str(item) for item in items) + "}"


_BOUNDS = numbers(round(bound * 1e6) for bound in BOUNDS)


class Store:
    """The scheduler's tables over one connection. Not for use by two threads at once.

    Every method raises SchedulerError where the database does not answer as it should.
    """

    def __init__(self, connection: Connection, clock_: Clock) -> None:
        self.connection = connection
        self._clock = clock_
        self._sql = sql.statements("queries")
        self.canary, self._counted_by = canary(), counted_by()

    def _all(self, name: str, /, kind: Any = None, **parameters: Any) -> list[Any]:
        """The rows as dictionaries, or as `kind`, a named tuple with the statement's columns in their order."""
        rows = psycopg.rows.dict_row if kind is None else lambda _: kind._make
        cursor = self.connection.cursor(binary=True, row_factory=rows)
        cursor.execute(self._sql[name], parameters or None)
        return cursor.fetchall() if cursor.description else []

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """One transaction with its own time-outs."""
        with translated():
            self.connection.execute(self._sql["begin"])
            try:
                yield
                self.connection.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(psycopg.Error):
                    self.connection.execute("ROLLBACK")
                raise

    def look(self, names: Sequence[str]) -> Look:
        """The database's time, the schema's version, the watermark, and which of the destinations it knows."""
        before = clock.monotonic()
        row = self._all("look", names=list(names))[0]
        self._clock.sync(row["now"], before, clock.monotonic())
        look = Look(**row)
        unfit = sql.unfit(look.version, look.oldest)
        if unfit:
            raise ConfigError(unfit)
        return look

    def start(self, look: Look, names: Sequence[str], origin: int) -> None:
        """Write the watermark of a first run, and the destinations that are new; both begin at `origin`."""
        if look.caught_to is None:
            self._all("start_watermark", origin=moment(origin))
        new = [name for name in names if name not in look.known]
        if new:
            self._all("start_destinations", names=new, origin=moment(origin))

    def wanted(self, bounds: tuple[int, int], now: int, wanted: Wanted, running: bool = False) -> list[Row]:
        """What a catch at `now` with these `bounds` would write; changes nothing.

        `running`: of the events that began in the window, only those that still run.
        """
        self.connection.execute(self._sql["by_index"])
        return self._all("wanted", **_window(bounds), now=moment(now), running=running, **wanted._asdict())

    def catch(
        self, bounds: tuple[int, int], now: int, wanted: Wanted, first: bool = False, running: bool = False
    ) -> int:
        """Write what is wanted; returns how many deliveries.

        `first`: what the predecessor recorded as sent is taken as sent.
        """
        found = {"now": moment(now), "first": first, "running": running, **wanted._asdict()}
        self.connection.execute(self._sql["by_index"])
        caught = len(self._all("catch", **_window(bounds), **found))
        if caught:
            self._all("count_caught", by=self._counted_by, n=caught)
        return caught

    def sweep(self, span: tuple[int, int], limit: int) -> int | None:
        """Where the event starts that lies `limit` events into the span; None if there are fewer."""
        upper: int | None = self._all("sweep", **_window(span), limit=limit)[0]["upper"]
        return upper

    def mark(self, now: int, swept_to: int | None) -> None:
        """The catch at `now` is complete, and the sweep has come so far."""
        self._all("mark", now=moment(now), swept_to=None if swept_to is None else moment(swept_to))

    def start_run(self, run: str, bounds: tuple[int, int], now: int, **fields: Any) -> None:
        """Record a run; `fields`: host, release, offset (seconds), caught, idle (it ends here)."""
        self._all("start_run", run=run, now=moment(now), **_window(bounds), **fields)

    def finish_run(self, run: str, **counts: int) -> None:
        """Record a run's end; `counts`: caught, delivered, retried, failed."""
        self._all("finish_run", run=run, **counts)

    def ahead(self, until: int, limit: int, lead: float, leased: bool = False) -> list[Delivery]:
        """What is pending up to `until`, soonest first; what some run has claimed only if `leased`."""
        parameters = {"until": moment(until), "limit": limit, "lead": lead, "leased": leased}
        return self._all("ahead", Delivery, canary=self.canary, **parameters)

    def claim(
        self, run: str, lease: float, limit: int, busy: Iterable[str] = (), run_up: float = 0, lead: float = 0
    ) -> list[Delivery]:
        """Claim what is due within `run_up` seconds, for `lease` seconds, but for the destinations `busy`."""
        parameters = {
            "lease": lease, "limit": limit, "busy": list(busy), "run_up": run_up, "lead": lead, "canary": self.canary,
        }  # fmt: skip
        before = clock.monotonic()
        claimed = self._all("claim", Delivery, run=run, **parameters)
        if claimed:
            self._clock.sync(claimed[-1].now, before, clock.monotonic())
        return claimed

    def sources(self, deliveries: Iterable[Delivery]) -> dict[tuple[str, bool], Event]:
        """The events as they are now, by (event id, test)."""
        ids: dict[bool, set[str]] = {False: set(), True: set()}
        for delivery in deliveries:
            ids[delivery.test].add(delivery.event_id)
        events = self._all("sources", Event, ids=texts(ids[False])) if ids[False] else []
        if ids[True]:
            events += self._all("test_sources", Event, ids=texts(ids[True]))
        return {(event.id, event.test): event for event in events}

    def payloads(self, deliveries: Iterable[Delivery]) -> list[Payload]:
        """Everything stored for the events of these deliveries."""
        rows = self._all("payloads", ids=texts({delivery.event_id for delivery in deliveries}))
        return [
            Payload(
                (r["event_id"], r["test"], r["transition"], r["due_at"], r["generation"]),
                r["format"], r["message_id"], r["created_at"], r["body"],
            )
            for r in rows
        ]  # fmt: skip

    def store_payloads(self, payloads: Iterable[Payload]) -> int:
        """Store new payloads, and return how many; one that is there already stays as it is."""
        ordered = sorted(
            payloads, key=lambda p: (p.key, p.format)
        )  # one order, so that two runs cannot deadlock
        parameters = {
            "event_ids": texts(p.key[0] for p in ordered),
            "tests": numbers(int(p.key[1]) for p in ordered),
            "transitions": texts(p.key[2] for p in ordered),
            "due_ats": texts(str(moment(p.key[3])) for p in ordered),
            "generations": numbers(p.key[4] for p in ordered),
            "formats": texts(p.format for p in ordered),
            "message_ids": texts(p.message_id for p in ordered),
            "created_ats": numbers(p.created_at for p in ordered),
            "bodies": texts(p.body for p in ordered),
        }
        return self.connection.execute(self._sql["store_payloads"], parameters).rowcount

    def complete(self, run: str, completions: Sequence[Completion]) -> set[int]:
        """Record what became of claimed deliveries; returns the ids of those whose claim still held."""
        rows = self._all(
            "complete",
            run=run,
            ids=numbers(c.delivery.id for c in completions),
            claims=numbers(c.delivery.claims for c in completions),
            states=texts(c.state for c in completions),
            attempted=numbers(int(c.attempted) for c in completions),
            fired_ats=numbers(c.fired_at for c in completions),
            answers=texts(c.answer.replace("\0", "\ufffd") for c in completions),
            delays=numbers(c.delay for c in completions),
            shown=numbers(int(c.shown) for c in completions),
            kinds=texts(kind(c.delivery.destination) for c in completions),
            by=self._counted_by,
            bounds=_BOUNDS,
        )
        return {row["id"] for row in rows}

    def refresh(self, bounds: tuple[int, int], now: int, every: int) -> int:
        """Write the next refresh, `every` seconds, of each event that began within `bounds` and runs at `now`."""
        parameters = {**_window(bounds), "now": moment(now), "every": every}
        return self.connection.execute(self._sql["refresh"], parameters).rowcount

    def rest(self, name: str, first: float, longest: float) -> int:
        """Let the destination rest, `first` seconds the first time; returns until when."""
        return int(self._all("rest", name=name, first=first, longest=longest)[0]["probe_at"])

    def recover(self, name: str) -> None:
        """The destination takes deliveries again."""
        self._all("recover", name=name)

    def prune(self, retention: int, limit: int) -> dict[str, int]:
        """Delete up to `limit` rows of each table that ended more than `retention` seconds ago; returns how many.

        A destination that nothing waits for, and whose rest is over, counts as failing no more.
        """
        found: dict[str, int] = self._all("prune", retention=retention, limit=limit)[0]
        return found

    def write_back(self, statuses: dict[str, tuple[str, str | None]]) -> set[str]:
        """Tell the application: event id -> (status, Nostr event id); returns the ids that could not be written.

        What the application's side raises, its own trigger for instance, costs nothing but that.
        """
        self._all("savepoint")
        try:
            rows = self._all(
                "write_back",
                event_ids=texts(statuses),
                statuses=texts(status for status, _ in statuses.values()),
                nostr_ids=texts(nostr_id for _, nostr_id in statuses.values()),
            )
            self._all("release")
        except psycopg.Error as error:
            if self.connection.broken:
                raise
            self._all("back")
            log.warning("write-back-failed", events=len(statuses), error=" ".join(str(error).split()))
            return set(statuses)
        return {row["id"] for row in rows}

    def show(self, limit: int) -> None:
        """Write back what could not be written before."""
        statuses = {
            row["event_id"]: (shown(row["transition"], row["state"]), row["message_id"])
            for row in self._all("unshown", limit=limit)
        }
        if statuses:
            left = self.write_back(statuses)
            self._all("show", event_ids=list(statuses.keys() - left))


def shown(transition: str, state: str) -> str:
    """What ``events.status`` says of a delivery that ended."""
    outcome = "sent" if state == "delivered" else "failed"
    return f"{'live' if transition == 'refresh' else transition}:{outcome}"


def _window(bounds: tuple[int, int]) -> dict[str, datetime]:
    return {"lower": moment(bounds[0]), "upper": moment(bounds[1])}
