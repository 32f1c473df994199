"""Prints when a pause ends, in UTC; ends with the mend if the text does not say so, or it is over.

Arguments: the text, as 90min, 2h, 3d (from now on), or a time by ISO 8601, which is UTC unless it says otherwise.
"""

import re
import sys
from datetime import UTC, datetime, timedelta

UNITS = {"s": "seconds", "min": "minutes", "h": "hours", "d": "days"}
MEND = "give a time such as 2026-11-24 08:00 (UTC) or 2026-11-24T09:00+01:00, or a span such as 90min, 2h, 3d"


def end(text: str, now: datetime) -> datetime:
    """The end that `text` means, to the second; raises ValueError with the reason."""
    span = re.fullmatch(r"(\d{1,6})(s|min|h|d)", text)
    if span:
        found = now + timedelta(**{UNITS[span[2]]: int(span[1])})
    else:
        try:
            found = datetime.fromisoformat(text)
        except ValueError:
            raise ValueError(f"that is no time; {MEND}") from None
        if found.tzinfo is None:
            found = found.replace(tzinfo=UTC)
    found = found.astimezone(UTC).replace(microsecond=0)
    if found <= now:
        raise ValueError(f"that is over, it is {now:%Y-%m-%d %H:%M:%S} UTC; {MEND}")
    return found


if __name__ == "__main__":
    try:
        print(f"{end(sys.argv[1], datetime.now(UTC)):%Y-%m-%d %H:%M:%S} UTC")
    except (ValueError, OverflowError) as error:
        sys.exit(f"hivetalk_scheduler_pause_until is {sys.argv[1]!r}: {error}")
