"""The token in a body: where it is found, how much is read, and what the application reads afterwards."""

from __future__ import annotations

import io
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from httpsession.csrf.form import MAX_BODY, tokens_in_form

URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=b"


class Wire(io.RawIOBase):
    """An input stream as a server gives it, in pieces of *at_once* bytes; how much was read is in :attr:`count`."""

    def __init__(self, body, at_once=1 << 16):
        self._body = io.BytesIO(body)
        self._at_once = at_once
        self.count = 0

    def readable(self):
        return True

    def read(self, size=-1):
        """Return so many bytes at most, or all; an endless body has no end."""
        data = self._body.read(size if size < 0 else min(size, self._at_once))
        self.count += len(data)
        return data

    def readline(self, size=-1):
        """Return a line."""
        line = self._body.readline(size)
        self.count += len(line)
        return line


def environ_of(body, kind=URLENCODED, *, length=True, terminated=False, at_once=1 << 16):
    """Return the environ of a form; without *length* it is chunked."""
    environ = {"REQUEST_METHOD": "POST", "CONTENT_TYPE": kind, "wsgi.input": Wire(body, at_once)}
    if length is True:
        environ["CONTENT_LENGTH"] = str(len(body))
    elif length:
        environ["CONTENT_LENGTH"] = length
    else:
        environ["HTTP_TRANSFER_ENCODING"] = "chunked"
    if terminated:
        environ["wsgi.input_terminated"] = True
    return environ


def part(name, value, more=""):
    """Return a part of a multipart form."""
    return f'--b\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode() + value + b"\r\n"


FILE = part("file", bytes(range(256)) * 40, '; filename="a.bin"\r\nContent-Type: application/octet-stream')
TOKEN = part("csrf_token", b"T")
END = b"--b--\r\n"

FORMS = {
    "urlencoded": (URLENCODED, b"a=1&csrf_token=T&b=2", ["T"]),
    "urlencoded with charset": (f"{URLENCODED}; charset=utf-8", b"csrf_token=T", ["T"]),
    "urlencoded, quoted": (URLENCODED, b"csrf%5Ftoken=%54", ["T"]),
    "urlencoded, twice": (URLENCODED, b"csrf_token=T&csrf_token=U", ["T", "U"]),
    "urlencoded, empty": (URLENCODED, b"csrf_token=", [""]),
    "urlencoded, bare": (URLENCODED, b"csrf_token", [""]),
    "urlencoded, an array": (URLENCODED, b"csrf_token[]=T", []),
    "urlencoded, other case": (URLENCODED, b"CSRF_TOKEN=T", []),
    "urlencoded, no body": (URLENCODED, b"", []),
    "urlencoded, no UTF-8": (URLENCODED, b"\xff=1&csrf_token=T", []),
    "urlencoded, semicolons": (URLENCODED, b"a=1;csrf_token=T", []),
    "multipart": (MULTIPART, TOKEN + END, ["T"]),
    "multipart, first": (MULTIPART, TOKEN + FILE + END, ["T"]),
    "multipart, last": (MULTIPART, FILE + part("a", b"1") + TOKEN + END, ["T"]),
    "multipart, twice": (MULTIPART, TOKEN + FILE + TOKEN + END, ["T", "T"]),
    "multipart, in a file": (MULTIPART, part("csrf_token", b"T", '; filename="a"') + END, []),
    "multipart, in the content of a file": (MULTIPART, part("a", b"csrf_token=T&", '; filename="a"') + END, []),
    "multipart, empty": (MULTIPART, part("csrf_token", b"") + END, [""]),
    "multipart, truncated after": (MULTIPART, TOKEN + FILE[:300], ["T"]),
    "multipart, truncated within": (MULTIPART, TOKEN[:-3], []),
    "multipart, not ASCII": (MULTIPART, part("csrf_token", b"\xe9") + END, ["\ufffd"]),
    "multipart, another boundary": (MULTIPART.replace("=b", "=c"), TOKEN + END, []),
    "multipart, no boundary": ("multipart/form-data", TOKEN + END, []),
    "multipart, malformed boundary": ("multipart/form-data; boundary=\u00e9", TOKEN + END, []),
    "multipart, no disposition": (MULTIPART, b"--b\r\nX: y\r\n\r\n1\r\n" + TOKEN + END, []),
    "multipart, no name": (MULTIPART, b"--b\r\nContent-Disposition: form-data\r\n\r\n1\r\n" + TOKEN + END, ["T"]),
    "multipart, other kind of line end": (MULTIPART, (TOKEN + END).replace(b"\r\n", b"\n"), ["T"]),
    "multipart, no body": (MULTIPART, b"", []),
    "multipart, behind the end": (MULTIPART, END + TOKEN, []),
    "JSON": ("application/json", b'{"csrf_token": "T"}', []),
    "multipart, no boundary, hyphens": ("multipart/form-data", TOKEN.replace(b"--b", b"--") + b"----\r\n", []),
    "multipart, empty boundary": ('multipart/form-data; boundary=""', TOKEN.replace(b"--b", b"--") + b"----\r\n", []),
    "text": ("text/plain", b"csrf_token=T", []),
    "no kind": ("", b"csrf_token=T", []),
}
READABLE = [{}, {"terminated": True}, {"length": False, "terminated": True}, {"at_once": 1}]


