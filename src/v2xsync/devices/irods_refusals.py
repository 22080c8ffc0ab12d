"""What an iRODS server's error codes mean, in our errors and in words for people.

Codes are negative: the thousands say what happened (``rodsErrorTable.h``), the rest is the errno of the system call
behind it. The client library knows about 490 of them and fails with a bare KeyError at the others (-405000, -166000,
-154000, ...), which is why codes are read here and not through its classes.
"""

from __future__ import annotations

import enum
import errno
from collections.abc import Mapping
from typing import Final

from v2xsync.errors import (
    AccessRefused,
    DeviceBusy,
    DeviceError,
    DeviceGone,
    IntegrityError,
    ItemError,
    ItemFailed,
    ItemMissing,
    ItemRefused,
    NameTaken,
    NoSpace,
)

ASK_ADMIN: Final = "if it stays so, ask the zone's administrator to repair it (`iadmin modrepl`)"
_TOLD_MOST: Final = 200
_FILE_DRIVERS: Final = range(-800_000, -499_999)
_FULL: Final = {errno.ENOSPC, errno.EDQUOT}


class Refused(Exception):
    """The server answered a request about a file with an error `code`; `told` are its own words, made harmless.

    It never leaves the adapter: see `item_error`.
    """

    def __init__(self, code: int, told: str = "") -> None:
        super().__init__(code, told)
        self.code: Final = code
        self.told: Final = told

    @property
    def meaning(self) -> Meaning:
        """What the code means to us."""
        return meaning_of(self.code)


class Meaning(enum.Enum):
    """Classes of codes, by what has to be done."""

    GONE = enum.auto()
    BUSY = enum.auto()
    EXPIRED = enum.auto()
    FULL = enum.auto()
    SETTINGS = enum.auto()
    MISSING = enum.auto()
    TAKEN = enum.auto()
    DENIED = enum.auto()
    LOCKED = enum.auto()
    DAMAGED = enum.auto()
    NO_GOOD_COPY = enum.auto()
    BAD_PATH = enum.auto()
    UNABLE = enum.auto()
    OTHER = enum.auto()


