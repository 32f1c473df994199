"""The two hosts of this scenario, by name."""

FIRST = "hivetalk-operate-1"
"""It is rebooted, and its pause ends by itself."""
SECOND = "hivetalk-operate-2"
"""It is resumed by hand, and is down when its pause ends."""
