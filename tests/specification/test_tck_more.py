"""The TCK's tests of listeners that are added too late by the names of their classes, under the names they have there.

There is no class loader that would find the class, but that is not what they are about: in a request it is too late.
"""

import pytest

from httpsession.servlet import HttpServletRequest, IllegalStateException, ServletContext
from tests.support.request import Request
from tests.support.site import streaming


class TestServletContext303Tests:
    """Listeners are added in a request, by name."""

    @pytest.fixture
    def context(self):
        """The context of a request under way."""
        return HttpServletRequest(Request(ServletContext(streaming)).environ).getServletContext()

    def test_negativeaddHListenerStringTest(self, context):
        """Too late for a session listener."""
        with pytest.raises(IllegalStateException):
            context.addListener("httpsession.servlet.HttpSessionListener")

    def test_negativeaddHAListenerStringTest(self, context):
        """Too late for an attribute listener."""
        with pytest.raises(IllegalStateException):
            context.addListener("httpsession.servlet.HttpSessionAttributeListener")
