"""The token in a form: found in the body of a request, which the application can still read."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder, NeedData
from werkzeug.wsgi import get_content_length

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: The name of the field.
FIELD: Final = "csrf_token"
#: Bytes of a body that are searched for the field. The rest is left to the application.
MAX_BODY: Final = 1 << 20
#: Parts of a multipart form that are searched.
MAX_PARTS: Final = 1000

_URLENCODED: Final = "application/x-www-form-urlencoded"
_MULTIPART: Final = "multipart/form-data"


def tokens_in_form(environ: WSGIEnvironment) -> list[str]:
    """Return the values of the token field in the first MiB of a form; of another body nothing, which is not read.

    Afterwards ``wsgi.input`` gives the application the body from its beginning.

    Raises:
        OSError: the body cannot be read, as when the client has gone.
    """
    given, options = parse_options_header(environ.get("CONTENT_TYPE", ""))
    kind = given.lower()
    if kind not in (_URLENCODED, _MULTIPART):
        return []
    body, is_whole = _read(environ)
    if kind == _URLENCODED:
        complete = body if is_whole else body.rpartition(b"&")[0]
        form = FormDataParser().parse(io.BytesIO(complete), kind, len(complete))[1]
        return form.getlist(FIELD)
    boundary = options.get("boundary")
    return list(_fields(body, boundary)) if boundary else []


def _fields(body: bytes, boundary: str) -> Iterator[str]:
    """Yield the values of the token field in a multipart form, of which the end may be missing."""
    with suppress(ValueError, RequestEntityTooLarge):  # malformed from there on
        decoder = MultipartDecoder(boundary.encode("ascii"), max_parts=MAX_PARTS)
        decoder.receive_data(body)
        value, is_wanted = b"", False
        while not isinstance(event := decoder.next_event(), NeedData | Epilogue):
            if isinstance(event, Field | File):
                value, is_wanted = b"", isinstance(event, Field) and event.name == FIELD
            elif isinstance(event, Data) and is_wanted:
                value += event.data
                if not event.more_data:
                    yield value.decode("ascii", "replace")


def _read(environ: WSGIEnvironment) -> tuple[bytes, bool]:
    """Return the body, or its beginning if it is long, and whether that is all; put back what was read.

    A body whose length is not known can be read only if the server marks its end.
    """
    source: Any = environ.get("wsgi.input")
    # An empty length is none (PEP 3333), which Werkzeug takes for zero.
    length = get_content_length(environ) if environ.get("CONTENT_LENGTH") else None
    if source is None or length == 0 or (length is None and not environ.get("wsgi.input_terminated")):
        return b"", True
    limit = MAX_BODY if length is None else min(length, MAX_BODY)
    buffer = bytearray()
    while len(buffer) < limit and (chunk := source.read(limit - len(buffer))):
        buffer += chunk
    body = bytes(buffer)
    is_whole = len(body) < limit or length == limit
    environ["wsgi.input"] = io.BytesIO(body) if is_whole else _Replay(body, source)
    return body, is_whole


class _Replay:
    """An input stream whose beginning has been read: it is given out again, and then the rest."""

    def __init__(self, beginning: bytes, rest: Any) -> None:
        self._beginning: io.BytesIO = io.BytesIO(beginning)
        self._rest: Any = rest

    def read(self, size: int | None = -1) -> bytes:
        """Return so many bytes; of a negative size all."""
        if size is None or size < 0:
            return self._beginning.read() + bytes(self._rest.read())
        data = self._beginning.read(size)
        return data if len(data) == size else data + bytes(self._rest.read(size - len(data)))

    def readline(self, size: int | None = -1) -> bytes:
        """Return a line, or so many bytes of it."""
        limit = -1 if size is None else size
        line = self._beginning.readline(limit)
        if line.endswith(b"\n") or len(line) == limit:
            return line
        return line + bytes(self._rest.readline() if limit < 0 else self._rest.readline(limit - len(line)))

    def readlines(self, hint: int | None = -1) -> list[bytes]:
        """Return the lines; with a *hint* at least so many bytes of them, if there are."""
        lines, size = [], 0
        for line in self:
            lines.append(line)
            size += len(line)
            if hint is not None and 0 < hint <= size:
                break
        return lines

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.readline, b"")
