"""From options to a channel with an SFTP server at its end: the socket, the host's key, our login.

With `login`, the only modules that know paramiko. Its errors become ours here, in words for people.
"""

from __future__ import annotations

import contextlib
import logging
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import paramiko
from paramiko.ssh_exception import IncompatiblePeer

from v2xsync.devices.ssh import wire
from v2xsync.devices.ssh.hostkeys import HostKey, KnownKeys, host_key, known_keys
from v2xsync.devices.ssh.login import logging_in
from v2xsync.devices.ssh.options import SftpOptions
from v2xsync.devices.ssh.patience import PatientSocket, SilentPeer, TalkingPeer
from v2xsync.devices.ssh.server import software_of
from v2xsync.errors import AccessRefused, DeviceError, DeviceGone, HostKeyRefused, ProtocolFault

_LOG_CHANNEL: Final = "v2xsync.ssh.paramiko"
_CIPHERS_FIRST: Final = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com")
"""AES-GCM needs no second pass for a MAC: a quarter of the processor time of paramiko's first choice."""
_KEY_FAMILIES: Final = (
    ("ssh-ed25519",),
    ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"),
    ("rsa-sha2-512", "rsa-sha2-256"),
)
_WINDOW_BYTES: Final = 32 << 20
"""Never the limit: what is on its way is bounded by what was asked for (`Flow`)."""
_MOST_UNREAD_BYTES: Final = 2 * _WINDOW_BYTES
"""The library takes in whatever comes; a peer that ignores its window must not fill the memory."""
_PACKET_BYTES: Final = 32 * 1024
_RECEIVE_BYTES: Final = 1 << 18
_SEND_BYTES: Final = 32_000
"""Fits into one SSH packet of every server."""
_FAREWELL_S: Final = 0.5

_CHANNEL_CLOSED: Final = "Channel closed."
_TIMED_OUT: Final = ("timeout", "timed out")
"""Words of the library, which has no class of errors for these."""

_BROKEN = (EOFError, OSError, paramiko.SSHException)


class SshLine:
    """An open channel to a host's SFTP server."""

    def __init__(self, device: str, options: SftpOptions, transport: paramiko.Transport, plug: PatientSocket) -> None:
        self._device = device
        self._options = options
        self._transport = transport
        self._plug = plug
        self.software: Final = software_of(transport.remote_version)
        self._channel = _subsystem(device, options, transport)
        plug.waiting = False

    @property
    def alive(self) -> bool:
        """Whether the connection still stands, as far as known without asking."""
        return self._transport.is_active() and not self._channel.closed

    @property
    def pending(self) -> bool:
        """Whether `receive` would return at once."""
        return self._channel.recv_ready()

    def send(self, data: wire.Buffer) -> None:
        """Send all of `data`. Raises DeviceGone."""
        view = memoryview(data)
        try:
            while view:
                sent = self._channel.send(bytes(view[:_SEND_BYTES]))
                if not sent:
                    raise EOFError
                view = view[sent:]
        except _BROKEN as error:
            raise _in_words(self._device, self._options, error) from error

    def receive(self) -> bytes:
        """Return the next bytes. Raises DeviceGone at the end and after `timeout_s` of silence."""
        self._plug.unread = 0
        if len(self._channel.in_buffer) + len(self._channel.in_stderr_buffer) > _MOST_UNREAD_BYTES:
            raise _in_words(self._device, self._options, TalkingPeer())
        try:
            chunk = self._channel.recv(_RECEIVE_BYTES)
        except _BROKEN as error:
            raise _in_words(self._device, self._options, error) from error
        if not chunk:
            raise self._ended()
        return chunk

    def _ended(self) -> DeviceError:
        self._transport.join(_FAREWELL_S)  # where the whole connection is over, its thread says so in a moment
        if not self._transport.is_active():
            return _in_words(self._device, self._options, self._transport.get_exception() or EOFError())
        what = f"the SFTP server of {self._options.address} ended by itself"
        return DeviceGone(self._device, what, remedy="check the sftp subsystem of its SSH server")

    def close(self) -> None:
        """Hang up at once; never raises."""
        _hang_up(self._transport, self._plug)


