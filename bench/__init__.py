"""Measures the scheduler beside its peers; ``script/bench`` is its door. Nothing here is part of a release."""