@pytest.mark.parametrize("how", READABLE, ids=str)
@pytest.mark.parametrize("form", FORMS)
def test_form(form, how):
    """The field is found wherever it is, and the application reads the identical body (R76)."""
    kind, body, expected = FORMS[form]
    environ = environ_of(body, kind, **how)

    assert tokens_in_form(environ) == expected
    assert environ["wsgi.input"].read() == body


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "", "multipart/mixed; boundary=b", "x"])
def test_other_bodies(kind):
    """A body that is no form is not touched (R76)."""
    environ = environ_of(b"csrf_token=T", kind)
    stream = environ["wsgi.input"]
    tokens_in_form(environ)

    assert (environ["wsgi.input"], stream.count) == (stream, 0)


@pytest.mark.parametrize(
    ("length", "expected"),
    [(False, []), ("", []), ("-1", []), ("twelve", []), ("1000", ["T"]), ("0", [])],
)
def test_length(length, expected):
    """A body without an end or with a senseless length is not read; a client that sends less is no error."""
    environ = environ_of(b"csrf_token=T", length=length)

    assert tokens_in_form(environ) == expected


def test_empty_length():
    """A server may give an empty length for none; where it marks the end, the body is searched and left readable."""
    environ = environ_of(b"csrf_token=T", terminated=True)
    environ["CONTENT_LENGTH"] = ""

    assert tokens_in_form(environ) == ["T"]
    assert environ["wsgi.input"].read() == b"csrf_token=T"


@pytest.mark.parametrize("length", ["", "x", "-1", "0"])
def test_nothing_to_read(length):
    """Where no length says that there is a body, the input is left to the application as it is."""
    environ = environ_of(b"csrf_token=T")
    environ["CONTENT_LENGTH"] = length
    stream = environ["wsgi.input"]

    assert tokens_in_form(environ) == []
    assert (environ["wsgi.input"], stream.count) == (stream, 0)


def test_no_input():
    """A server may give no stream."""
    assert tokens_in_form({"CONTENT_TYPE": URLENCODED, "CONTENT_LENGTH": "5", "wsgi.input": None}) == []
    assert tokens_in_form({"CONTENT_TYPE": URLENCODED, "CONTENT_LENGTH": "5"}) == []


LONG = [
    pytest.param(URLENCODED, b"csrf_token=T&a=", b"&csrf_token=U", id="urlencoded"),
    pytest.param(MULTIPART, TOKEN + part("a", b"", '; filename="a"')[:-2], b"\r\n" + TOKEN + END, id="multipart"),
]


