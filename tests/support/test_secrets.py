"""The watch over secrets, without which its silence would say nothing."""

from __future__ import annotations

import base64
import logging
import os

import pytest

from httpsession import SessionManager, audit
from httpsession.ids import draw
from tests.support.secrets import MARKER, watched

pytestmark = pytest.mark.unwatched
log = logging.getLogger("httpsession")


@pytest.mark.parametrize(
    "spell",
    [
        lambda session_id, key: session_id,
        lambda session_id, key: f"JSESSIONID={session_id}; Path=/",
        lambda session_id, key: session_id.lower(),
        lambda session_id, key: key.hex(),
        lambda session_id, key: MARKER,
        lambda session_id, key: base64.urlsafe_b64encode(bytes.fromhex(session_id) + os.urandom(16)).decode(),
    ],
    ids=["id", "cookie", "lower case", "key", "value", "masked token"],
)
def test_leaks(spell):
    """A record below the level of the logger is found, and one whose traceback or extra attribute has the secret."""
    with watched() as watch:
        secret = spell(*draw(16))
        log.debug("the session %s", secret)
        try:
            raise LookupError(secret)
        except LookupError:
            log.exception("a failure")
        log.info("a fact", extra={"fact": secret})
    assert len(watch.leaks) == 3


def test_silence(caplog):
    """What the package logs of a session is no leak; handlers get the records that the level lets through."""
    with watched() as watch:
        _, key = draw(16)
        audit.note("session_created", key=key)
        log.warning("%s", SessionManager)
    assert watch.leaks == []
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_restores():
    """After the block all is as before."""
    before = os.urandom
    with watched():
        pass
    assert os.urandom is before
    assert type(log) is logging.Logger
    assert not log.isEnabledFor(logging.DEBUG)
