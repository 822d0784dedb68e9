"""The class from which the tests of a store derive."""

from __future__ import annotations

from .closing import Closing
from .creating import Creating
from .deadlines import Deadlines
from .ending import Ending
from .forking import Forking
from .listing import Listing
from .loading import Loading
from .logins import Logins
from .logouts import Logouts
from .newcomers import Newcomers
from .notes import Notes
from .races import Races
from .renaming import Renaming
from .saving import Saving
from .secrecy import Secrecy
from .touching import Touching
from .users import Users


class StoreContract(
    Creating,
    Loading,
    Saving,
    Notes,
    Deadlines,
    Renaming,
    Logins,
    Logouts,
    Ending,
    Newcomers,
    Touching,
    Listing,
    Users,
    Closing,
    Secrecy,
    Races,
    Forking,
):
    """Tests that every store passes: what :class:`httpsession.stores.base.SessionStore` says, sentence by sentence.

    A shared store may end idle sessions :data:`~httpsession.stores.base.SLACK` seconds late, and the tests allow that.
    ``rounds`` says how often each race is run; more rounds find more. ``counts_by_arguments`` says that the store has
    no clock of its own.
    """
