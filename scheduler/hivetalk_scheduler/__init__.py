"""Announces meetings that PostgreSQL holds, each on its second."""

__version__ = "0.2.0"
