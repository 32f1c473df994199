"""Claims: what a run takes out of the database, and what it writes back. Each method is one transaction.

They run in threads, one at a time on each connection; the asynchronous half is in ``fire``.
"""

import random
import threading
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence

from hivetalk_scheduler import clock, log
from hivetalk_scheduler.announcement import Announcements
from hivetalk_scheduler.clock import Clock
from hivetalk_scheduler.config import Config
from hivetalk_scheduler.delivery import Completion, Delivery, Payload
from hivetalk_scheduler.destinations import Destination
from hivetalk_scheduler.event import SECOND, Event
from hivetalk_scheduler.judge import Verdict, judge, sound_end
from hivetalk_scheduler.lane import Ready
from hivetalk_scheduler.message import Answer
from hivetalk_scheduler.retry import backoff
from hivetalk_scheduler.store import Store, shown

REST, LONGEST_REST = 5.0, 300.0
"""Seconds of a failing destination's first rest, and of its longest."""

_PRIORITIES = {"delivered": log.NOTICE, "dead": log.ERR, "expired": log.WARNING, "retried": log.WARNING}

FindDestination = Callable[[str, Event], Destination | Verdict]
"""The destination with that name for that event, or why there is none."""


class Claims:
    """The claims of one run."""

    def __init__(self, store: Store, clock_: Clock, config: Config, run: str, find: FindDestination) -> None:
        self.store = store
        self._clock, self._config, self._run, self._find = clock_, config, run, find
        self._lease = 2 * config.delivery_timeout + 30
        self._announcements = Announcements(config)
        self._reported: set[str] = set()
        self.counts: Counter[str] = Counter()
        self._counting = threading.Lock()

    def take(self, limit: int, busy: Collection[str], run_up: float = 0) -> tuple[list[Ready], int]:
        """Claim up to `limit` deliveries that are due within `run_up` seconds, judge them, and store their payloads:
        all before the first send.

        Returns what is to be sent, and how many were claimed.
        """
        with self.store.transaction():
            claimed = self.store.claim(self._run, self._lease, limit, busy, run_up, self._config.lead)
            if not claimed:
                return [], 0
            # The database's clock was there before its answer came, so what waits from here is never early.
            told = clock.monotonic()
            ready, ended = self._judged(claimed)
            # One for each destination of an event, and what is sent again was stored before.
            payloads = {(r.payload.key, r.payload.format): r.payload for r in ready if r.payload}
            if payloads and self.store.store_payloads(payloads.values()) < len(payloads):
                # Another run may have been first: its bytes are the ones to send.
                stored = {(p.key, p.format): p for p in self.store.payloads([r.delivery for r in ready])}
                ready = [
                    r._replace(payload=stored[r.payload.key, r.payload.format]) if r.payload else r
                    for r in ready
                ]
            held = self._complete(ended, self.store) if ended else set()
        for item in ready:
            self._announcements.forget(item.delivery.key)
        self._after(ended, held)
        ready = [r._replace(start=told + (r.delivery.fire_at - r.delivery.now) / SECOND) for r in ready]
        return sorted(ready, key=lambda r: r.start), len(claimed)

    def build_ahead(self, deliveries: Sequence[Delivery]) -> None:
        """Build and sign what will be sent, so that it need not be done at the instant; changes nothing."""
        with self.store.transaction():
            self._judged(deliveries)

    def complete(self, completions: Sequence[Completion], store: Store | None = None) -> None:
        """Record what became of claimed deliveries; over another connection, if `store` is given."""
        store = store or self.store
        with store.transaction():
            held = self._complete(completions, store)
        self._after(completions, held)

    def _complete(self, completions: Sequence[Completion], store: Store) -> set[int]:
        """Tell the application what its page shows, and record the rest; returns the ids that were still held."""
        statuses: dict[str, tuple[str, str | None]] = {}
        for done in completions if self._config.write_back else ():
            event, state = done.delivery.event_id, done.state
            failed = state == "dead" and done.delivery.transition != "refresh"
            if done.delivery.test or not (failed or state == "delivered") or (failed and event in statuses):
                continue
            nostr_id = done.nostr_id or statuses.get(event, ("", None))[1]
            statuses[event] = (shown(done.delivery.transition, state), nostr_id)
        locked = store.write_back(statuses) if statuses else set()
        if locked:
            completions = [
                c._replace(shown=False) if c.delivery.event_id in locked and c.state != "pending" else c
                for c in completions
            ]
        return store.complete(self._run, completions)

    def record_news(self, news: Mapping[str, str]) -> dict[str, int]:
        """Let the destinations that are tired rest, and the well ones be well; returns how long who rests."""
        with self.store.transaction():
            for name in sorted(name for name, word in news.items() if word == "well"):
                self.store.recover(name)
            tired = sorted(name for name, word in news.items() if word == "tired")
            return {name: self.store.rest(name, REST, LONGEST_REST) for name in tired}

    def _judged(self, deliveries: Sequence[Delivery]) -> tuple[list[Ready], list[Completion]]:
        """Split into what is to be sent, and what ends here."""
        events = self.store.sources(deliveries)
        stored: dict[tuple[str, bool], list[Payload]] = {}
        ready: list[Ready] = []
        ended: list[Completion] = []
        kept: list[tuple[Delivery, Event, Destination]] = []
        for delivery in deliveries:
            now = max(self._clock.now(), delivery.fire_at)
            event = events.get((delivery.event_id, delivery.test))
            found = judge(
                event, delivery.transition, delivery.due_at, now, self._config.max_lateness,
                delivery.of_start, delivery.forced, self._config.lead,
            )  # fmt: skip
            if found is None and event is not None:
                event = self._sound(event)
                destination = self._find(delivery.destination, event)
                if isinstance(destination, Destination):
                    kept.append((delivery, event, destination))
                    continue
                found = destination
            assert found is not None  # noqa: S101 - judge() has a verdict for a missing event
            ended.append(Completion(delivery, found.state, found.reason, attempted=False))
        for payload in self.store.payloads([d for d, _, to in kept if to.format != "none"]):
            stored.setdefault(payload.key[:2], []).append(payload)
        built: dict[tuple[object, str], Payload] = {}
        for delivery, event, destination in kept:
            if destination.format == "none":
                ready.append(Ready(delivery, event, None, self._until(delivery, event)))
                continue
            fire_at = max(self._clock.now(), delivery.fire_at)
            known = stored.setdefault((delivery.event_id, delivery.test), [])
            try:
                made = self._announcements.build(delivery, event, destination.format, fire_at, known)
            except ValueError as error:
                ended.append(Completion(delivery, "dead", str(error), attempted=True))
                continue
            if (made.key, made.format) not in built:
                built[made.key, made.format] = made
                known.append(made)
            ready.append(Ready(delivery, event, made, self._until(delivery, event)))
        return ready, ended

    def _until(self, delivery: Delivery, event: Event) -> int | None:
        """From when on it must not be sent: a `live` at the event's end."""
        if delivery.transition == "ended" or event.ends_at is None:
            return None
        return event.ends_at - round(self._config.lead * SECOND)

    def _sound(self, event: Event) -> Event:
        """The event, without an end that is before its start; that is reported once."""
        if event.ends_at is None or sound_end(event) is not None:
            return event
        if event.id not in self._reported:
            self._reported.add(event.id)
            log.warning("bad-event", event=event.id, field="end_time", error="the end is before the start",
                        mend="correct end_time; until then the event has no end")  # fmt: skip
        return event._replace(ends_at=None)

    def completion(self, ready: Ready, answer: Answer | None, fired_at: int | None) -> Completion:
        """What an answer (None: not sent) makes of a delivery."""
        delivery = ready.delivery
        if answer is None:
            return Completion(delivery, "pending", "handed back unsent", attempted=False, delay=0.0)
        state, delay = "dead", None
        attempts = delivery.attempts + 1
        if answer.verdict == "done":
            state = "delivered"
        elif answer.verdict == "retry" and attempts < self._config.max_attempts:
            state = "pending"
            delay = backoff(attempts, random.random(), answer.retry_after)  # noqa: S311 - jitter, not a secret
        nostr_id = ready.payload.message_id if ready.payload and ready.payload.format == "nostr" else None
        return Completion(delivery, state, answer.text, True, fired_at, delay, nostr_id)

    def _after(self, completions: Sequence[Completion], held: Collection[int]) -> None:
        """Count, and tell the journal."""
        with self._counting:
            told = [self._told(done, done.delivery.id in held) for done in completions]
        log.write_all(told)

    def _told(self, done: Completion, held: bool) -> tuple[int, str, dict[str, object]]:
        delivery = done.delivery
        if not held:
            # The lease ran out and another run has it, or this was recorded before and the answer was lost.
            self.counts["lost"] += 1
            lost: dict[str, object] = {
                "run": self._run,
                "event": delivery.event_id,
                "destination": delivery.destination,
            }
            return log.WARNING, "claim-lost", lost
        word = done.state
        if word == "pending":
            word = "retried" if done.attempted else "handed-back"
        self.counts[word] += 1
        return _PRIORITIES.get(word, log.INFO), word, {
            "run": self._run,
            "event": delivery.event_id,
            "transition": delivery.transition,
            "destination": delivery.destination,
            "lateness_ms": None if done.fired_at is None else round((done.fired_at - delivery.due_at) / 1000),
            "attempt": delivery.attempts + 1 if done.attempted else None,
            "retry_in_s": done.delay if word == "retried" else None,
            "answer": done.answer or None,
            "test": True if delivery.test else None,
        }  # fmt: skip
