"""The life of sessions: what requests find, and what listeners hear, is what a simple model says.

Clients make whole requests, send ids of the past, and log in and out. Between the requests the clock goes on, a sweep
runs, a user's sessions are ended everywhere, and a new worker replaces the present worker.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from httpsession import HttpSession, SessionConfig, SessionManager, request_session
from httpsession.manager import sessions_behind
from httpsession.request import RequestSession
from httpsession.stores.base import FOLLOW
from tests.support.clock import START, Clock, frozen_clock
from tests.support.core import flush, store_of
from tests.support.listeners import Recorder
from tests.support.request import TEXT, fetch, plain_environ
from tests.support.site import Site

from .choices import Choices
from .engine import Check, folder_in_memory

#: No sum of steps is within a second of an interval or of the lifetime, where stores may differ.
STEPS = (10, 30, 70, 300, 1000)
INTERVALS = (65, 305, 0, -1)
LIFETIME = 2005
NAMES = ("a", "b", "c")
USERS = ("anna", "bert")
COOKIE = re.compile(r"JSESSIONID=([0-9A-F]*);")


@dataclass
class Model:
    """The expected state of a session."""

    created: float
    deadline: float
    accessed: float
    #: When the request before the present one arrived.
    previous: float
    interval: int = INTERVALS[0]
    user: str | None = None
    attributes: dict[str, object] = field(default_factory=dict)

    def is_due(self, now: float) -> bool:
        """Return whether the session has expired."""
        return now >= self.deadline or (self.interval > 0 and now >= self.accessed + self.interval)


class World:
    """A store with its present worker, the model of its sessions by id, and the clients."""

    def __init__(self, url: str, clock: Clock) -> None:
        self.url = url
        self.clock = clock
        self.recorder = Recorder()
        self.site = self._start()
        self._reset()

    def play(self, choices: Choices) -> None:
        """Make some requests and other steps, then end all sessions and compare what listeners have heard."""
        try:
            self._play(choices)
        finally:
            self._reset()

    def _play(self, choices: Choices) -> None:
        for _ in range(2 + choices.below(10)):
            self.clock.tick(choices.pick(STEPS) * choices.below(2))
            match choices.below(12):
                case 0:
                    self._sweep()
                case 1:
                    self._end_user(choices.pick(USERS))
                case 2:
                    self._restart()
                case _:
                    self._request(choices)
        self.clock.tick(LIFETIME + 1)
        self._sweep()
        assert self.site.active == 0
        heard = Counter(kind for kind, *_ in self.recorder.of("created", "destroyed"))
        assert (heard["created"], heard["destroyed"]) == (self.created, self.created)

    def _reset(self) -> None:
        """Begin without a session, whatever a failure has left."""
        store = store_of(self.site.manager)
        for stored in list(store):
            store.remove(stored.record.key)
        self.live: dict[str, Model] = {}
        self.past: list[str] = []
        #: The former ids of sessions that have another id now, and when they got it.
        self.moved: dict[str, float] = {}
        #: The ids that the clients keep.
        self.kept: list[str | None] = [None, None, None]
        self.created = 0
        self.recorder.log.clear()

    @property
    def _now(self) -> float:
        return float(START + self.clock.now)

    def _start(self) -> Site:
        config = SessionConfig(max_inactive_interval=INTERVALS[0], max_lifetime=LIFETIME, sweep_interval=None)
        site = Site(SessionManager(self.url, config=config, listeners=[self.recorder]))
        sessions_behind(site.manager)._sweeper.stop()  # a thread of its own does not see the frozen time
        return site

    def _restart(self) -> None:
        """Replace the worker; without a shared store that would end all sessions."""
        if self.url != "memory://":
            self.site.manager.close()
            self.site = self._start()

    def _sweep(self) -> None:
        due = [session_id for session_id, model in self.live.items() if model.is_due(self._now)]
        for session_id in due:
            del self.live[session_id]
        self.site.manager.sweep()

    def _end_user(self, user: str) -> None:
        ended = [session_id for session_id, model in self.live.items() if model.user == user]
        alive = [session_id for session_id in ended if not self.live[session_id].is_due(self._now)]
        assert len(alive) <= self.site.manager.invalidate_all(user) <= len(ended)
        for session_id in ended:
            del self.live[session_id]

    def _find(self, session_id: str | None) -> Model | None:
        """Return the session with this id as a request finds it, which counts as an access."""
        model = self.live.get(session_id or "")
        if model is None:
            return None
        if model.is_due(self._now):
            del self.live[session_id]
            return None
        model.previous, model.accessed = model.accessed, self._now
        return model

    def _request(self, choices: Choices) -> None:
        """Make a request with the id that a client keeps, or with an id of the past."""
        client = choices.below(len(self.kept))
        sent = choices.pick(self.past) if self.past and choices.is_one_in(6) else self.kept[client]
        # Until then the accesses of requests with a former id follow the session, as if they had been under way.
        if self._now - self.moved.get(sent, 0.0) <= FOLLOW:
            self.clock.tick(STEPS[2])
        present = [sent, self._find(sent)]
        steps = choices.below(4)

        def page(environ, start_response):
            request = request_session(environ)
            for _ in range(steps):
                self._step(choices, request, present)
            start_response("200 OK", [TEXT])
            return [b""]

        cookies = None if sent is None else f"JSESSIONID={sent}"
        answer = fetch(self.site.app, **plain_environ(cookies), **{"test.application": page})
        flush(self.site.manager)
        self._receive(client, sent, present, answer.set_cookies)

    def _receive(self, client: int, sent: str | None, present: list, cookies: list[str]) -> None:
        """Check the cookie of a response: it is there if and only if the client needs another id than it has sent."""
        session_id, model = present
        if model is not None and session_id != sent:
            (cookie,) = cookies
            assert COOKIE.match(cookie)[1] == session_id
            self.kept[client] = session_id
            self.past.append(session_id)
        else:
            assert [COOKIE.match(cookie)[1] for cookie in cookies] in ([], [""])
            if cookies:
                self.kept[client] = None

    def _step(self, choices: Choices, request: RequestSession, present: list) -> None:
        """Do something with the session, and with its model."""
        may_create = choices.flag()
        session = request.get_session(create=may_create)
        if present[1] is None and may_create:
            self.created += 1
            model = Model(self._now, self._now + LIFETIME, self._now, self._now)
            present[:] = session.id, model
            self.live[session.id] = model
        if present[1] is None:
            assert session is None
            return
        self._compare(session, *present)
        self._change(choices, request, session, present)

    def _compare(self, session: HttpSession, session_id: str, model: Model) -> None:
        assert session.id == session_id
        assert dict(session) == model.attributes
        assert session.principal == model.user
        assert session.creation_time == model.created
        assert session.last_accessed_time == model.previous
        assert session.max_inactive_interval == model.interval

    def _change(self, choices: Choices, request: RequestSession, session: HttpSession, present: list) -> None:
        _, model = present
        name = choices.pick(NAMES)
        match choices.below(9):
            case 0 | 1 | 2:
                session[name] = model.attributes[name] = [choices.below(256)]
            case 3:
                assert session.pop(name, None) == model.attributes.pop(name, None)
            case 4:
                if name in model.attributes:
                    session[name].append(0)
                    if session[name] is not model.attributes[name]:
                        model.attributes[name].append(0)
            case 5:
                session.max_inactive_interval = model.interval = choices.pick(INTERVALS)
            case 6:
                self._move(present, request.change_session_id())
            case 7:
                self._log_in(request, choices.pick(USERS), present)
            case _:
                request.logout() if choices.flag() else session.invalidate()
                del self.live[present[0]]
                present[:] = None, None

    def _log_in(self, request: RequestSession, user: str, present: list) -> None:
        model = present[1]
        new_id = request.login(user).id
        if model.user != user:
            if model.user is not None:
                model.attributes.clear()
            model.user, model.deadline = user, self._now + LIFETIME
        self._move(present, new_id)

    def _move(self, present: list, new_id: str) -> None:
        """Give the session a new id, by which alone requests find it from now on."""
        session_id, model = present
        if new_id != session_id:
            del self.live[session_id]
            self.live[new_id] = model
            self.moved[session_id] = self._now
            present[0] = new_id


@contextmanager
def target() -> Iterator[Check]:
    """Prepare a store in memory and a database, and freeze the time."""
    with folder_in_memory() as folder, frozen_clock() as clock:
        urls = ("memory://", f"sqlite:///{folder / 'sessions.db'}?synchronous=off")
        worlds = [World(url, clock) for url in urls]

        def check(choices: Choices) -> None:
            worlds[choices.is_one_in(4)].play(choices)

        try:
            yield check
        finally:
            for world in worlds:
                world.site.manager.close()
