"""The commands other than ``run``, one module each; imported when called."""
