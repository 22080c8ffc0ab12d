"""Tests of the simulated machines: a rehearsal that lies proves nothing."""
