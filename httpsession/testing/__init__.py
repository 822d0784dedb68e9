"""The contract of a store as tests, for whoever writes one. This needs pytest, which nothing else here does.

A test class of one's own takes all of them over, and says how to open the store::

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
process would have; without it, as for a store that is not shared, it is the same object.

The docstring of a test says which rule it shows. pytest explains the assertions here as it does those of test modules,
if this module is not imported before pytest has begun.
"""

from __future__ import annotations

from pkgutil import iter_modules

import pytest

pytest.register_assert_rewrite(*(module.name for module in iter_modules(__path__, f"{__name__}.")))

from .creating import Creating
from .ending import Ending
from .forking import Forking
from .listing import Listing
from .loading import Loading
from .races import Racing
from .renaming import Renaming
from .saving import Saving
from .touching import Touching

__all__ = ["StoreContract"]


class StoreContract(Creating, Loading, Saving, Renaming, Ending, Touching, Listing, Racing, Forking):
    """Tests that every store passes: what :class:`httpsession.stores.base.SessionStore` says, sentence by sentence.

    A store that is shared may end idle sessions :data:`~httpsession.stores.base.SLACK` seconds late, and the tests
    reckon with that. ``rounds`` says how often each race is run; more find more.
    ``counts_by_arguments`` says that the store has no clock of its own.
    """
