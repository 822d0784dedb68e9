"""The error replies of servers, and whether a connection is kept after them."""

from __future__ import annotations

import re
from enum import Enum
from typing import Final

from redis import ResponseError
from redis.exceptions import AskError, InvalidResponse, MovedError, NoScriptError, TryAgainError


class Decision(Enum):
    """The action of the client after an error reply."""

    #: The reply is about the command: keep the connection.
    KEEP = 1
    #: The reply is about the server, which may have done a part of the command: close the connection, so that the next
    #: command finds the server to which the address leads by then.
    LEAVE = 2
    #: The server refused before it did anything: close the connection, and try once more over a new one.
    RETRY = 3


#: The decision for each code. If a command in a script is refused, the script has its code. After the first write of a
#: script, Redis refuses none of its later writes for the state of the server.
_DECISIONS: Final = {
    # This server is not the primary, or cannot be one now. Another one may be.
    "READONLY": Decision.RETRY,
    "MASTERDOWN": Decision.RETRY,
    "LOADING": Decision.RETRY,
    "NOREPLICAS": Decision.RETRY,
    "MISCONF": Decision.RETRY,
    "CLUSTERDOWN": Decision.RETRY,
    "UNBLOCKED": Decision.RETRY,
    # The connection has lost its login: a proxy has connected it to another server, or to one that has restarted.
    "NOAUTH": Decision.RETRY,
    # Unless it is about a command in a script.
    "NOPERM": Decision.RETRY,
    # A wrong password fails every new connection as well, until the password or the server changes.
    "WRONGPASS": Decision.LEAVE,
    "OOM": Decision.LEAVE,
    "EXECABORT": Decision.LEAVE,
    "NOPROTO": Decision.LEAVE,
    # A script that runs for long ends by itself, or is killed, on this server.
    "BUSY": Decision.KEEP,
    "NOTBUSY": Decision.KEEP,
    "UNKILLABLE": Decision.KEEP,
    # The command is at fault, its script or its keys; or a slot is elsewhere, which the client of a Cluster follows.
    "ERR": Decision.KEEP,
    "WRONGTYPE": Decision.KEEP,
    "NOSCRIPT": Decision.KEEP,
    "CROSSSLOT": Decision.KEEP,
    "MOVED": Decision.KEEP,
    "ASK": Decision.KEEP,
    "TRYAGAIN": Decision.KEEP,
}
_PORTS: Final = 65536
_HOST: Final = re.compile(r"[\w.:%-]{1,255}")
_CODE: Final = re.compile(r"[A-Z]{2,}(?= |\Z)")
#: How servers before Redis 7 wrap the error of a command in a script.
_IN_SCRIPT: Final = re.compile(r"Error (?:running|compiling) script.*?: -?(?P<code>[A-Z]{2,}) ", re.DOTALL)
#: NOAUTH by another name: a server does not even parse a long command of a client that is not logged in.
_NO_LOGIN: Final = re.compile(r"ERR (?:Protocol error: unauthenticated|operation not permitted)")
#: Errors without a code of their own, after which the server ends the connection.
_ABOUT_CONNECTION: Final = re.compile(r"ERR (?:max number of clients|Protocol error)")
_CLASSES: Final[dict[str, type[ResponseError]]] = {
    "NOSCRIPT": NoScriptError,
    "MOVED": MovedError,
    "ASK": AskError,
    "TRYAGAIN": TryAgainError,
}


def refusal(text: str) -> ResponseError:
    """Return the exception for an error reply."""
    code, _, rest = text.partition(" ")
    kind = _CLASSES.get(code)
    try:
        error = ResponseError(text) if kind is None else kind(rest)
        if isinstance(error, AskError):
            place_of(error.host or "localhost", error.port)
    except (ValueError, IndexError, InvalidResponse):  # a redirection to no place
        return ResponseError(text)
    return error


def place_of(host: bytes | str, port: int) -> tuple[str, int]:
    """Return the server that a Sentinel or a node names.

    Raises:
        InvalidResponse: no server can be there.
    """
    name = host if isinstance(host, str) else host.decode(errors="replace")
    if not _HOST.fullmatch(name) or not 0 < port < _PORTS:
        raise InvalidResponse("the reply names a server at an impossible place")
    return name, port


def code_of(error: ResponseError) -> str:
    """Return the code of an error reply, also of a command in a script; ``ERR`` for an unknown form."""
    for code, kind in _CLASSES.items():
        if isinstance(error, kind):
            return code
    text = str(error)
    wrapped = _IN_SCRIPT.search(text)
    if wrapped:
        return wrapped["code"]
    found = _CODE.match(text)
    return found[0] if found else "ERR"


def remedy(error: ResponseError) -> str:
    """Return what to do about an error reply, as the end of a message; empty where its own words are enough."""
    if isinstance(error, MovedError):
        return ": it is a node of a Cluster; the URL of one begins with redis+cluster://"
    if code_of(error) == "NOAUTH" or _NO_LOGIN.match(str(error)):
        return ": the server wants a login; write user:password@ before the host in the URL"
    return ""


def decide(error: ResponseError) -> Decision:
    """Return the decision after an error reply. A code that is not known is about the server."""
    text, code = str(error), code_of(error)
    if _NO_LOGIN.match(text):
        return Decision.RETRY
    # A script stops at the first command that the user may not run, and keeps what it did before.
    if _ABOUT_CONNECTION.match(text) or (code == "NOPERM" and "script" in text):
        return Decision.LEAVE
    return _DECISIONS.get(code, Decision.LEAVE)
