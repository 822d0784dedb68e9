"""The whole middleware: applications of every style under ``wsgiref.validate``, and clients that keep cookies or not.

No client sees what a user has stored in another client's session after a login, also if the id was planted. An id that
has ended finds nothing. Response headers have no control characters and at most one session cookie, which a browser
accepts. A body is closed once. A store has no more sessions than ids were issued.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from wsgiref.validate import validator

from httpsession import (
    CodecError,
    HttpSession,
    IllegalStateError,
    SessionConfig,
    SessionManager,
    SessionMiddleware,
    request_session,
)
from httpsession.request import RequestSession
from tests.support.browser import CookieJar
from tests.support.core import store_of
from tests.support.request import TEXT, Request, plain_environ

from .choices import Choices
from .engine import Check, folder_in_memory

MODES = ("cookie", "url", "cookie,url")
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
NAMES = ("JSESSIONID", "a", "b", "é", "principal", "__class__", "", "\0", "\ud800", "x" * 1100)
CHUNKS = (b"", b"", b"text", b"more")


class PlannedError(Exception):
    """The failure of an application."""


@dataclass
class Client:
    """A client: its user, the cookies that it keeps, and the id that it last read in a URL."""

    name: str
    jar: CookieJar = field(default_factory=CookieJar)
    url_id: str = ""

    @property
    def ids(self) -> set[str]:
        """All ids that the client may send."""
        return {self.url_id, *(cookie.value for cookie in self.jar.cookies.values())}


@dataclass
class World:
    """All that an input does: an application on some store, its clients, and what became of the ids."""

    choices: Choices
    manager: SessionManager
    scheme: str
    mount: str
    clients: list[Client] = field(default_factory=lambda: [Client("anna"), Client("bert"), Client("eve")])
    #: The ids that were issued, those that have ended, and those under which a user is logged in.
    issued: set[str] = field(default_factory=set)
    ended: set[str] = field(default_factory=set)
    members: dict[str, str] = field(default_factory=dict)
    client: Client = field(init=False)
    #: The steps of the application that are left, and how many bodies it has opened, and the server closed.
    steps: int = 0
    opened: int = 0
    closed: int = 0

    def request(self) -> None:
        """Make a whole request of one client, and check the response."""
        self.client = self.choices.pick(self.clients)
        if self.choices.is_one_in(6):
            self._plant(self.choices.pick(self.clients))
        self.steps = self.choices.below(4)
        self.style = self.choices.pick(STYLES)
        app = validator(SessionMiddleware(self._application, self.manager))
        try:
            request = Request(app, **self._environ())
            self._finish(request)
        except PlannedError:
            return
        finally:
            assert self.closed == self.opened
        self._check(request.headers)

    def _finish(self, request: Request) -> None:
        """Read the response, or as much of it as the client reads."""
        if self.choices.is_one_in(6):
            try:
                request.read()
            except StopIteration:
                pass
            finally:
                request.close()
        else:
            request.finish()

    def _check(self, headers: list[tuple[str, str]] | None) -> None:
        """Check the headers of a response as a browser does; None: the client has left before they went out."""
        cookies = []
        for name, value in headers or ():
            assert not CONTROL.search(name + value)
            if name == "Set-Cookie" and value.startswith("JSESSIONID="):
                cookies.append(value)
        assert len(cookies) <= 1
        for cookie in cookies:
            assert self.client.jar.receive(cookie, https=self.scheme == "https")

    def _plant(self, other: Client) -> None:
        """Make another client send the ids of this client, unless a user is logged in under any of them."""
        if not self.client.ids & self.members.keys():
            other.jar, other.url_id = CookieJar(cookies=dict(self.client.jar.cookies)), self.client.url_id

    def _environ(self) -> dict:
        """Return a request as the client sends it."""
        path = self.choices.pick(("/", "/page", "//evil/x", "/\xff\n"))
        made = plain_environ() | {
            "REQUEST_METHOD": self.choices.pick(("GET", "HEAD", "POST")),
            "SCRIPT_NAME": self.mount,
            "PATH_INFO": path + (f";jsessionid={self.client.url_id}" if self.client.url_id else ""),
            "wsgi.url_scheme": self.scheme,
        }
        cookies = "; ".join(f"{name}={cookie.value}" for (name, *_), cookie in self.client.jar.cookies.items())
        if cookies:
            made["HTTP_COOKIE"] = cookies
        if self.choices.flag():
            made["HTTP_HOST"] = "www.example.com"
        return made

    def _application(self, environ: dict, start_response: Callable) -> Iterable[bytes]:
        """Do a step, and answer in the style of this request, which does the remaining steps."""
        request = request_session(environ)
        self.step(request)
        return self.style(self, request, start_response)

    def headers(self) -> list[tuple[str, str]]:
        """Return the headers of the application, which may have cookies of its own."""
        own = ("Set-Cookie", self.choices.pick(("JSESSIONID=other", "theme=dark")))
        return [TEXT, own] if self.choices.is_one_in(4) else [TEXT]

    def step(self, request: RequestSession) -> None:
        """Do something with the session of a request; what its state forbids is no failure."""
        if not self.steps:
            return
        self.steps -= 1
        with suppress(IllegalStateError):
            session = request.get_session(create=self.choices.flag())
            if session is None:
                return
            self._see(session, request)
            self.choices.pick(ACTIONS)(self, session, request)
            self.issued.add(session.id)

    def _see(self, session: HttpSession, request: RequestSession) -> None:
        """Check that the session is one that this client may see."""
        assert session.id not in self.ended, "an id that has ended"
        for value in session.values():
            assert value in ("public", f"secret of {self.client.name}")
        self.issued.add(session.id)
        if self.choices.flag():
            self.client.url_id = request.encode_url(f"{self.mount}/x").partition(";jsessionid=")[2]


def put(world: World, session: HttpSession, _: RequestSession) -> None:
    """Store a secret of the user, or a public value."""
    is_member = world.members.get(session.id) == world.client.name
    with suppress(CodecError):  # a name that cannot be stored
        session[world.choices.pick(NAMES)] = f"secret of {world.client.name}" if is_member else "public"


def remove(world: World, session: HttpSession, _: RequestSession) -> None:
    """Remove an attribute, or all."""
    session.pop(world.choices.pick(NAMES), None) if world.choices.flag() else session.clear()


def log_in(world: World, _: HttpSession, request: RequestSession) -> None:
    """Log in; from now on the client has secrets under this id."""
    world.members[request.login(world.client.name).id] = world.client.name


def log_out(world: World, session: HttpSession, request: RequestSession) -> None:
    """End the session in either way."""
    world.ended.add(session.id)
    request.logout() if world.choices.flag() else session.invalidate()


def rename(world: World, session: HttpSession, request: RequestSession) -> None:
    """Change the id, which stays a user's."""
    user = world.members.get(session.id)
    new_id = request.change_session_id()
    if user is not None:
        world.members[new_id] = user


