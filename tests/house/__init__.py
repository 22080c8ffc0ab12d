"""Tests of the house itself: its walls, its measures, its manners."""
