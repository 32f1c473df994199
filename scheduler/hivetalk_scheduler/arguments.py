"""The words of the command line. The service's own need none of this: argparse costs as much as the rest of a run."""

import argparse
from typing import Any, NoReturn

from hivetalk_scheduler import __version__, config, event_arguments
from hivetalk_scheduler.errors import UsageError

EXAMPLES = {
    "config check": "is the configuration sound? (needs no database)",
    "db check": "schema, grants, indexes, malformed rows",
    "plan --at 2026-12-24T18:00Z": "what would a run at that time catch and fire?",
    "test-event --in 75 --wait": "does an event arrive by the timer alone?",
    "deliveries list --state dead": "what was refused, and by whom?",
    "events list": "the meetings that run and come",
    "doctor": "what is wrong, from the configuration to a relay's answer?",
    "status": "is it fine? runs, next events, lateness",
    "status --check": "the same for a monitoring system",
}
"""What a command may be given, and why: of the whole, and of the command whose words it begins with."""
MORE_EXAMPLES = {
    "config check --json": "each setting, for a program",
    "db migrate --url postgresql:///x --grant-to bee": "as the owner, for that role",
    "db purge --url postgresql:///x": "as the owner",
    "plan --at now --json": "the same of a run that would start now, for a program",
    "test-event --in 75 --for 30 --wait": "one that ends 30 s after its start",
    "deliveries list --event 4711 --json": "all of one event, for a program",
    "deliveries show 17": "why is it in its state? what was sent?",
    "deliveries retry --state dead": "what refused them is mended: send them",
    "deliveries retry 17 --anew": "once more, as something new",
    "deliveries discard --event 4711": "say nothing of that event any more",
    "events show 7d3c": "what has been announced of it?",
    "events cancel 7d3c 81f0": "both are off",
    "doctor --json": "the same for a program",
    "status --watch": "again every 2 s",
    "metrics": "what a scrape would read",
    "page /tmp/page.html": "as it is now, into a file",
}
EXIT = """\
exit status: 0 fine, 64 usage, 65 bad data, 69 database unreachable, 75 try again, 78 bad configuration
"""


STATES = ("pending", "delivered", "superseded", "cancelled", "expired", "dead", "discarded")


