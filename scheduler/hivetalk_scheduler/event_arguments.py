"""The words of ``events ...``; see ``arguments``."""

import argparse

from hivetalk_scheduler.moment import EXAMPLES

ADD = """\
examples:
  events add "Tea with the bees" --start "tomorrow 15:00 Europe/Berlin" --for "45 minutes" --room tea
  events add Stand-up --start "in 20 minutes" --end "in 30 minutes"
  events add Carols --start 2026-12-24T18:00+01:00 --for "1 h 30 min" --url postgresql:///hivetalk

A time without a zone is UTC. What is ambiguous or past is refused; what is written is said back.
"""
MOVE = """\
examples:
  events move 7d3c... --start "friday 9am Europe/Berlin"    as long as before
  events move 7d3c... --end now                             a meeting that runs ends now
"""
IMPORT = """\
examples:
  events import team.ics --dry-run                          what would change?
  events import https://example.org/team.ics --room tea     again and again: it updates and withdraws, and never doubles
  curl -s ADDRESS | hivetalk-scheduler events import - --calendar team

Meetings that have begun are not withdrawn. Days, and times without a zone, are those of --zone.
"""
EXPORT = """\
examples:
  events export > meetings.ics
  events export --from 2026-01-01T00:00Z --until "in 30 days" > meetings.ics
"""


def add_arguments(parser: argparse.ArgumentParser, common: argparse.ArgumentParser) -> None:
    """The words of each subcommand."""
    commands = parser.add_subparsers(
        dest="subcommand", metavar="COMMAND", required=True, parser_class=type(parser)
    )

    def command(
        name: str, summary: str, epilog: str | None = None, writes: bool = False
    ) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=summary, description=summary, epilog=epilog, parents=[common])
        if writes:
            made.add_argument(
                "--url", help="connect here instead of to database_url, as the owner of the table events"
            )
            made.add_argument(
                "--password-stdin", action="store_true", help="read the owner's password from standard input"
            )
        return made

    listing = command("list", "the meetings that run and come, soonest first")
    export = command("export", "write the meetings as iCalendar to standard output", EXPORT)
    for shown in (listing, export):
        shown.add_argument("--from", metavar="TIME", dest="from_", default="now", help="default: now")
        shown.add_argument("--until", metavar="TIME", help="default: whatever comes")
        shown.add_argument("--room", metavar="NAME")
    listing.add_argument("--limit", type=int, metavar="N", default=50, help="default: %(default)s")
    command("show", "one meeting, and what has been announced of it").add_argument("id", metavar="ID")

    add = command("add", "write a meeting", ADD, writes=True)
    add.add_argument("name", metavar="NAME")
    move = command("move", "give a meeting another start or end", MOVE, writes=True)
    move.add_argument("id", metavar="ID")
    for timed_ in (add, move):
        timed_.add_argument("--start", metavar="TIME", required=timed_ is add, help=f"such as: {EXAMPLES}")
        end = timed_.add_mutually_exclusive_group(required=timed_ is add)
        end.add_argument("--end", metavar="TIME")
        end.add_argument("--for", metavar="LENGTH", dest="for_", help="such as: 45 minutes")
    add.add_argument("--room", metavar="NAME", help="room_info holds its key and its relay")
    add.add_argument("--description", metavar="TEXT", default="")
    cancel = command("cancel", "withdraw meetings that have not begun", writes=True)
    cancel.add_argument("ids", metavar="ID", nargs="+")

    imports = command("import", "take over a calendar's meetings (iCalendar)", IMPORT, writes=True)
    imports.add_argument(
        "source", metavar="SOURCE", help="a file, an https or http URL, or - for standard input"
    )
    imports.add_argument(
        "--until", metavar="TIME", help="take over what starts up to then; default: in 90 days"
    )
    imports.add_argument("--calendar", metavar="NAME", help="what this calendar is known as; default: SOURCE")
    imports.add_argument(
        "--zone", metavar="AREA/CITY", help="default: the calendar's own (X-WR-TIMEZONE), else UTC"
    )
    imports.add_argument(
        "--room", metavar="NAME", help="of all meetings; default: LOCATION, where it is a room's name"
    )
    imports.add_argument("--dry-run", action="store_true", help="say what would change, and change nothing")
