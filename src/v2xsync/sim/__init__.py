"""Simulated machines for `v2xsync demo`, rehearsals and tests.

Everything here plays *other people's* machines: servers, their data, and the lines to them. It may read clocks and make
threads; the engine never imports it.
"""