def open_line(device: str, options: SftpOptions) -> SshLine:
    """Connect, check the host's key, log in, and start the SFTP server.

    Raises DeviceGone, HostKeyRefused, AccessRefused, ProtocolFault; ConfigError where a known_hosts file is unreadable.
    """
    with logging_in(device, options) as login:
        while True:
            transport, plug = _trusted_transport(device, options)
            try:
                with _words(device, options):
                    inside = login.succeeds(transport)
                if inside:
                    return SshLine(device, options, transport, plug)
            except BaseException:
                _hang_up(transport, plug)
                raise
            _hang_up(transport, plug)


def look_at_host_key(device: str, options: SftpOptions) -> HostKey:
    """Return the key that the host shows now, without judging it and without logging in. Raises DeviceGone."""
    transport, plug = _handshake(device, options, ())
    try:
        return _shown_key(transport)
    finally:
        _hang_up(transport, plug)


# --- the host's key --------------------------------------------------------------------------------------------------


def _trusted_transport(device: str, options: SftpOptions) -> tuple[paramiko.Transport, PatientSocket]:
    """Shake hands until the host shows a key that we know; for a bare fingerprint with each family of keys in turn."""
    files = [file for file in (options.known_hosts, options.pinned) if file is not None]
    known = known_keys(files, options.known_as)
    refused: HostKeyRefused | None = None
    for algorithms in _key_orders(options, known):
        transport, plug = _handshake(device, options, algorithms)
        shown = _shown_key(transport)
        refusal = judge(device, options, known, shown)
        if refusal is None:
            return transport, plug
        _hang_up(transport, plug)
        refused = refused or refusal
    raise refused or ProtocolFault(device, f"{options.address} shows no key")


def _key_orders(options: SftpOptions, known: KnownKeys) -> Iterator[tuple[str, ...]]:
    if options.host_key:
        yield from _KEY_FAMILIES
        return
    kinds = {key.algorithm.replace("ssh-rsa", "rsa-sha2-512") for key in known.good}
    yield tuple(name for family in _KEY_FAMILIES if kinds & set(family) for name in family)


def judge(device: str, options: SftpOptions, known: KnownKeys, shown: HostKey) -> HostKeyRefused | None:
    """Return why `shown` is not to be trusted, or None. `host_key` wins over the files, except for revoked keys."""
    if shown in known.revoked:
        return _refusal(device, shown, f"the key of {options.address} is marked as revoked", "ask who runs the host")
    if options.host_key:
        if shown.fingerprint == options.host_key.rstrip("="):
            return None
        remedy = "find out why it changed; if that is right, correct `host_key` in the config"
        return _refusal(device, shown, f"{options.address} shows another key than `host_key` in the config", remedy)
    if shown in known.good:
        return None
    if known.good:
        what = f"{options.address} shows another key than the one we know: set up anew, or somebody is in between"
        return _refusal(device, shown, what, f"ask who runs the host; if the key is right, run: v2xsync trust {device}")
    return _refusal(device, shown, f"the key of {options.address} is not known yet", f"run: v2xsync trust {device}")


def _refusal(device: str, shown: HostKey, what: str, remedy: str) -> HostKeyRefused:
    return HostKeyRefused(device, f"{what} ({shown.fingerprint})", fingerprint=shown.fingerprint, remedy=remedy)


def _shown_key(transport: paramiko.Transport) -> HostKey:
    key = transport.get_remote_server_key()
    return host_key(key.get_name(), key.asbytes())


# --- the connection --------------------------------------------------------------------------------------------------


