"""Forms under real servers: gunicorn, waitress and gevent, with a length and chunked."""

from __future__ import annotations

import http.client
import socket
import subprocess
import sys
from contextlib import contextmanager
from hashlib import sha256

import pytest

from tests.support.gunicorn import ROOT, Gunicorn
from tests.support.servers import free_port
from tests.support.waiting import PATIENCE, wait_until

APP = "tests.csrf.server_app:application"
KIND = "multipart/form-data; boundary=b"
FILE = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n%b\r\n'
TOKEN = b'--b\r\nContent-Disposition: form-data; name="csrf_token"\r\n\r\n%b\r\n'
END = b"--b--\r\n"


#: How other servers than gunicorn are started.
COMMANDS = {
    "waitress": "import sys, waitress; waitress.serve({app}, host='127.0.0.1', port=int(sys.argv[1]))",
    "gevent": "import sys, gevent.pywsgi as g; g.WSGIServer(('127.0.0.1', int(sys.argv[1])), {app}).serve_forever()",
}


@contextmanager
def serving(name, folder):
    """Serve the application by a server of this name, and yield the port."""
    if name.startswith("gunicorn"):
        with Gunicorn(folder, APP, *(["--threads", "2"] if "threads" in name else [])) as server:
            yield server.port
        return
    port = free_port()
    module, _, variable = APP.partition(":")
    program = f"import {module}; " + COMMANDS[name].format(app=f"{module}.{variable}")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-c", program, str(port)], cwd=ROOT, stdout=log, stderr=log)

    def answers():
        assert process.poll() is None, (folder / "log").read_text()
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True

    try:
        wait_until(answers, f"{name}, see {folder}/log")
        yield port
    finally:
        process.terminate()
        process.wait(PATIENCE)


@pytest.fixture(scope="module", params=["gunicorn", "gunicorn with threads", "waitress", "gevent"])
def port(request, tmp_path_factory):
    """The port of a server."""
    with serving(request.param, tmp_path_factory.mktemp("server")) as port:
        yield port


@pytest.fixture
def client(port):
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    yield client
    client.close()


@pytest.fixture
def form(client):
    """The token and the cookie of a form."""
    client.request("GET", "/")
    answer = client.getresponse()
    return answer.read(), answer.getheader("Set-Cookie").partition(";")[0]


def send(client, cookie, body, *, is_chunked, **headers):
    """Send a form, and return the status and text of the answer."""
    chunks = iter([body[at : at + 7000] for at in range(0, len(body), 7000)])
    headers = {"Cookie": cookie, "Content-Type": KIND, **headers}
    client.request("POST", "/", chunks if is_chunked else body, headers, encode_chunked=is_chunked)
    answer = client.getresponse()
    return answer.status, answer.read().decode()


@pytest.mark.parametrize("is_chunked", [False, True], ids=["length", "chunked"])
def test_form(client, form, is_chunked):
    """A form whose token is the last field is accepted, and the application reads the identical body (R76)."""
    token, cookie = form
    body = FILE % (b"\r\n\x00" * 30_000) + TOKEN % token + END

    assert send(client, cookie, body, is_chunked=is_chunked) == (200, sha256(body).hexdigest())


@pytest.mark.parametrize("is_chunked", [False, True], ids=["length", "chunked"])
def test_long_form(client, form, is_chunked):
    """An upload of several MiB with its token first is accepted, and no byte of it is lost (R76)."""
    token, cookie = form
    body = TOKEN % token + FILE % (b"0123456789\n" * 300_000) + END

    assert send(client, cookie, body, is_chunked=is_chunked) == (200, sha256(body).hexdigest())


@pytest.mark.parametrize("is_chunked", [False, True], ids=["length", "chunked"])
def test_refused(client, form, is_chunked):
    """A form without a right token is refused; the connection of the client is in order afterwards."""
    token, cookie = form
    wrong = TOKEN % (b"A" * 64) + END
    refused = (403, "The request was refused.\n")

    assert send(client, cookie, wrong, is_chunked=is_chunked) == refused
    right = TOKEN % token + END
    assert send(client, cookie, right, is_chunked=is_chunked, Origin="https://evil.example") == refused
    assert send(client, "a=b", right, is_chunked=is_chunked) == refused
    assert send(client, cookie, right, is_chunked=is_chunked) == (200, sha256(right).hexdigest())
