"""The SQLite store: the contract of a store, in a file that processes share."""

from __future__ import annotations

import pytest

from httpsession.stores.sqlite import SQLiteStore
from httpsession.testing import StoreContract


class TestContract(StoreContract):
    """SQLite keeps what every store promises, seen through two connections to one file."""

    @pytest.fixture
    def store(self, tmp_path):
        store = SQLiteStore(tmp_path / "sessions.db")
        yield store
        store.close()

    @pytest.fixture
    def another(self, store, tmp_path):
        another = SQLiteStore(tmp_path / "sessions.db")
        yield another
        another.close()
