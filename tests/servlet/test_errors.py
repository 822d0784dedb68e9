"""Exceptions of httpsession.servlet."""

from __future__ import annotations

import httpsession
from httpsession.servlet import IllegalArgumentException, IllegalStateException


def test_the_exceptions_are_of_this_package():
    """Java's exceptions derive from this package's and from Python's."""
    assert issubclass(IllegalStateException, httpsession.IllegalStateError)
    assert issubclass(IllegalArgumentException, httpsession.SessionError)
    assert issubclass(IllegalArgumentException, ValueError)
