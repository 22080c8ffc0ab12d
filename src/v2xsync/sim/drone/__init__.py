"""A simulated drone on loopback: its heartbeat, its arming, its memory card, and PX4's MAVLink FTP server over UDP.

It plays the autopilot, so it shares nothing with the courier's own client: only MAVLink's message layer is pymavlink's.
"""
