"""The files of an autopilot, over MAVLink FTP (https://mavlink.io/en/services/ftp.html): a source, never a target."""

from __future__ import annotations

from v2xsync.devices.mavftp.options import MavftpOptions, Safety

__all__ = ["MavftpOptions", "Safety"]
