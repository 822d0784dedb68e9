"""Principals: one check for all verbs and all stores, before anything happens."""

from __future__ import annotations

import enum

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from httpsession import SessionConfig, SessionManager
from httpsession.cli import group
from httpsession.record import check_principal
from httpsession.servlet import HttpServletRequest
from httpsession.werkzeug import Request
from tests.support.site import Site

WRONG = {
    "a number": 5,
    "zero": 0,
    "a boolean": True,
    "a float": 5.0,
    "None": None,
    "bytes": b"5",
    "empty": "",
    "a tuple": ("5",),
    "an object": object(),
    "a class": str,
    "too long": "p" * 1025,
    "too long in UTF-8": "\N{PILE OF POO}" * 257,
    "far too long": "p" * 10**6,
    "a lone surrogate": "anna\ud800",
    "a byte that was no UTF-8": b"ann\xe9".decode("utf-8", "surrogateescape"),
}
RIGHT = ["5", " ", "a\0b", "p" * 1024, "\N{PILE OF POO}" * 256, "anna@example.org", "None"]


class Name(str):
    """A name of a user with methods of its own."""

    __slots__ = ()


class Role(enum.StrEnum):
    """Users that are members of an enumeration."""

    ADMIN = "admin"


@pytest.fixture
def site(url):
    with SessionManager(url, config=SessionConfig(sweep_interval=None)) as manager:
        yield Site(manager)


every_store = pytest.mark.parametrize("url", ["memory", "sqlite", "redis"], indirect=True)


@every_store
@pytest.mark.parametrize("name", WRONG)
class TestRefused:
    """A value that is no principal is a ValueError in each verb, and nothing has happened."""

    def test_login(self, site, name):
        """login makes no session and changes none: no id, no attribute, no user."""
        request = site.request()
        for _ in range(2):
            with pytest.raises(ValueError, match="principal"):
                request.session.login(WRONG[name])
        assert request.session.get_session(create=False) is None
        assert request.finish().set_cookies == []
        assert site.active == 0

    def test_login_to_a_session(self, site, name):
        """The session of a user who is logged in stays as it is."""
        login = site.request()
        login.session.login("5")["cart"] = [1]
        session_id = login.finish().new_id
        request = site.request(session_id)
        with pytest.raises(ValueError, match="principal"):
            Request(request.environ).login(WRONG[name])
        session = request.session.get_session()
        assert (session.id, session.principal, dict(session)) == (session_id, "5", {"cart": [1]})
        assert request.finish().set_cookies == []

    def test_manager(self, site, name):
        """sessions_of and invalidate_all find and end nothing, with the same error in each store."""
        login = site.request()
        login.session.login("5")
        session_id = login.finish().new_id
        handle = site.manager.sessions_of("5")[0]
        for call in (
            site.manager.sessions_of,
            site.manager.invalidate_all,
            lambda principal: site.manager.invalidate_all(principal, except_=handle),
        ):
            with pytest.raises(ValueError, match="principal") as caught:
                call(WRONG[name])
            assert len(str(caught.value)) < 250
        assert site.has(session_id)

    def test_servlet(self, site, name):
        """The context of Java's API reaches the same manager, and raises the same errors."""
        context = HttpServletRequest(site.request().environ).getServletContext()
        with pytest.raises(ValueError, match="principal"):
            context.manager.invalidate_all(WRONG[name])


@every_store
class TestAccepted:
    """Any other text is a principal."""

    @pytest.mark.parametrize("principal", RIGHT, ids=lambda text: ascii(text)[:20])
    def test_right(self, site, principal):
        """It can be logged in, found and logged out."""
        login = site.request()
        login.session.login(principal)
        session_id = login.finish().new_id
        assert site.request(session_id).session.get_session().principal == principal
        assert [info.principal for info in site.manager.sessions_of(principal)] == [principal]
        assert site.manager.invalidate_all(principal) == 1
        assert not site.has(session_id)

    @pytest.mark.parametrize("principal", [Name("anna"), Role.ADMIN])
    def test_subclass_of_str(self, site, principal):
        """An object of a subclass is its text, in each store."""
        login = site.request()
        login.session.login(principal)
        login.finish()
        (info,) = site.manager.sessions_of(str.__str__(principal))
        assert type(info.principal) is str
        assert site.manager.invalidate_all(principal) == 1


@given(st.one_of(st.text(max_size=2000), st.integers(), st.binary(), st.none(), st.floats(), st.lists(st.text())))
@hypothesis_settings(suppress_health_check=[HealthCheck.too_slow])
def test_check(principal):
    """The check accepts text of 1 to 1,024 bytes in UTF-8, returns it, and refuses everything else in short."""
    try:
        size = len(principal.encode()) if isinstance(principal, str) else 0
    except UnicodeEncodeError:
        size = 0
    if 0 < size <= 1024:
        assert check_principal(principal) == principal
    else:
        with pytest.raises(ValueError, match="principal") as caught:
            check_principal(principal)
        assert len(str(caught.value)) < 350


class TestOtherArguments:
    """The other arguments of the manager."""

    @pytest.mark.parametrize("wrong", [5, None, b"ab", object(), ["ab"]])
    def test_handle(self, wrong):
        """A handle is text; another value is a ValueError that says where a handle is."""
        with SessionManager() as manager, pytest.raises(ValueError, match=r"pass session\.handle"):
            manager.invalidate(wrong)

    @pytest.mark.parametrize(
        "wrong",
        [
            "ab" * 20,
            "ab" * 32,
            5,
            object(),
            *(type("S", (), {"handle": text})() for text in ("no handle", "", "ab")),
            True,
        ],
    )
    def test_session_to_spare(self, wrong):
        """The session to spare is a session; otherwise none is ended."""
        with SessionManager(config=SessionConfig(sweep_interval=None)) as manager:
            site = Site(manager)
            site.request().session.login("anna")
            with pytest.raises(ValueError, match="must be an HttpSession or a SessionInfo"):
                manager.invalidate_all("anna", except_=wrong)
            assert len(manager.sessions_of("anna")) == 1

    @pytest.mark.parametrize("command", [["list"], ["end", "--yes"]])
    @pytest.mark.parametrize("principal", ["", "p" * 2000])
    def test_commands(self, tmp_path, command, principal):
        """A command refuses it in a line, with status 1."""
        url = f"sqlite:///{tmp_path}/x.db"
        SessionManager(url).close()
        result = CliRunner().invoke(group(), [*command, "--store", url, "--principal", principal])
        assert result.exit_code == 1
        assert "principal" in result.output
        assert "Traceback" not in result.output
