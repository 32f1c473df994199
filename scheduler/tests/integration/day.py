"""A day in the database, written as rows: what the status page and `status` show."""

import psycopg

HOSTILE = {
    "script": "<script>document.title='owned'</script></script><img src=x onerror=\"document.title='owned'\">",
    "svg": '"/><svg onload="document.title=\'owned\'"><style>body{display:none}</style>',
    "template": "{{ 7 * 7 }}{% raw %}&lt;b&gt;&#x202e;",
    "bidi": "moor\u202egnp.exe\u2066 meeting",
    "control": "bell\x07 escape\x1b[2J return\rnew\nline",
    "long": "bees " * 2000,
    "word": "B" * 10_000,
    "hebrew": "\u05d3\u05d1\u05d5\u05e8\u05d9\u05dd",
}
"""Names of events that mean something to a browser or a terminal, or are endless."""


def runs(owner: psycopg.Connection, minutes: int = 1440, gap: tuple[int, int] | None = None) -> None:
    """A run a minute up to now; none from `gap`'s first to its second minute ago."""
    owner.execute(
        "INSERT INTO hivetalk_scheduler.run "
        "       (id, host, release, started_at, window_from, window_to, finished_at, clock_offset, caught) "
        "SELECT md5('run' || m), 'bee-1', '0.1.0-5f0c7d9e2b41', t, t - interval '2 min', t + interval '2 min', "
        "       t + interval '0.1 s', interval '3 ms', 0 "
        "  FROM generate_series(0, %s) AS m, LATERAL (SELECT now() - make_interval(secs => 5 + 60 * m) AS t) AS x "
        " WHERE NOT coalesce(m > %s AND m < %s, false)",
        [minutes, *(gap or (None, None))],
    )


def events(owner: psycopg.Connection, n: int, name: str = "Tea with the bees", span: float = 48) -> None:
    """`n` events of half an hour, spread over `span` hours around now."""
    owner.execute(
        "INSERT INTO events (name, start_time, end_time, room_name) "
        "SELECT %s || ' ' || i, t, t + interval '30 min', 'room' FROM generate_series(1, %s) AS i, "
        "LATERAL (SELECT now() + make_interval(secs => %s * 3600.0 * ((i - 0.3) / %s - 0.5)) AS t) AS x",
        [name, n, span, n],
    )


def sent(owner: psycopg.Connection, destination: str, state: str = "delivered", answer: str = "200") -> None:
    """What fell due in the last day at `destination`, all of it in `state`, most of it within 40 ms."""
    owner.execute(
        "INSERT INTO hivetalk_scheduler.delivery (event_id, test, transition, due_at, destination, state, next_at, "
        "                                         attempts, fired_at, completed_at, answer) "
        "SELECT id::text, false, what, due, %(to)s, %(state)s, due, "
        "       1, due + late, due + late + interval '20 ms', %(answer)s "
        "  FROM events, LATERAL (VALUES ('live', start_time), ('ended', end_time)) AS x (what, due), "
        "       LATERAL (SELECT make_interval(secs => CASE WHEN abs(hashtext(id::text)) %% 50 = 0 THEN 2.5 "
        "                ELSE 0.004 + abs(hashtext(id::text)) %% 1000 / 30000.0 END) AS late) AS l "
        " WHERE due < now() AND due > now() - interval '23:59'",
        {"to": destination, "state": state, "answer": answer},
    )


def fine(owner: psycopg.Connection) -> None:
    """Everything is well."""
    runs(owner)
    events(owner, 60)
    sent(owner, "journal:")
    sent(owner, "wss://relay.example.org")


def failing(owner: psycopg.Connection) -> None:
    """Everything fails: forty destinations, runs, a time without any."""
    runs(owner, gap=(60, 90))
    events(owner, 60)
    for i in range(40):
        sent(owner, f"wss://relay{i}.example.org", "dead" if i % 2 else "expired", f"4{i:02} go away")
    owner.execute(
        "UPDATE hivetalk_scheduler.run SET finished_at = NULL WHERE started_at BETWEEN now() - interval '620 min' "
        "AND now() - interval '600 min'"
    )
    owner.execute(
        "INSERT INTO hivetalk_scheduler.destination "
        "VALUES ('wss://relay1.example.org', now(), 4, now() + interval '3 min')"
    )
    owner.execute(
        "UPDATE hivetalk_scheduler.delivery SET state = 'pending', completed_at = NULL, fired_at = NULL, attempts = 0 "
        "WHERE due_at > now() - interval '2 hours' AND destination = 'wss://relay2.example.org'"
    )


def hostile(owner: psycopg.Connection) -> None:
    """Names, destinations and answers that want to be more than text."""
    runs(owner)
    for name in HOSTILE.values():
        events(owner, 2, name, span=1)
    sent(owner, "journal:")
    sent(owner, f"wss://{HOSTILE['script']}", "dead", HOSTILE["script"] + HOSTILE["bidi"])
    owner.execute(
        "UPDATE hivetalk_scheduler.run SET host = %s, release = %s, finished_at = NULL "
        "WHERE started_at < now() - interval '23:50'",
        [HOSTILE["svg"], HOSTILE["script"]],
    )


def busy(owner: psycopg.Connection) -> None:
    """10,000 events in two days, after a month of them."""
    runs(owner)
    events(owner, 10_000)
    sent(owner, "journal:")
    owner.execute(
        "INSERT INTO events (start_time, end_time) SELECT t, t + interval '1 hour' "
        "  FROM generate_series(1, 40000) AS i, "
        "LATERAL (SELECT now() - interval '2 days' - make_interval(secs => i * 60) AS t) AS x"
    )
    owner.execute(
        "INSERT INTO hivetalk_scheduler.delivery "
        "       (event_id, test, transition, due_at, destination, state, next_at, completed_at) "
        "SELECT 'old' || i, false, 'live', t, 'journal:', 'delivered', t, t FROM generate_series(1, 80000) AS i, "
        "LATERAL (SELECT now() - interval '2 days' - make_interval(secs => i * 30) AS t) AS x"
    )
    owner.execute(
        "INSERT INTO hivetalk_scheduler.run "
        "       (id, host, release, started_at, window_from, window_to, finished_at, clock_offset) "
        "SELECT 'old' || i, 'bee-1', '0', t, t, t, t, interval '0' FROM generate_series(1, 40000) AS i, "
        "LATERAL (SELECT now() - interval '2 days' - make_interval(secs => i * 60) AS t) AS x"
    )
    owner.execute("ANALYZE")


WORLDS = {
    "fine": fine,
    "failing": failing,
    "hostile": hostile,
    "busy": busy,
    "empty": lambda owner: None,
}
