"""The page about the Servlet session API is as the generator makes it, and the generator notices what is not true."""

import re

import pytest

from tests.tools.reference import behaviours, code, members, page, tck
from tests.tools.reference.members import Member


def problems():
    """Return what the generator complains about."""
    with pytest.raises(page.WrongError) as caught:
        page.rendered()
    return str(caught.value).splitlines()


def with_member(monkeypatch, *, owner="HttpSession", java="getId()", native="HttpSession.id", number=20):
    """List one member in place of all."""
    monkeypatch.setitem(members.TYPES, owner, (Member(owner, java, native, (number,)),))


def test_the_page_is_up_to_date():
    """It is what ``python -m tests.tools.reference`` prints."""
    assert page.PAGE.read_text() == page.rendered() + "\n"


@pytest.mark.parametrize("name", sorted(code.public_members()))
def test_every_member_has_a_row(name):
    """All of Java's members that httpsession.servlet has are in its column."""
    rows = [line.split(" | ")[2] for line in page.PAGE.read_text().splitlines() if line.count(" | ") == 4]

    assert [row for row in rows if re.match(rf"`{re.escape(name)}\b", row)]


def test_a_member_without_a_row(monkeypatch):
    """It is named."""
    monkeypatch.delitem(members.TYPES, "HttpSession.Accessor")

    assert "HttpSession.Accessor.access: no row" in problems()


@pytest.mark.parametrize(
    ("java", "native", "message"),
    [
        ("getId()", "HttpSession.identity", "HttpSession has no identity"),
        ("getId()", "Session.id", "there is no class Session"),
        ("getIdentity()", "HttpSession.id", "HttpSession has no getIdentity"),
        ("setId(String)", "HttpSession.id", "HttpSession.id cannot be set"),
        ("getId()", "HttpSession(identity=...)", "HttpSession: got an unexpected keyword argument 'identity'"),
        ("getId()", "HttpSession(identity)", "the arguments of HttpSession are session"),
        ("getId()", "list(HttpSession)", "HttpSession is no enumeration"),
    ],
)
def test_a_member_that_does_not_exist(monkeypatch, java, native, message):
    """Neither natively nor in httpsession.servlet is a name taken for granted."""
    with_member(monkeypatch, java=java, native=native)

    assert f"HttpSession.{java}: {message}" in problems()


def test_a_member_without_a_test(monkeypatch):
    """The tests of the behaviour that is given must use it."""
    with_member(monkeypatch, java="getAccessor()", native="HttpSession.accessor", number=20)

    assert {"HttpSession.getAccessor(): no test of S20 uses it", "HttpSession.getAccessor(): no test"} <= {*problems()}


@pytest.mark.parametrize(
    ("name", "about", "message"),
    [
        ("getIdentityTest", "getId()", "no such test"),
        ("getIdTestServlet", "getIdentity()", "no member HttpSession.getIdentity()"),
        ("getIdTestServlet", "isNew()", "does not use HttpSession.isNew()"),
        ("getIdTestServlet", "Not portable: no reason", "there is a test"),
    ],
)
def test_a_test_of_the_tck(monkeypatch, name, about, message):
    """It exists, and uses the members that it is about; or there is none."""
    monkeypatch.setitem(tck.TCK, ("HttpSessionTests", "HttpSession"), {name: about})

    assert [one for one in problems() if one.startswith(f"HttpSessionTests#{name}: {message}")]


def test_a_behaviour_without_a_test(monkeypatch):
    """It needs a reason."""
    monkeypatch.delitem(behaviours.WITHOUT, 44)

    assert problems() == ["S44: no test"]


def test_a_behaviour_with_a_test(monkeypatch):
    """It needs none."""
    monkeypatch.setitem(behaviours.WITHOUT, 24, "cannot be tested")

    assert problems() == ["S24: has tests, and a reason why not"]


def test_a_number_that_means_nothing(monkeypatch):
    """There is no test of a behaviour that is not listed."""
    monkeypatch.delitem(behaviours.NAMES, 145)

    assert problems() == ["S145: no such behaviour", "there are 144 behaviours"]
