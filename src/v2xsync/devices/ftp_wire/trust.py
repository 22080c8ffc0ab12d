"""TLS: whom we believe, and in words for people why not."""

from __future__ import annotations

import ssl
from typing import Final

from v2xsync.devices.ftp_wire.options import FtpOptions
from v2xsync.errors import AccessRefused, DeviceError, HostKeyRefused, ProtocolFault

_EXPIRED: Final = 10
_NOT_YET: Final = 9
_OTHER_NAMES: Final = frozenset({62, 64})
_OWN: Final = frozenset({18, 19})
"""Numbers of OpenSSL's X509_V_ERR_*: a certificate that vouches for itself; one authority of the chain does."""

_ASK = "ask who runs the server for a new certificate"


def tls_context(device: str, options: FtpOptions) -> ssl.SSLContext | None:
    """Return what every connection of a device is made with; None without TLS. Raises AccessRefused."""
    if options.tls == "none":
        return None
    try:
        context = ssl.create_default_context(cafile=options.ca)
        if options.ca is not None:  # it may hold the server's own certificate
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    except (OSError, ssl.SSLError) as error:
        what = f"the certificates in {options.ca} cannot be read"
        raise AccessRefused(device, what, remedy="`ca` has to name a file of PEM certificates") from error
    if not options.tls_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def distrust(device: str, options: FtpOptions, error: ssl.SSLError) -> DeviceError:
    """Return our error for a handshake that failed."""
    if isinstance(error, ssl.SSLCertVerificationError):
        what, remedy = _certificate_words(options, error)
        return HostKeyRefused(device, f"{options.where}: {what}", remedy=remedy)
    what = f"{options.where} does not speak TLS as we do ({error.reason or 'no reason given'})"
    return ProtocolFault(device, what, remedy='check `port`; `tls` is "explicit" for port 21 and "implicit" for 990')


def _certificate_words(options: FtpOptions, error: ssl.SSLCertVerificationError) -> tuple[str, str]:
    if error.verify_code == _EXPIRED:
        return "its certificate has expired", _ASK
    if error.verify_code == _NOT_YET:
        return "its certificate is not valid yet", "check the clock of this machine and of the server"
    if error.verify_code in _OTHER_NAMES:
        remedy = "correct `host`, or write the name that the certificate carries as `tls_name`"
        return f"its certificate is not for {options.name_to_prove}", remedy
    remedy = "write a file with the certificate of the server or of its authority as `ca`"
    if error.verify_code in _OWN:
        return "its certificate is vouched for by nobody that we know", remedy
    return f"its certificate cannot be believed ({error.verify_message})", remedy
