"""The scheme ``noop://``: a destination that answers at once, so that a burst measures the scheduler alone."""

from hivetalk_scheduler.destinations import Destination
from hivetalk_scheduler.message import Answer, Message

_DONE = Answer("done")


class Noop(Destination):
    """Takes everything, as many at once as the configuration allows."""

    async def send(self, message: Message) -> Answer:
        """Done."""
        return _DONE