_CODES: Final[Mapping[Meaning, Mapping[int, str]]] = {
    Meaning.GONE: {
        -1: "SYS_SOCK_OPEN_ERR", -4: "SYS_HEADER_READ_LEN_ERR", -5: "SYS_HEADER_WRITE_LEN_ERR",
        -22: "SYS_SVR_TO_SVR_CONNECT_FAILED", -37: "SYS_NO_ICAT_SERVER_ERR", -38: "SYS_AGENT_INIT_ERR",
        -43: "SYS_NO_RCAT_SERVER_ERR", -91: "SYS_READ_MSG_BODY_LEN_ERR", -92: "CROSS_ZONE_SOCK_CONNECT_ERR",
        -105: "SYS_RESC_IS_DOWN", -115: "SYS_SOCK_READ_TIMEDOUT", -116: "SYS_SOCK_READ_ERR",
        -155: "SYS_SOCK_SELECT_ERR", -161: "SYS_SOCK_WRITE_ERR", -162: "SYS_SOCK_CONNECT_ERR", -179: "SOCKET_ERROR",
        -181: "SHUTDOWN_SEQUENCE_INITIATED", -185: "CONNECTION_REFUSED", -304: "USER_SOCK_OPEN_ERR",
        -305: "USER_SOCK_CONNECT_ERR", -347: "USER_SOCK_CONNECT_TIMEDOUT", -801: "CATALOG_NOT_CONNECTED",
        -803: "CAT_CONNECT_ERR", -804: "CAT_DISCONNECT_ERR", -824: "CAT_NOT_OPEN",
    },
    Meaning.BUSY: {
        -16: "SYS_MALLOC_ERR", -18: "SYS_OUT_OF_FILE_DESC", -49: "SYS_FORK_ERROR",
        -118: "SYS_MAX_CONNECT_COUNT_EXCEEDED", -860: "CAT_STATEMENT_TABLE_FULL",
    },
    Meaning.EXPIRED: {
        -10: "SYS_USER_NOT_ALLOWED_TO_CONN", -13: "SYS_NO_API_PRIV", -178: "AUTHENTICATION_ERROR",
        -826: "CAT_INVALID_AUTHENTICATION", -827: "CAT_INVALID_USER", -840: "CAT_PASSWORD_EXPIRED",
        -993: "PAM_AUTH_PASSWORD_FAILED", -994: "PAM_AUTH_PASSWORD_INVALID_TTL",
    },
    Meaning.FULL: {-110: "SYS_RESC_QUOTA_EXCEEDED", -400: "USER_INSUFFICIENT_FREE_INODES"},
    Meaning.SETTINGS: {
        -32: "SYS_INVALID_RESC_INPUT", -78: "SYS_RESC_DOES_NOT_EXIST", -321: "USER_NO_RESC_INPUT_ERR",
        -361: "USER_INVALID_RESC_INPUT", -831: "CAT_INVALID_RESOURCE", -1816: "DIRECT_CHILD_ACCESS",
        -26: "SYS_INVALID_ZONE_NAME", -828: "CAT_INVALID_ZONE",
    },
    Meaning.MISSING: {
        -176: "DOES_NOT_EXIST", -310: "USER_FILE_DOES_NOT_EXIST", -358: "OBJ_PATH_DOES_NOT_EXIST",
        -808: "CAT_NO_ROWS_FOUND", -814: "CAT_UNKNOWN_COLLECTION", -817: "CAT_UNKNOWN_FILE",
    },
    Meaning.TAKEN: {
        -312: "OVERWRITE_WITHOUT_FORCE_FLAG", -809: "CATALOG_ALREADY_HAS_ITEM_BY_THAT_NAME",
        -833: "CAT_NAME_EXISTS_AS_COLLECTION", -834: "CAT_NAME_EXISTS_AS_DATAOBJ",
    },
    Meaning.DENIED: {
        -36: "SYS_NO_PATH_PERMISSION", -40: "SYS_NO_DATA_OBJ_PERMISSION", -41: "SYS_DELETE_DISALLOWED",
        -121: "SYS_USER_NO_PERMISSION", -169: "SYS_NOT_ALLOWED", -350: "USER_ACCESS_DENIED",
        -818: "CAT_NO_ACCESS_PERMISSION", -830: "CAT_INSUFFICIENT_PRIVILEGE_LEVEL",
    },
    Meaning.LOCKED: {
        -405: "INTERMEDIATE_REPLICA_ACCESS", -406: "LOCKED_DATA_OBJECT_ACCESS", -1803: "HIERARCHY_ERROR",
        -163: "SYS_OPERATION_IN_PROGRESS",
    },
    Meaning.DAMAGED: {
        -27: "SYS_COPY_LEN_ERR", -314: "USER_CHKSUM_MISMATCH", -401: "USER_FILE_SIZE_MISMATCH",
        -407: "CHECK_VERIFICATION_RESULTS",
    },
    Meaning.NO_GOOD_COPY: {
        -164: "SYS_REPLICA_DOES_NOT_EXIST", -166: "SYS_NO_GOOD_REPLICA", -168: "SYS_REPLICA_INACCESSIBLE",
    },
    Meaning.BAD_PATH: {
        -31: "SYS_INVALID_FILE_PATH", -52: "SYS_PATH_IS_NOT_A_FILE", -171: "NOT_A_DATA_OBJECT",
        -170: "NOT_A_COLLECTION", -306: "USER_STRLEN_TOOLONG", -317: "USER_INPUT_PATH_ERR",
        -346: "USER_PATH_EXCEEDS_MAX",
    },
    Meaning.UNABLE: {
        -12: "SYS_UNMATCHED_API_NUM", -66: "SYS_NOT_SUPPORTED", -146: "SYS_NOT_IMPLEMENTED",
        -309: "USER_NO_SUPPORT_ERR", -380: "USER_HASH_TYPE_MISMATCH", -862: "CAT_NO_CHECKSUM_FOR_REPLICA",
    },
    Meaning.OTHER: {
        -120: "SYS_PHY_PATH_INUSE", -130: "SYS_INVALID_INPUT_PARAM", -154: "SYS_INTERNAL_ERR",
        -165: "SYS_UNKNOWN_ERROR", -311: "USER_FILE_TOO_LARGE",
    },
}  # fmt: skip

