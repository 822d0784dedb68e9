"""Fork safety without hooks: a process that was forked in C notices by its id that it is a child."""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from httpsession import SessionConfig, SessionManager, StoreError, fork
from httpsession.manager import sessions_behind
from httpsession.servlet import ServletContext
from httpsession.stores import open_store
from httpsession.testing.forking import Child, needs_fork
from tests.support.core import flush
from tests.support.site import Site
from tests.support.waiting import wait_until

pytestmark = needs_fork

#: Seconds after which a child that waits for ever is ended.
PATIENCE = 10
#: The process of the tests. In its children, frames of threads that it has are read from stacks that are used again.
PROCESS = os.getpid()
every_store = pytest.mark.parametrize("url", ["memory", "sqlite", "redis"], indirect=True)


def child(action):
    """Start a child, by a fork without hooks, that does *action*.

    The background threads of the parent must be asleep, not waiting for the interpreter.
    """

    def act():
        signal.alarm(PATIENCE)
        return str(action())

    if os.getpid() == PROCESS:
        wait_until(are_asleep, "the background threads to sleep")
    return Child(act, with_hooks=False)


def are_asleep():
    """Return whether each background thread waits until its next tick."""
    frames = sys._current_frames()
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    sweepers = [frame for thread, frame in frames.items() if names.get(thread) == "httpsession-sweeper"]
    return all(frame.f_code is threading.Condition.wait.__code__ for frame in sweepers)


def is_asleep(thread):
    """Return whether the system has put a thread of this process to sleep."""
    stat = Path(f"/proc/self/task/{thread.native_id}/stat").read_text()
    return stat.rpartition(")")[2].split()[0] == "S"


def in_child(action):
    """Return, as text, what *action* returns in a child of a fork without hooks.

    A child that dies without a word is tried once more. The threads of pytest-xdist cannot be told to sleep, and if one
    was about to run, the interpreter itself hangs in the child. What hangs for another reason does so twice.
    """
    try:
        return child(action).result()
    except AssertionError as error:
        if "Traceback" in str(error):
            raise
    return child(action).result()


def locks_of(manager):
    """Return all locks of a manager that a thread may hold while the process forks."""
    sessions = sessions_behind(manager)
    context = sessions.context
    locks = [sessions._room._making_room, context.counts._lock, context.accesses._flushing, sessions._sweeper._starting]
    return [*locks, sessions.store._lock if not sessions.store.is_shared else sessions.turns._lock]


@pytest.fixture
def site(url, monkeypatch):
    """A site that has answered requests, and so has a background thread; it never ticks while a test runs."""
    monkeypatch.setattr("httpsession.core.sweeper.FLUSH_INTERVAL", 3600.0)
    manager = SessionManager(url, config=SessionConfig(max_sessions=1000, sweep_interval=None))
    with Site(manager) as site:
        site.visit()
        yield site


@pytest.fixture
def register(monkeypatch):
    """Registers objects for the time of a test."""
    monkeypatch.setattr(fork, "_registered", fork._registered.copy())
    return fork.register


#: What a child may do first, with the site and the handle of a session that the parent has.
FIRST_USES = {
    "sweep": lambda site, info: site.manager.sweep(),
    "stats": lambda site, info: site.manager.stats().active,
    "sessions_of": lambda site, info: site.manager.sessions_of("anna"),
    "invalidate": lambda site, info: site.manager.invalidate(info.handle),
    "invalidate_all": lambda site, info: site.manager.invalidate_all("anna"),
    "invalidate_all_except": lambda site, info: site.manager.invalidate_all("anna", except_=info),
    "close": lambda site, info: site.manager.close(),
    "create": lambda site, info: site.new_id(),
    "new_manager": lambda site, info: SessionManager(),
    "new_middleware": lambda site, info: Site(site.manager).visit(),
}


@every_store
@pytest.mark.parametrize("name", FIRST_USES)
def test_first_use_in_a_child(site, name):
    """Whatever a child does first, it waits for no lock that was held in the parent, and works afterwards."""

    def log_in(request):
        request.login("anna")

    site.ask("/", log_in)
    (info,) = site.manager.sessions_of("anna")

    def use():
        FIRST_USES[name](site, info)
        return name == "close" or site.has(site.new_id())

    with ExitStack() as held:
        for lock in locks_of(site.manager):
            held.enter_context(lock)
        process = child(use)
    assert process.result() == "True"