def limit(world: World, session: HttpSession, request: RequestSession) -> None:
    """Change the interval, and ask for the rest."""
    session.max_inactive_interval = world.choices.pick((1800, 60, 0, -1))
    assert isinstance(request.is_requested_session_id_valid, bool)
    assert session.creation_time <= session.last_accessed_time + 1


def fail(*_: object) -> None:
    """Raise in the application."""
    raise PlannedError


ACTIONS = (put, put, put, remove, log_in, log_in, log_out, rename, limit, fail)


def complete(world: World, request: RequestSession, start_response: Callable) -> Iterable[bytes]:
    """Answer with a list or a tuple."""
    start_response("200 OK", world.headers())
    world.step(request)
    return world.choices.pick((list, tuple))(world.choices.picks(CHUNKS, 2))


def streaming(world: World, request: RequestSession, start_response: Callable) -> Iterable[bytes]:
    """Answer with a generator, which may set the headers with its first chunk."""
    is_late = world.choices.flag()
    if not is_late:
        start_response("200 OK", world.headers())
    return stream(world, request, start_response if is_late else None)


def stream(world: World, request: RequestSession, start_response: Callable | None) -> Iterator[bytes]:
    """Yield chunks, with steps in between."""
    world.opened += 1
    try:
        if start_response is not None:
            start_response("200 OK", world.headers())
        for chunk in (b"", *world.choices.picks(CHUNKS, 3)):
            world.step(request)
            yield chunk
    finally:
        world.closed += 1


def writing(world: World, request: RequestSession, start_response: Callable) -> Iterable[bytes]:
    """Answer by ``write()``."""
    write = start_response("200 OK", world.headers())
    for chunk in world.choices.picks(CHUNKS, 2):
        world.step(request)
        write(chunk)
    return [b"end"]


def correcting(world: World, request: RequestSession, start_response: Callable) -> Iterable[bytes]:
    """Set the headers, then those of an error, as frameworks do."""
    start_response("200 OK", world.headers())
    try:
        world.step(request)
        raise PlannedError
    except PlannedError as error:
        start_response(world.choices.pick(("500 Oops", "404 Not Found")), world.headers(), (type(error), error, None))
    return [b"error"]


class closing:  # noqa: N801 - a style as the functions are
    """A body whose ``close()`` does a step."""

    def __init__(self, world: World, request: RequestSession, start_response: Callable) -> None:
        self._world = world
        self._request = request
        start_response("200 OK", world.headers())
        self._chunks = iter(world.choices.picks(CHUNKS, 3))
        world.opened += 1

    def __iter__(self) -> Iterator[bytes]:
        return self._chunks

    def close(self) -> None:
        """End the request with a step."""
        self._world.closed += 1
        self._world.step(self._request)


STYLES = (complete, streaming, writing, correcting, closing)


@contextmanager
def target() -> Iterator[Check]:
    """Prepare a store in memory, another for storable values alone, and a database for a few of the inputs."""
    with folder_in_memory() as folder, ExitStack() as stack:
        url = f"sqlite:///{folder / 'sessions.db'}?synchronous=off"
        live, distributable, shared = (
            [stack.enter_context(_manager(url, mode, **config)) for mode in MODES]
            for url, config in (("memory://", {}), ("memory://", {"distributable": True}), (url, {}))
        )

        def check(choices: Choices) -> None:
            managers = shared if choices.is_one_in(16) else choices.pick((live, distributable))
            manager = choices.pick(managers)
            world = _check(choices, manager)
            store = store_of(manager)
            assert managers is shared or len(store) <= len(world.issued)
            for stored in list(store):
                store.remove(stored.record.key)

        yield check


def _manager(url: str, mode: str, **config: object) -> SessionManager:
    return SessionManager(url, config=SessionConfig(tracking_modes=mode.split(","), sweep_interval=None, **config))


def _check(choices: Choices, manager: SessionManager) -> World:
    """Make some requests, and return what became of the clients and ids."""
    world = World(choices, manager, choices.pick(("http", "https")), choices.pick(("", "/app", "/\xe9")))
    for _ in range(1 + choices.below(6)):
        world.request()
    return world
