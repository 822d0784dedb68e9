"""A ServletContext, a request to it and its session."""

from __future__ import annotations

import pytest

from httpsession.servlet import HttpServletRequest, ServletContext
from tests.support.request import Request
from tests.support.site import streaming


@pytest.fixture
def context():
    """A context that is not initialised."""
    return ServletContext(streaming)


@pytest.fixture
def exchange(context):
    """A request under way in that context, from a client that has no session."""
    exchange = Request(context)
    yield exchange
    exchange.close()


@pytest.fixture
def session(exchange):
    """A session in the request that makes it."""
    return HttpServletRequest(exchange.environ).getSession()
