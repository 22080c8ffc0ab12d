"""v2xsync: a courier for field data."""

__version__ = "0.1.0"
