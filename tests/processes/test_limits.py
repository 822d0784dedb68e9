"""The limit on the sessions of a user holds for logins in several processes at once."""

from __future__ import annotations

import http.client
import json
from functools import partial

import pytest

from httpsession import SessionConfig, SessionManager
from tests.core.test_limits import LIMITED, register_of
from tests.support.core import store_of
from tests.support.threads import together

LOGINS = 20


def get(port, path, cookie=""):
    """Return the status of a page, what it has found, and the session cookie of the response."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path, headers={"Cookie": cookie})
    response = connection.getresponse()
    body = response.read()
    connection.close()
    found = json.loads(body)["found"] if response.status == 200 else None
    return response.status, found, (response.getheader("Set-Cookie") or "").partition(";")[0]


@pytest.mark.parametrize("how", ["evict", "deny"])
@pytest.mark.parametrize("is_new", [True, False], ids=["new", "anonymous before"])
def test_logins_at_once(url, serve, how, is_new):
    """Of twenty logins at once in four processes exactly three sessions are left; register and records agree (R83)."""
    port = serve(url, **LIMITED, when_too_many=how).port
    before = ["" if is_new else get(port, f"/write?cart={number}")[2] for number in range(LOGINS)]
    answers = together(*[partial(get, port, "/login", cookie) for cookie in before])

    logged_in = [cookie for status, found, cookie in answers if (status, found) == (200, "anna") and cookie]
    alive = [cookie for cookie in logged_in if get(port, "/read", cookie)[1] is not None]
    with SessionManager(url, config=SessionConfig(sweep_interval=None)) as manager:
        store = store_of(manager)
        keys = {record.key for record in store.records_of("anna")}
        assert len(keys) == len(alive) == 3
        if not url.startswith("sqlite"):
            assert register_of(store) == keys
    assert how == "evict" or len(logged_in) == 3
