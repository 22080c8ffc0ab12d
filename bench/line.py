"""A slow line as a process: ``line.py SERVER_PORT RTT_MS RATE_MBIT`` prints its port and lives until its stdin ends."""

from __future__ import annotations

import sys

from v2xsync.sim.link import Link, LinkRules


def main(server_port: str, rtt_ms: str, rate_mbit: str) -> None:
    rules = LinkRules(latency_s=float(rtt_ms) / 2000, rate_bytes_s=float(rate_mbit) * 1e6 / 8)
    with Link(int(server_port), rules) as link:
        print(link.port, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
