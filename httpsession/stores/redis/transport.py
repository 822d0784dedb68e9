"""A socket to a server, with a time limit for all that it does."""

from __future__ import annotations

import os
import select
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import Any, Final, cast

import hiredis
from redis.exceptions import AuthenticationError, InvalidResponse, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from ...errors import printable
from .answers import refusal
from .replies import Form, Place, is_ok

Word = bytes | str | int | float

#: Returns a command as it is sent. The type that hiredis declares is too narrow.
pack: Callable[[tuple[Word, ...]], bytes] = cast(Callable[[tuple[Word, ...]], bytes], hiredis.pack_command)

_BUFFER: Final = 65536
#: The most characters of an error reply that are kept.
_LONGEST: Final = 500
#: When the system asks whether a silent server is there: after seconds, every so many seconds, and how often.
_KEEPALIVE: Final = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}
_MORE: Final = object()


class Transport:
    """A socket to a server, closed until :meth:`connect`.

    A connection of redis-py bounds each wait for some bytes. It bounds neither a whole reply nor all that connecting
    takes: each address of a name, TLS, the login.

    Args:
        place: the server.
        timeout: the seconds that connecting may take, and so may sending a command and reading its reply.
        login: the words after ``AUTH``; none for no login.
        db: the number of the database.
        tls: the options of TLS by their names in URLs; None without TLS.
    """

    def __init__(
        self, place: Place, timeout: float, login: tuple[str, ...] = (), db: int = 0, tls: dict[str, Any] | None = None
    ) -> None:
        self._place = place
        self._timeout = timeout
        self._login = login
        self._db = db
        self._tls = tls
        self._socket: socket.socket | None = None
        self._reader = hiredis.Reader(protocolError=InvalidResponse, replyError=_refusal, notEnoughData=_MORE)
        self._poll = select.poll()
        # The type that hiredis declares is too narrow.
        self._feed: Callable[[bytearray, int, int], object] = cast(Any, self._reader.feed)
        self._buffer = bytearray(_BUFFER)
        #: Whether anything was read since the latest command was sent.
        self._has_read = False
        #: When the present reply has to be there, and the timeout that the socket has.
        self._end = 0.0
        self._limit = timeout

    def connect(self, end: float) -> None:
        """Connect, log in and select the database, until the time *end* of the monotonic clock at the latest."""
        end = min(end, monotonic() + self._timeout)
        try:
            self._socket = self._open(end)
            self._pid = os.getpid()
            self._poll.register(self._socket, select.POLLIN)
            if self._login:
                self._log_in(end)
            if self._db:
                self.send(pack((b"SELECT", self._db)), end)
                self.receive(is_ok)
        except BaseException:
            self.disconnect()
            raise

    def _log_in(self, end: float) -> None:
        self.send(pack((b"AUTH", *self._login)), end)
        try:
            self.receive(is_ok)
        except ResponseError as error:
            raise AuthenticationError(str(error)) from None

    def _open(self, end: float) -> socket.socket:
        """Return a connected socket. Each address of a name has an equal part of the time that is left."""
        try:
            if isinstance(self._place, str):
                addresses: list[Any] = [(socket.AF_UNIX, socket.SOCK_STREAM, 0, "", self._place)]
            else:
                addresses = socket.getaddrinfo(*self._place, 0, socket.SOCK_STREAM)
        except UnicodeError as error:
            raise RedisConnectionError(f"cannot connect: the host is no name ({error})") from None
        except OSError as error:
            raise RedisConnectionError(f"cannot connect: {error.strerror}") from error
        last: Exception | None = None
        for number, address in enumerate(addresses):
            left = _left(end, "cannot connect")
            try:
                return self._open_at(address, monotonic() + left / (len(addresses) - number))
            except (OSError, RedisTimeoutError) as error:
                last = error
        if isinstance(last, TimeoutError | RedisTimeoutError):
            raise RedisTimeoutError(f"timed out: cannot connect within {self._timeout:g} s") from last
        raise RedisConnectionError(f"cannot connect: {_words_of(last)}") from last

    def _open_at(self, address: Any, end: float) -> socket.socket:
        family, kind, protocol, _, where = address
        opened = socket.socket(family, kind, protocol)
        try:
            if family != socket.AF_UNIX:
                opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                for name, value in _KEEPALIVE.items():
                    if hasattr(socket, name):
                        opened.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
            opened.settimeout(_left(end, "cannot connect"))
            opened.connect(where)
            if self._tls is not None:
                opened = self._encrypt(opened, end)
            opened.settimeout(self._limit)
            return opened
        except BaseException:
            opened.close()
            raise

    def _encrypt(self, plain: socket.socket, end: float) -> socket.socket:
        """Return the socket with TLS. The handshake runs in steps, which have their time together."""
        options = self._tls or {}
        context = ssl.create_default_context()
        mode = ssl.VerifyMode[f"CERT_{options.get('ssl_cert_reqs', 'required').upper()}"]
        context.check_hostname = mode != ssl.CERT_NONE and options.get("ssl_check_hostname", True)
        context.verify_mode = mode
        certificate, key = options.get("ssl_certfile"), options.get("ssl_keyfile")
        try:
            if certificate:
                context.load_cert_chain(certificate, key)
            if "ssl_ca_certs" in options:
                context.load_verify_locations(options["ssl_ca_certs"])
        except OSError as error:
            raise RedisConnectionError(f"the files of certificates cannot be read: {_words_of(error)}") from error
        encrypted = context.wrap_socket(
            plain, server_hostname=str(self._place[0]).partition("%")[0], do_handshake_on_connect=False
        )
        try:
            encrypted.settimeout(0)
            while True:
                try:
                    encrypted.do_handshake()
                    return encrypted
                except (ssl.SSLWantReadError, ssl.SSLWantWriteError) as wait:
                    event = select.POLLIN if isinstance(wait, ssl.SSLWantReadError) else select.POLLOUT
                    poll = select.poll()
                    poll.register(encrypted, event)
                    poll.poll(1000 * _left(end, "cannot connect"))
        except BaseException:
            encrypted.close()
            raise

    def disconnect(self) -> None:
        """Close the socket. In a forked child the connection itself stays as it is: the parent's."""
        opened, self._socket = self._socket, None
        if opened is None:
            return
        if os.getpid() == self._pid:
            with suppress(OSError):
                opened.shutdown(socket.SHUT_RDWR)
        opened.close()

    __del__ = disconnect

    def can_read(self) -> bool:
        """Return whether there is something to read, or the server has closed the connection."""
        if self._socket is None or self._poll.poll(0):
            return True
        return self._tls is not None and isinstance(self._socket, ssl.SSLSocket) and self._socket.pending() > 0

    def send(self, packed: bytes, end: float) -> None:
        """Send packed commands. They have to be sent, and their first reply read, until *end* at the latest."""
        opened = self._socket
        if opened is None:
            raise _is_closed()
        now = monotonic()
        limit = end - now
        if limit > self._timeout:
            limit = self._timeout
        self._end = now + limit
        self._has_read = False
        if limit != self._limit:
            self._set_limit(limit)
        try:
            opened.sendall(packed)
        except OSError as error:
            raise self._broken(error) from error

    def receive(self, form: Form, is_last: bool = True) -> Any:
        """Return the next reply, or raise it if it is an error.

        Raises:
            InvalidResponse: it is no reply of this *form*; or it *is_last*, and there is more to read. Then the
                connection is out of step, and no reply over it can be trusted.
        """
        try:
            reply = self._reader.gets() if self._has_read else _MORE
            if reply is _MORE:
                reply = self._wait()
        except (TypeError, ValueError, MemoryError):  # of a dict with an impossible key, or of a giant
            raise InvalidResponse("the server has sent a reply that cannot be read") from None
        if is_last and self._reader.has_data():
            # It may be a late reply to an earlier command that came before the right one.
            raise InvalidResponse("the server has sent more replies than there were commands")
        if form(reply):
            return reply
        if isinstance(reply, ResponseError):
            raise reply
        raise InvalidResponse("the server has sent a reply of a wrong form")

    def prolong(self, end: float) -> None:
        """Give the next reply the whole time of a reply, until *end* at the latest."""
        self._end = min(end, monotonic() + self._timeout)
        if self._limit < self._timeout:  # what the reply before had left
            self._set_limit(_left(self._end, "no reply"))

    def _wait(self) -> Any:
        opened, is_first = self._socket, True
        if opened is None:
            raise _is_closed()
        while True:
            if not is_first:
                self._set_limit(_left(self._end, "no reply"))
            is_first = False
            try:
                count = opened.recv_into(self._buffer)
            except OSError as error:
                raise self._broken(error) from error
            if not count:
                raise RedisConnectionError("the server has closed the connection")
            self._has_read = True
            self._feed(self._buffer, 0, count)
            reply = self._reader.gets()
            if reply is not _MORE:
                return reply

    def _set_limit(self, seconds: float) -> None:
        if seconds <= 0:
            raise RedisTimeoutError(f"timed out: no reply within {self._timeout:g} s")
        self._limit = seconds
        if self._socket is None:
            raise _is_closed()
        self._socket.settimeout(seconds)

    def _broken(self, error: OSError) -> Exception:
        if isinstance(error, TimeoutError):
            return RedisTimeoutError(f"timed out: no reply within {self._timeout:g} s")
        return RedisConnectionError(f"the connection broke: {_words_of(error)}")


def _refusal(text: str) -> ResponseError:
    """Return the exception for an error reply. It goes to the log, so it is cut and has no control characters."""
    return refusal(printable(text[:_LONGEST]))


def _is_closed() -> RedisConnectionError:
    return RedisConnectionError("the connection is closed")


def _left(end: float, what: str) -> float:
    """Return the seconds that are left, more than none."""
    left = end - monotonic()
    if left <= 0:
        raise RedisTimeoutError(f"timed out: {what} in time")
    return left


def _words_of(error: Exception | None) -> str:
    return str(getattr(error, "strerror", None) or error or "the name has no address")
