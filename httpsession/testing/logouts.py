"""A logout everywhere. A store whose list of a user's sessions may be incomplete keeps the time of it, too."""

from __future__ import annotations

import pytest

from ..stores.base import Revoking
from .base import AnyStore, Contract


class Logouts(Contract):
    """The promises of :class:`~httpsession.stores.base.Revoking`, and of what every store does in its place."""

    def log_out_everywhere(self, store: AnyStore, principal: str, at: float, spared: bytes | None = None) -> None:
        """Do with the store what the manager does: end the listed sessions, then forget the others."""
        for record in store.records_of(principal):
            if record.key != spared:
                store.remove(record.key)
        if isinstance(store, Revoking):
            store.forget_logins(principal, self.at(at), 600.0, spared)

    def test_log_out_everywhere(self, store: AnyStore, another: AnyStore) -> None:
        """Sessions of before end, in every process, but the spared one. Later logins and other users are left alone."""
        ends = [self.add(store, at=-20, principal="anna") for _ in range(20)]
        spared, other = (self.add(store, at=-20, principal=principal) for principal in ("anna", "berta"))
        self.log_out_everywhere(store, "anna", -10, spared)
        later = self.add(store, at=-5, principal="anna")

        for process in (store, another):
            assert [self.is_alive(process, key) for key in (spared, later, other)] == [True] * 3
            assert [self.is_alive(process, key) for key in ends] == [False] * 20
        assert sorted(record.key for record in store.records_of("anna")) == sorted([spared, later])

    def test_login_saved_after_a_logout(self, store: AnyStore, another: AnyStore) -> None:
        """A session of before that is saved, or listed, after the logout everywhere is no session either."""
        if not isinstance(store, Revoking):
            pytest.skip("the list of a user's sessions is never incomplete")
        self.log_out_everywhere(store, "anna", -10)
        key = self.add(store, at=-20, principal="anna")

        assert [self.is_alive(process, key) for process in (store, another)] == [False, False]

    def test_no_principal_to_forget(self, store: AnyStore) -> None:
        """A principal that is none is a ValueError."""
        if isinstance(store, Revoking):
            with pytest.raises(ValueError, match="principal"):
                store.forget_logins("", self.now, 1.0)
