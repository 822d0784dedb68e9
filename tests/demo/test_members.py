"""The accounts of the demo, and the check of their passwords."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from werkzeug.exceptions import TooManyRequests
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from demo import members
from demo.throttle import Throttle


@pytest.fixture(autouse=True)
def new_throttle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the failures of other tests."""
    monkeypatch.setattr(members, "_throttle", Throttle())


def login(address: str = "192.0.2.1", **fields: str) -> Request:
    """Return a request that sends the login form."""
    environ = EnvironBuilder(method="POST", data=fields, environ_base={"REMOTE_ADDR": address}).get_environ()
    return Request(environ)


@pytest.mark.parametrize("name", members.MEMBERS)
def test_the_passwords_on_the_login_page_open(name: str) -> None:
    """Every member that is shown can log in."""
    assert members.MEMBERS[name] == members.authenticate(login(name=name, password=members.PASSWORDS[name]))


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"name": "mina", "password": "paper-boat"}, id="password-of-another"),
        pytest.param({"name": "", "password": ""}, id="empty"),
        pytest.param({}, id="no-fields"),
        pytest.param({"name": "Mina", "password": "green-kettle"}, id="case"),
        pytest.param({"name": "nobody", "password": ""}, id="password-of-nobody"),
    ],
)
def test_no_other_password_opens(fields: dict[str, str]) -> None:
    """The password of another member, or of no member, opens nothing."""
    assert members.authenticate(login(**fields)) is None


@pytest.mark.parametrize("name", members.PASSWORDS)
def test_without_the_mode_of_the_demo_there_are_no_accounts(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """An application that is served in another way has no account with a known password (R92)."""
    monkeypatch.delenv(members.SWITCH)

    assert members.authenticate(login(name=name, password=members.PASSWORDS[name])) is None
    assert members.find(name) is None


@pytest.mark.parametrize("name", ["zoe", "nobody"])
def test_a_wrong_name_costs_the_work_of_a_wrong_password(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Each failed login computes scrypt once, at the cost that OWASP recommends (R92)."""
    costs: list[tuple[int, int, int]] = []
    scrypt = hashlib.scrypt

    def counted(*arguments: Any, n: int, r: int, p: int, **more: Any) -> bytes:
        costs.append((n, r, p))
        return scrypt(*arguments, n=n, r=r, p=p, **more)

    monkeypatch.setattr(hashlib, "scrypt", counted)
    assert members.authenticate(login(name=name, password="wrong")) is None
    assert costs == [(2**15, 8, 3)]


@pytest.mark.parametrize("name", ["zoe", "nobody"])
def test_failures_are_throttled_for_every_name_alike(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Beyond the limit the right password is not looked at either, and the answer does not tell which names exist."""
    monkeypatch.setattr(members, "_throttle", Throttle(here=2))
    for _ in range(2):
        assert members.authenticate(login(name=name, password="wrong")) is None

    with pytest.raises(TooManyRequests):
        members.authenticate(login(name=name, password=members.PASSWORDS["zoe"]))


def test_another_address_is_not_locked_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A member whose name is being guessed elsewhere can log in."""
    monkeypatch.setattr(members, "_throttle", Throttle(here=1))
    members.authenticate(login("198.51.100.7", name="zoe", password="wrong"))

    assert members.authenticate(login(name="zoe", password=members.PASSWORDS["zoe"])) == members.MEMBERS["zoe"]


def test_logins_that_succeed_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """A member may log in any number of times."""
    monkeypatch.setattr(members, "_throttle", Throttle(here=1, address=1, account=1))

    for _ in range(2):
        assert members.authenticate(login(name="zoe", password=members.PASSWORDS["zoe"])) == members.MEMBERS["zoe"]
