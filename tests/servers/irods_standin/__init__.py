"""A stand-in for an iRODS server, at the level of its protocol. It is NOT iRODS.

No iRODS server is packaged for the machines that run these tests. This package speaks enough of the protocol (4.2.9 to
5.0, XML encoding) for python-irodsclient and the adapter under test: message layouts are transcribed from the client's
message classes, error codes from rodsErrorTable.h, the meaning of conditions, replica states, checksums and refusals
from the server's sources. It shares no code with v2xsync.

CyVerse, or any other real zone, was never exercised by it. What a real server does differently, these tests cannot see.

::

    with StandIn(tmp_path) as zone:
        session = iRODSSession(host=zone.host, port=zone.port, zone=zone.name, user=zone.username, ...)
"""

from tests.servers.irods_standin.faults import Faults
from tests.servers.irods_standin.server import StandIn

__all__ = ["Faults", "StandIn"]