_MEANINGS: Final = {code: meaning for meaning, codes in _CODES.items() for code in codes}
_NAMES: Final = {code: name for codes in _CODES.values() for code, name in codes.items()}


def meaning_of(code: int) -> Meaning:
    """What a negative status means to us."""
    if code in _FILE_DRIVERS and -code % 1000 in _FULL:
        return Meaning.FULL
    return _MEANINGS.get(_thousands(code), Meaning.OTHER)


def in_words(code: int, told: str = "") -> str:
    """Return the code for people, with its name where we know it and the server's own words where there are any."""
    name = _NAMES.get(_thousands(code))
    known = f"{name} {code}" if name else f"error {code}"
    reason = errno.errorcode.get(-code % 1000) if code in _FILE_DRIVERS else None
    words = f"{known} ({reason})" if reason else known
    return f"{words}: {told}" if told else words


def harmless(words: str) -> str:
    """Return what the server said, printable and short."""
    plain = "".join(character if character.isprintable() else " " for character in words)
    return " ".join(plain.split())[:_TOLD_MOST]


def device_error(device: str, code: int, told: str = "") -> DeviceError | None:
    """Return the error for a code that speaks of the whole device; None for one that speaks of a file."""
    meaning, words = meaning_of(code), in_words(code, told)
    if meaning is Meaning.GONE:
        return DeviceGone(device, f"the server, or one behind it, cannot be reached ({words})")
    if meaning is Meaning.EXPIRED:
        return DeviceGone(device, f"the session is over: log in again ({words})")
    if meaning is Meaning.BUSY:
        return DeviceBusy(device, f"the server has no room for us now ({words})")
    if meaning is Meaning.FULL:
        return NoSpace(device, f"no room, or the quota is used up ({words})", remedy="make room, or ask for more quota")
    if meaning is Meaning.SETTINGS:
        return AccessRefused(
            device, f"the server does not know the zone or resource ({words})", remedy="correct `default_resource`"
        )
    return None


def login_error(device: str, code: int, username: str, told: str = "") -> DeviceError:
    """Return the error for a code that ended a login."""
    words = in_words(code, told)
    if meaning_of(code) is Meaning.EXPIRED:
        expired = in_words(code).startswith("CAT_PASSWORD_EXPIRED")
        remedy = "run `iinit` again" if expired else "correct `username`, `zone` or `password`"
        return AccessRefused(device, f"the login of {username} is refused ({words})", remedy=remedy)
    error = device_error(device, code, told)
    return error or AccessRefused(
        device, f"the login of {username} failed ({words})", remedy="compare with what `iinit` says"
    )


def item_error(path: str, refused: Refused, doing: str) -> ItemError:
    """Return the error for a refusal that ended `doing` (as in "the server failed to ...") with the file `path`."""
    meaning, words = refused.meaning, in_words(refused.code, refused.told)
    if meaning is Meaning.MISSING:
        return ItemMissing(path, f"it is not there ({words})")
    if meaning is Meaning.TAKEN:
        return NameTaken(path, f"the name is taken ({words})")
    if meaning is Meaning.DENIED:
        remedy = "give the user the right: `ichmod own USER PATH`, or `ichmod read` for a source"
        return ItemRefused(path, f"the server denies us to {doing} ({words})", remedy=remedy)
    if meaning is Meaning.LOCKED:
        return ItemFailed(
            path, f"it is locked or still being written, or its resource is down ({words})", remedy=ASK_ADMIN
        )
    if meaning is Meaning.NO_GOOD_COPY:
        return ItemFailed(path, f"no good replica of it can be reached ({words})", remedy=ASK_ADMIN)
    if meaning is Meaning.DAMAGED:
        return IntegrityError(path, f"the server's own check failed ({words})")
    if meaning is Meaning.BAD_PATH:
        return ItemRefused(path, f"iRODS does not take this path ({words})", remedy="give it a shorter, plainer name")
    if meaning is Meaning.UNABLE:
        return ItemRefused(path, f"the server is not able to {doing} ({words})")
    return ItemFailed(path, f"the server failed to {doing} ({words})")


def _thousands(code: int) -> int:
    return -(-code // 1000)