@pytest.mark.parametrize("length", [True, False], ids=["length", "chunked"])
@pytest.mark.parametrize(("kind", "head", "tail"), LONG)
def test_long_body(kind, head, tail, length):
    """Of a long body only the first MiB is read and searched; the application reads all of it (R76)."""
    body = head + b"x" * (3 * MAX_BODY) + tail
    environ = environ_of(body, kind, length=length, terminated=not length)
    stream = environ["wsgi.input"]

    assert tokens_in_form(environ) == ["T"]
    assert stream.count == MAX_BODY
    assert environ["wsgi.input"].read() == body


@pytest.mark.parametrize("kind", [URLENCODED, MULTIPART])
def test_huge_body(kind):
    """Of a body of 1 GiB without a token no more is read, although all of it is announced (R76)."""
    environ = environ_of(b"a" * (2 * MAX_BODY), kind, length=str(1 << 30))
    stream = environ["wsgi.input"]

    assert tokens_in_form(environ) == []
    assert stream.count == MAX_BODY


def test_cut_token():
    """A field that the limit cuts is no token, also if what is left would be one."""
    environ = environ_of(b"a" * (MAX_BODY - len("&csrf_token=T")) + b"&csrf_token=TU")

    assert tokens_in_form(environ) == []


@pytest.mark.parametrize("size", [MAX_BODY - 1, MAX_BODY, MAX_BODY + 1])
@pytest.mark.parametrize("length", [True, False], ids=["length", "chunked"])
def test_at_the_limit(size, length):
    """A body of exactly the limit is whole if its length says so; no byte is lost around the limit."""
    body = b"csrf_token=T&a=".ljust(size, b"x")
    environ = environ_of(body, length=length, terminated=not length)

    assert tokens_in_form(environ) == ["T"]
    assert environ["wsgi.input"].read(size + 10) == body


@pytest.mark.parametrize("kind", [URLENCODED, MULTIPART])
def test_werkzeug_reads_the_form(kind):
    """A Werkzeug request of the application finds fields and files as if nothing had been read before."""
    data = {"csrf_token": "T", "a": "1"}
    if kind == MULTIPART:
        data["file"] = (io.BytesIO(b"content" * 1000), "a.txt")
    environ = EnvironBuilder(method="POST", data=data).get_environ()
    assert tokens_in_form(environ) == ["T"]

    with Request(environ) as request:
        assert request.form.to_dict() == {"csrf_token": "T", "a": "1"}
        assert [file.read() for file in request.files.values()] == ([b"content" * 1000] if kind == MULTIPART else [])


def test_many_parts():
    """Behind a thousand parts the field is not searched."""
    assert tokens_in_form(environ_of(part("a", b"") * 999 + TOKEN + END, MULTIPART)) == ["T"]
    assert tokens_in_form(environ_of(part("a", b"") * 1000 + TOKEN + END, MULTIPART)) == []


READS = st.lists(
    st.tuples(st.sampled_from(["read", "readline", "readlines"]), st.sampled_from([None, -1, 0, 1, 7, 40, 100_000])),
    max_size=12,
)


@given(st.lists(st.integers(0, 200), min_size=1, max_size=12), READS)
def test_put_back(line_ends, reads):
    """The stream that puts a long body together answers each call as the original does, across the seam."""
    body = bytearray(b"csrf_token=T&".ljust(MAX_BODY - 100, b"x") + b"y" * 200)
    for at in line_ends:
        body[MAX_BODY - 100 + at - 1] = ord("\n")
    environ = environ_of(bytes(body))
    tokens_in_form(environ)
    stream, original = environ["wsgi.input"], io.BytesIO(body)
    start = MAX_BODY - 150
    assert stream.read(start) == original.read(start)

    for name, size in reads:
        assert getattr(stream, name)(size) == getattr(original, name)(size)
    assert list(stream) == list(original)
    assert stream.read() == b""


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=4))
def test_hostile_multipart(noise, cuts):
    """Any bytes between and within the parts are no error, and the body stays whole."""
    places = sorted({0, *(min(cut, len(noise)) for cut in cuts), len(noise)})
    body = TOKEN.join(noise[start:end] for start, end in pairwise(places)) + END
    environ = environ_of(body, MULTIPART)
    tokens_in_form(environ)

    assert environ["wsgi.input"].read() == body