def _handshake(
    device: str, options: SftpOptions, algorithms: tuple[str, ...]
) -> tuple[paramiko.Transport, PatientSocket]:
    """Connect and agree on keys; `algorithms` are the kinds of host keys that we would like best."""
    with _words(device, options):
        plug = PatientSocket.connected_to(
            options.host, options.port, patience_s=options.timeout_s, most_unread=_MOST_UNREAD_BYTES
        )
    transport = paramiko.Transport(plug)
    try:
        _prepare(transport, options, algorithms)
        with _words(device, options):
            _agree(transport, options)
    except BaseException:
        _hang_up(transport, plug)
        raise
    return transport, plug


def _agree(transport: paramiko.Transport, options: SftpOptions) -> None:
    """Negotiate keys; raises TimeoutError where the library just returns."""
    transport.start_client(timeout=options.timeout_s)
    try:
        transport.get_remote_server_key()
    except paramiko.SSHException as error:
        raise TimeoutError from error


def _prepare(transport: paramiko.Transport, options: SftpOptions, algorithms: tuple[str, ...]) -> None:
    logger = logging.getLogger(_LOG_CHANNEL)
    logger.propagate = False
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    transport.set_log_channel(_LOG_CHANNEL)
    transport.banner_timeout = transport.handshake_timeout = transport.auth_timeout = options.timeout_s
    security = transport.get_security_options()
    security.ciphers = _in_front(_CIPHERS_FIRST, security.ciphers)
    security.key_types = _in_front(algorithms, security.key_types)


def _in_front(wanted: Sequence[str], offered: Sequence[str]) -> tuple[str, ...]:
    front = tuple(name for name in wanted if name in offered)
    return front + tuple(name for name in offered if name not in front)


def _subsystem(device: str, options: SftpOptions, transport: paramiko.Transport) -> paramiko.Channel:
    try:
        channel = transport.open_session(_WINDOW_BYTES, _PACKET_BYTES, timeout=options.timeout_s)
        channel.settimeout(options.timeout_s)
        channel.invoke_subsystem("sftp")
    except _BROKEN as error:
        refused = isinstance(error, paramiko.ChannelException) or str(error) == _CHANNEL_CLOSED
        if refused and transport.is_active():
            what = f"{options.address} lets us in but starts no SFTP server"
            raise AccessRefused(device, what, remedy="enable the sftp subsystem of its SSH server") from error
        raise _in_words(device, options, error) from error
    return channel


def _hang_up(transport: paramiko.Transport, plug: PatientSocket) -> None:
    plug.close()
    with contextlib.suppress(OSError, EOFError):
        transport.close()
    if transport.is_alive():
        transport.join(_FAREWELL_S)


@contextmanager
def _words(device: str, options: SftpOptions) -> Iterator[None]:
    try:
        yield
    except _BROKEN as error:
        raise _in_words(device, options, error) from error


def _in_words(device: str, options: SftpOptions, error: Exception) -> DeviceError:
    """Return our error for what a socket or paramiko raised."""
    where = options.address
    if isinstance(error, (TimeoutError, SilentPeer)) or any(words in str(error).lower() for words in _TIMED_OUT):
        return DeviceGone(device, f"{where} answered nothing for {options.timeout_s:g} s")
    if isinstance(error, TalkingPeer):
        return ProtocolFault(device, f"{where} sends more than was asked for")
    if isinstance(error, socket.gaierror):
        what = f"the name {options.host} cannot be resolved"
        return DeviceGone(device, what, remedy="check `host` in the config, and the network")
    if isinstance(error, ConnectionRefusedError):
        return DeviceGone(device, f"{where} refuses connections", remedy="check `port`, and that its SSH server runs")
    if isinstance(error, IncompatiblePeer):
        what = f"{where} and we have no way of encryption in common"
        return ProtocolFault(device, what, remedy="update its SSH server")
    if isinstance(error, OSError):
        return DeviceGone(device, f"{where} cannot be reached: {error.strerror or error}")
    if str(error).startswith("Error reading SSH protocol banner"):
        return DeviceGone(device, f"{where} does not answer as an SSH server does")
    return DeviceGone(device, f"{where} hung up")
