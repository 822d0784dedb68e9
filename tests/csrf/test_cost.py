"""The cost of the protection: function calls, and commands to a server."""

from __future__ import annotations

import pytest

from httpsession import SessionMiddleware
from httpsession.csrf import CsrfMiddleware
from tests.csrf.shop import Shop
from tests.support.cost import calls_of_request, start_response, untouched
from tests.support.request import plain_environ


@pytest.mark.usefixtures("no_collection")
@pytest.mark.parametrize("cookies", [None, "JSESSIONID=0123456789ABCDEF0123456789ABCDEF"])
def test_untouched(shop, cookies):
    """A page that asks for no token costs a few calls, and none of them looks for a session."""
    plain, protected = (SessionMiddleware(app, shop.manager) for app in (untouched, CsrfMiddleware(untouched)))
    for app in (plain, protected):
        app(plain_environ(cookies), start_response)
    environ = plain_environ(cookies)

    assert 0 < calls_of_request(protected, environ) - calls_of_request(plain, environ) <= 10


def test_round_trips(redis_server):
    """A checked request and a page with a token cost the one command that reads the session, the first page a save."""
    redis_server.client.flushall()
    with Shop(redis_server.unix_url) as shop:
        visitor = shop.visitor()
        visitor.get("/new")

        def commands(act):
            redis_server.calls()
            result = act()
            return {
                name: count for name, count in redis_server.calls().items() if name in ("hgetall", "evalsha")
            }, result

        first, token = commands(visitor.token)
        assert first == {"hgetall": 1, "evalsha": 1}
        assert commands(visitor.token)[0] == {"hgetall": 1}
        assert commands(lambda: visitor.is_accepted(token)) == ({"hgetall": 1}, True)