class _Parser(argparse.ArgumentParser):
    """Raises UsageError where argparse would exit with status 2; its help shows the examples of its command."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**{"formatter_class": argparse.RawDescriptionHelpFormatter} | given)
        words = self.prog.split()[1:]
        if self.epilog is None and words:
            self.epilog = _shown(
                {e: why for e, why in (EXAMPLES | MORE_EXAMPLES).items() if e.split()[: len(words)] == words}
            )

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see {self.prog} --help")


def _shown(examples: dict[str, str]) -> str:
    width = max(map(len, examples), default=0)
    lines = [f"  hivetalk-scheduler {words:{width}}  {why}\n" for words, why in examples.items()]
    return "examples:\n" + "".join(lines) if lines else ""


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not 1 <= value <= 86_400:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds from 1 to 86400")
    return value


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 10_000_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to 10000000")
    return int(text)


def parser() -> argparse.ArgumentParser:
    """What the command line takes; raises UsageError where it is wrong."""
    common = _Parser(add_help=False)
    common.add_argument(
        "--config", metavar="FILE", default=argparse.SUPPRESS, help=f"default: {config.DEFAULT_PATH}"
    )
    common.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print JSON")
    whole = _Parser(
        prog="hivetalk-scheduler",
        description="Announces the start and the end of each meeting that PostgreSQL holds.",
        epilog=_shown(EXAMPLES) + "\n" + EXIT,
        parents=[common],
    )
    whole.add_argument("--version", action="version", version=f"hivetalk-scheduler {__version__}")
    commands = whole.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=_Parser)

    def command(name: str, summary: str, to: "argparse._SubParsersAction[_Parser]" = commands) -> _Parser:
        return to.add_parser(name, help=summary, description=summary, parents=[common])

    command("run", "catch and fire once: what the service executes")
    plan = command("plan", "show what a run would catch and fire; changes nothing")
    plan.add_argument("--at", metavar="TIME", required=True, help="ISO 8601 with an offset, or now")
    test = command("test-event", "write a marked event that the timer's runs announce")
    test.add_argument("--in", metavar="SECONDS", dest="in_", type=_seconds, help="start in so long")
    unseen = "a canary: only this release on this host fires it, and only its journal sees it"
    test.add_argument("--unseen", action="store_true", help=unseen)
    test.add_argument("--for", metavar="SECONDS", dest="for_", type=_seconds, default=10, help="default: 10")
    test.add_argument(
        "--wait", action="store_true", help="follow it until it is delivered; non-zero if it is not"
    )
    status = command("status", "is it fine? then runs, next events, deliveries by state, lateness")
    status.add_argument(
        "--check", action="store_true", help="one line, exit status 0 to 3, as a monitoring plugin"
    )
    status.add_argument(
        "--watch", type=_seconds, nargs="?", const=2.0, metavar="SECONDS", help="again and again; default: 2"
    )
    command("metrics", "what is measured, as OpenMetrics")
    page = command("page", "the status page, one HTML file")
    page.add_argument("file", metavar="FILE", nargs="?", default="-", help="default: -, standard output")
    _add_deliveries(
        command("deliveries", "single deliveries: list, show, retry, discard").add_subparsers(
            dest="subcommand", metavar="COMMAND", required=True, parser_class=_Parser
        ),
        common,
    )
    event_arguments.add_arguments(
        command("events", "the meetings: list, show, add, move, cancel, import, export"), common
    )
    database = command("db", "the scheduler's schema").add_subparsers(
        dest="subcommand", metavar="COMMAND", required=True, parser_class=_Parser
    )
    migrate = command("migrate", "bring the schema up to date, as its owner", database)
    purge = command("purge", "drop the schema and all it holds, as its owner; there is no way back", database)
    for owners in (migrate, purge):
        owners.add_argument("--url", help="connect here instead of to database_url, as the owner")
        owners.add_argument(
            "--password-stdin", action="store_true", help="read the owner's password from standard input"
        )
    migrate.add_argument(
        "--grant-to", metavar="ROLE", help="give this role what the scheduler needs, and no more"
    )
    command("check", "schema, grants, indexes, malformed rows", database)
    command("doctor", "look at everything: each line is fine, or says what to do")
    alert = command("alert", "what systemd starts after a run, where alerts are set")
    alert.add_argument("kind", choices=("failed", "recovered"))
    ping = command("ping", "what systemd starts beside a run, where a dead man's switch is set")
    ping.add_argument("moment", choices=("start", "success", "failure"))
    ping.add_argument("--unit", required=True, metavar="NAME", help="the run's")
    command("config", "the configuration").add_subparsers(
        dest="subcommand", metavar="COMMAND", required=True, parser_class=_Parser
    ).add_parser("check", help="is it sound?", parents=[common])
    return whole


def _add_deliveries(commands: "argparse._SubParsersAction[_Parser]", common: _Parser) -> None:
    for name, summary in {
        "list": "the chosen deliveries, latest first",
        "show": "everything about one delivery, with what is sent",
        "retry": "send dead, expired or discarded ones again, however late",
        "discard": "give up pending, dead or expired ones for good",
    }.items():
        parser = commands.add_parser(name, help=summary, description=summary, parents=[common])
        if name == "show":
            parser.add_argument("id", type=int, metavar="NUMBER", help="the number that list shows")
            continue
        parser.add_argument("ids", type=int, metavar="NUMBER", nargs="*", help="the number that list shows")
        parser.add_argument("--state", action="append", choices=STATES, help="may be given more than once")
        parser.add_argument("--destination", metavar="NAME", help="as list shows it")
        parser.add_argument("--event", metavar="ID")
        parser.add_argument("--transition", choices=("live", "refresh", "ended"))
        limit = 50 if name == "list" else 100_000
        parser.add_argument("--limit", type=_count, metavar="N", default=limit, help="default: %(default)s")
        if name == "retry":
            anew = "under a new id, from what the event says now; delivered ones, too"
            parser.add_argument("--anew", action="store_true", help=anew)
