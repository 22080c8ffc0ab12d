"""Drives: what is plugged in (udev), where it is mounted, and how it gets there and away again."""