@every_store
def test_request_with_an_id(site, url):
    """A request of a child whose parent held all locks finds the session that a shared store has."""
    session_id = site.new_session()
    with ExitStack() as held:
        for lock in locks_of(site.manager):
            held.enter_context(lock)
        process = child(lambda: (site.visit(session_id), site.has(session_id))[1])
    assert process.result() == str(not url.startswith("memory"))
    assert site.has(session_id)


@every_store
def test_accessor(site, url):
    """An accessor of the parent's session works in a child with the store; in memory the session is the parent's."""
    accessors = []
    site.ask("/", lambda request: accessors.append(request.get_session().accessor))
    flush(site.manager)

    def use():
        with suppress(LookupError, RuntimeError):
            accessors[0].access(lambda session: session.set_attribute("user", "anna"))
            return "used"
        return "none"

    assert in_child(use) == ("none" if url.startswith("memory") else "used")


@every_store
def test_requests_are_the_parents(site):
    """What the parent's requests have noted is not in a child, which would tell the store of it once more."""
    session_id = site.new_session()
    request = site.request(session_id)
    site.visit(session_id)
    accesses = sessions_behind(site.manager).context.accesses

    def noted():
        site.visit()
        site.new_id()
        return len(accesses.in_flight), len(accesses.unclosed)

    assert in_child(noted) == "(0, 0)"
    assert len(accesses.in_flight) == 1
    request.finish()


@every_store
def test_background_thread(site):
    """A child has a background thread of its own, if the parent has one."""
    site.new_session()

    def threads():
        site.new_id()
        sweeper = sessions_behind(site.manager)._sweeper
        return sweeper._thread.native_id in map(int, os.listdir("/proc/self/task"))

    assert in_child(threads) == "True"


def test_grandchild(tmp_path):
    """A child of a child notices, too."""
    site = Site(SessionManager(f"sqlite:///{tmp_path}/sessions.db"))
    session_id = site.new_session()

    assert in_child(lambda: site.has(session_id) and in_child(lambda: site.has(session_id))) == "True"
    site.manager.close()


