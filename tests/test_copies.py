"""Objects that belong to a request or a process cannot be copied; the error says so, and what can be."""

from __future__ import annotations

import copy
import pickle

import pytest

import httpsession
from httpsession import HttpSessionEvent, SessionConfig, SessionCookieConfig
from httpsession.servlet import HttpServletRequest
from tests.support.site import Site


@pytest.fixture
def site():
    with Site() as site:
        yield site


WAYS = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": pickle.dumps,
    **{f"pickle {protocol}": lambda value, p=protocol: pickle.dumps(value, p) for protocol in range(6)},
}


class TestNotCopied:
    """copy and pickle, of each kind of object."""

    @pytest.mark.parametrize("way", WAYS)
    @pytest.mark.parametrize(
        ("kind", "remedy"),
        [
            ("HttpSession", r"dict\(session\)"),
            ("RequestSession", r"dict\(environ\)"),
            ("SessionManager", "the URL of its store"),
            ("Accessor", r"dict\(session\)"),
            ("Exchange", r"dict\(environ\)"),
        ],
    )
    def test_refused(self, site, kind, remedy, way):
        """copy, deepcopy and pickle of each raise a TypeError with the remedy."""
        request = site.request()
        session = request.session.get_session()
        session["cart"] = [1]
        value = {
            "HttpSession": session,
            "RequestSession": request.session,
            "SessionManager": site.manager,
            "Accessor": session.accessor,
            "Exchange": request.environ["httpsession.exchange"],
        }[kind]
        with pytest.raises(TypeError, match=rf"^{kind} objects cannot be copied or pickled: .*{remedy}"):
            WAYS[way](value)
        assert session["cart"] == [1]
        assert request.session.get_session() == session

    @pytest.mark.parametrize("way", ["deepcopy", "pickle"])
    def test_inside_of_other_objects(self, site, way):
        """An object that has such an object in it cannot be copied as a whole either, and the error is the same."""
        request = site.request()
        session = request.session.get_session()
        for value in ({"session": session}, [session], HttpSessionEvent(session), request.environ.copy()):
            with pytest.raises(TypeError, match="cannot be copied or pickled"):
                WAYS[way](value)
        with pytest.raises(TypeError, match="cannot be copied or pickled"):
            WAYS[way](HttpServletRequest(request.environ).getSession())

    def test_what_can(self, site):
        """The remedies work: attributes, a copy of the environ, the configuration, a list of sessions."""
        request = site.request()
        session = request.session.login("anna")
        session["cart"] = [1]
        assert copy.deepcopy(dict(session)) == {"cart": [1]}
        assert httpsession.get_session(dict(request.environ)) == session
        config = SessionConfig(max_inactive_interval=300, cookie=SessionCookieConfig(attributes={"Priority": "High"}))
        (info,) = site.manager.sessions_of("anna")
        for way in (copy.copy, copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))):  # noqa: S301 (its own)
            assert way(config) == config
            assert way(info) == info
            assert way(site.manager.stats()) == site.manager.stats()
