"""``doctor``: from the configuration to a relay's answer and the clock. Nothing here changes anything."""