@every_store
def test_threads_of_a_child(site, register):
    """Threads of a child that begin at once wait until everything was reset, which happens once."""
    resets = []

    class Slow:
        def reset_after_fork(self):
            resets.append(os.getpid())
            threading.Event().wait(0.1)

    slow = Slow()
    register(slow)

    def ask(answers):
        assert resets == [os.getpid()]
        answers.append(site.has(site.new_id()))

    def use():
        answers = []
        threads = [threading.Thread(target=lambda: (fork.check(), ask(answers))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return answers == [True] * 8

    assert in_child(use) == "True"


def test_fork_during_a_reset(register):
    """A child of a process that forks while one of its threads resets objects resets them itself."""
    resetting, go_on, resets = threading.Event(), threading.Event(), []

    class Waits:
        def reset_after_fork(self):
            resets.append(os.getpid())
            if os.getpid() == first:
                resetting.set()
                go_on.wait(PATIENCE)

    waits = Waits()
    register(waits)

    def use():
        nonlocal first
        first = os.getpid()
        thread = threading.Thread(target=fork.check)
        thread.start()
        resetting.wait(PATIENCE)
        wait_until(lambda: is_asleep(thread), "the thread to sleep")
        answer = in_child(lambda: (fork.check(), resets[-1] == os.getpid())[1])
        go_on.set()
        thread.join()
        return answer

    first = 0
    assert in_child(use) == "True"


def test_reset_that_fails(caplog, register):
    """An object that cannot be reset is logged, and does not keep the others from it."""

    class Fails:
        def reset_after_fork(self):
            raise OSError("no more threads")

    fails = Fails()
    register(fails)
    site = Site()
    session_id = site.new_session()

    def use():
        return site.has(session_id), caplog.messages

    assert in_child(use) == "(False, ['A Fails was not reset completely after a fork.'])"
    del fails


def test_reset_that_is_interrupted(register):
    """A reset that a signal interrupts, such as that by which a server ends a slow request, begins again later."""
    resets = []

    class Interrupted:
        def reset_after_fork(self):
            resets.append(self)
            if len(resets) == 1:
                raise SystemExit

    class Later:
        def reset_after_fork(self):
            resets.append(self)

    owners = Interrupted(), Later()
    for owner in owners:
        register(owner)

    def use():
        with pytest.raises(SystemExit):
            fork.check()
        fork.check()
        fork.check()
        return [owners.index(owner) for owner in resets]

    assert in_child(use) == "[0, 0, 1]"


def test_servlet_context():
    """A child can initialise a context, although a thread of the parent was initialising another."""
    context = ServletContext(lambda environ, start_response: [])
    from httpsession.servlet import context as module

    with module._contexts.locked():
        process = child(lambda: context.manager.stats().active)
    assert process.result() == "0"


class TestRedis:
    """Connections to a Redis server."""

    @pytest.fixture(params=["url", "unix_url"])
    def url(self, request, redis_server):
        """The URL of a server, by TCP and by a Unix socket."""
        redis_server.client.flushall()
        return getattr(redis_server, request.param)

    def test_children_have_their_own(self, url, redis_server):
        """Children read from other connections than their parent, whose connection stays open."""
        manager = SessionManager(url)
        manager.stats()
        store = sessions_behind(manager).store

        def connections():
            return [client["id"] for client in redis_server.client.client_list() if "hgetall" in client["cmd"]]

        store.load(bytes(32), 0.0)
        (parents,) = connections()

        def use():
            store.load(bytes(32), 0.0)
            return sorted(connections())

        first = child(use)
        assert first.result() != f"[{parents!r}]"
        store.load(bytes(32), 0.0)
        assert connections() == [parents]
        manager.close()

    def test_closed_store(self, url):
        """A store that was closed before the fork stays closed in the child."""
        store = open_store(url)
        len(store)
        store.close()

        def use():
            with pytest.raises(StoreError, match="is closed"):
                len(store)
            return "closed"

        assert in_child(use) == "closed"

    def test_shards_in_other_orders(self, url):
        """Two children do not draw the same random numbers: they would evict in the same shards."""
        from httpsession.stores.redis import store

        def draw():
            return [store._random.randrange(1 << 30) for _ in range(4)]

        assert in_child(draw) != in_child(draw)


class TestSQLite:
    """Connections to a database, and the write lock."""

    @pytest.fixture
    def url(self, tmp_path):
        """The URL of a database."""
        return f"sqlite:///{tmp_path}/sessions.db?timeout=0.3"

    def test_child_holds_locks_of_its_own(self, url):
        """What a child writes is not lost when the parent, and all others, close their connections."""
        site = Site(SessionManager(url, config=SessionConfig(sweep_interval=None)))
        session_id = site.new_session()
        (go_on, closed), (opened, told) = os.pipe(), os.pipe()

        def use():
            assert site.has(session_id)
            os.write(told, b"1")
            os.read(go_on, 1)
            request = site.request(session_id)
            request.session.get_session()["user"] = "anna"
            request.finish()
            os.kill(os.getpid(), signal.SIGKILL)  # no one cleans up behind it

        process = child(use)
        assert os.read(opened, 1)
        site.manager.close()
        os.write(closed, b"1")
        os.waitpid(process._process, 0)

        with Site(SessionManager(url)) as other:
            request = other.request(session_id)
            assert request.session.get_session()["user"] == "anna"
            request.finish()
        for descriptor in (go_on, closed, opened, told, process._answer):
            os.close(descriptor)

    def test_write_lock_is_held(self, url):
        """A child waits for a writer of the parent as any other process does, and then writes."""
        site = Site(SessionManager(url, config=SessionConfig(sweep_interval=None)))
        site.new_session()
        store = sessions_behind(site.manager).store
        lock = store._database._lock

        def use():
            with pytest.raises(StoreError, match="other processes are writing"):
                store.evict()
            return "refused"

        lock.acquire(0)
        process = child(use)
        assert process.result() == "refused"
        lock.release()
        assert in_child(lambda: site.has(site.new_id())) == "True"
        site.manager.close()
