"""Logouts everywhere, in a store whose list of a user's sessions may be incomplete."""

from __future__ import annotations

from math import inf

from ..config.session import SessionConfig
from ..stores.base import FOLLOW, Revoking


def forget_logins(store: object, config: SessionConfig, principal: str, before: float, spared: bytes | None) -> None:
    """Make the logins of *principal* before a time worth nothing, also those that are not listed or not saved yet.

    Args:
        store: the store; one whose list is never incomplete is left alone.
        config: the configuration, which says how long sessions live.
        principal: the user.
        before: seconds since the epoch.
        spared: the key of a session that stays.
    """
    if isinstance(store, Revoking):
        store.forget_logins(principal, before, _life(config), spared)


def _life(config: SessionConfig) -> float:
    """Return the seconds that a session may last without a request if a login under way saves it now."""
    if config.max_lifetime is not None:
        return config.max_lifetime + FOLLOW
    return config.max_inactive_interval + FOLLOW if config.max_inactive_interval > 0 else inf
