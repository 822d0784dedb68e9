"""The contract of a store as tests, for authors of stores. They need pytest, which the rest of the package does not.

A test class inherits all of them, and says how to open the store::

    from httpsession.testing import StoreContract


    class TestMyStore(StoreContract):
        @pytest.fixture
        def store(self, tmp_path):
            store = MyStore(tmp_path / "sessions")
            yield store
            store.close()

        @pytest.fixture
        def another(self, store, tmp_path):
            other = MyStore(tmp_path / "sessions")
            yield other
            other.close()

The fixture ``store`` gives an open and empty store. ``another`` gives a second object on the same data, as another
process would have. A store that is not shared leaves it out: then it is the same object.

The docstring of a test states the rule that it checks. pytest explains the assertions here as it does those of test
modules, if this module is not imported before pytest has begun.
"""

from __future__ import annotations

from pkgutil import iter_modules

import pytest

pytest.register_assert_rewrite(*(module.name for module in iter_modules(__path__, f"{__name__}.")))

from .contract import StoreContract

__all__ = ["StoreContract"]
