"""The demo as its visitors meet it: served by gunicorn, on a port of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from demo import members
from tests.demo.serving import serving
from tests.demo.visitor import Visitor


@pytest.fixture(autouse=True)
def accounts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Open the accounts for tests in this process; the server opens them itself."""
    monkeypatch.setenv(members.SWITCH, "open")


@pytest.fixture(scope="session")
def demo_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve the demo by two workers, and return its URL."""
    with serving(tmp_path_factory.mktemp("demo")) as server:
        yield server.url


@pytest.fixture
def visitor(demo_url: str) -> Visitor:
    """Return a visitor without cookies."""
    return Visitor(demo_url)


@pytest.fixture
def new_visitor(demo_url: str) -> Callable[..., Visitor]:
    """Return what makes further visitors."""
    return lambda **settings: Visitor(demo_url, **settings)
