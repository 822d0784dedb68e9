"""The demo as its visitors meet it: served by gunicorn, on a port of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.demo.browser import Browser
from tests.demo.serving import serving


@pytest.fixture(scope="session")
def demo_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve the demo by two workers, and return its URL."""
    with serving(tmp_path_factory.mktemp("demo")) as url:
        yield url


@pytest.fixture
def browser(demo_url: str) -> Browser:
    """Return a browser that has never been anywhere."""
    return Browser(demo_url)


@pytest.fixture
def new_browser(demo_url: str) -> Callable[..., Browser]:
    """Return what makes further browsers."""
    return lambda **settings: Browser(demo_url, **settings)
