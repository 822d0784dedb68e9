"""Shops with forms, in memory."""

from __future__ import annotations

import pytest

from tests.csrf.shop import Shop


@pytest.fixture
def shop():
    """A shop that tracks its sessions by cookie."""
    with Shop() as shop:
        yield shop


@pytest.fixture
def visitor(shop):
    """A visitor without a session."""
    return shop.visitor()


@pytest.fixture
def customer(shop):
    """A visitor with a session."""
    visitor = shop.visitor()
    visitor.get("/new")
    return visitor
