"""The options that commands share, ``--store``, ``--utc``, ``--json`` and ``--width``, and opening the store."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import click

from ..config.texts import STORE_VARIABLE
from ..errors import ConfigError, StoreError
from ..stores import MissingStoreError, SharedStore, open_store
from ..stores.base import Prefixed
from .text import VALUE, escaped

#: The function of a command.
F = TypeVar("F", bound=Callable[..., None])

#: The prefix of the name of an environment variable that has the URL.
_VARIABLE: Final = "env:"
#: Where the URL of the option before the command is kept for the command.
_GIVEN: Final = "httpsession.cli.store"
#: How many prefixes a hint lists.
_PREFIXES: Final = 8


class _StoreOption(click.Option):
    """The option ``--store`` of a command. The same option before the command, then the variable stand in for it."""

    def resolve_envvar_value(self, ctx: click.Context) -> str | None:
        """Return the URL from the option before the command, or from the environment."""
        given: str | None = ctx.meta.get(_GIVEN)
        return super().resolve_envvar_value(ctx) if given is None else given


def store_option(function: F) -> F:
    """Add the option ``--store`` to the function of a command, which gets it as *url*."""
    option = click.option(
        "--store",
        "url",
        cls=_StoreOption,
        metavar="URL",
        envvar=STORE_VARIABLE,
        show_envvar=True,
        required=True,
        help="The store, such as redis://cache.example or sqlite:////var/lib/shop/sessions.db.",
    )
    return option(function)


def store_for_all(function: F) -> F:
    """Add the option ``--store`` to the function of the group; the command gets the URL."""

    def keep(ctx: click.Context, parameter: click.Parameter, url: str | None) -> None:
        if url is not None:
            ctx.meta[_GIVEN] = url

    option: Callable[[F], F] = click.option(
        "--store", metavar="URL", expose_value=False, callback=keep, help="The store of the command."
    )
    return option(function)


def refuse_store(ctx: click.Context) -> None:
    """Refuse the option ``--store`` before a command that does not have it.

    Raises:
        UsageError: the option is there.
    """
    if _GIVEN in ctx.meta:
        raise click.UsageError(f"The command {ctx.info_name} has no --store.")


def utc_option(function: F) -> F:
    """Add the option ``--utc`` to the function of a command."""
    return click.option("--utc", is_flag=True, help="Times in UTC, not in the time zone of this machine.")(function)


def json_option(what: str) -> Callable[[F], F]:
    """Return the decorator that adds the option ``--json``, which the function of a command gets as *as_json*."""
    return click.option("--json", "as_json", is_flag=True, help=what)


def width_option(what: str) -> Callable[[F], F]:
    """Return the decorator that adds the option ``--width``."""
    kind: Any = click.IntRange(min=80)
    return click.option("--width", metavar="N", type=kind, default=80, show_default=True, help=what)


@contextmanager
def opened(url: str, *, create: bool = False, remedy: str = "") -> Iterator[SharedStore]:
    """Open the shared store that a URL names, and close it in the end.

    If the store was empty, and nothing failed, other prefixes of the system are listed on standard error in the end.

    Args:
        url: the URL, or ``env:NAME``.
        create: whether to make the store if it does not exist. Otherwise nothing is made.
        remedy: what the message about a missing store adds in brackets.

    Raises:
        ClickException: the URL names no shared store, or the store is missing or fails; the message has no password in
            it.
    """
    try:
        store = _open(url, create)
        try:
            hint = "" if create or len(store) else _hint(store)
            yield store
        finally:
            store.close()
    except (StoreError, ValueError) as error:  # a ValueError for a --principal that is none
        raise _StoreFailure(error, remedy) from error
    if hint:
        click.echo(hint, err=True)


class _StoreFailure(click.ClickException):
    """A store that cannot be opened or fails, in a line without a password."""

    def __init__(self, error: StoreError | ValueError, remedy: str) -> None:
        text = escaped(str(error), 2 * VALUE)
        super().__init__(f"{text} ({remedy})" if remedy and isinstance(error, MissingStoreError) else text)


def _open(url: str, create: bool) -> SharedStore:
    """Open the shared store that a URL names, or the URL in the variable of ``env:NAME``."""
    if url.startswith(_VARIABLE):
        name = url.removeprefix(_VARIABLE)
        url = os.environ.get(name, "") if name.isidentifier() else ""
        if not url:
            # What is no name may be a URL with a password.
            which = f"{name}, which names the store, is empty" if name.isidentifier() else "after env: has no such name"
            raise ConfigError(f"the environment variable {which}")
    try:
        store = open_store(url, must_exist=not create)
    except (ConfigError, StoreError):
        raise
    except OSError as error:  # the folder from which a relative path starts is gone
        raise StoreError(f"the store cannot be opened: {error.strerror}") from None
    except ValueError:
        # The message of the error may have a password in it.
        raise ConfigError("the URL of the store is malformed") from None
    if not store.is_shared:
        store.close()
        scheme = url.partition("://")[0]
        raise ConfigError(f"{scheme}:// keeps sessions in the memory of one process, where no other process sees them")
    return store


def _hint(store: SharedStore) -> str:
    """Return a line with the other prefixes in the system of an empty store: the prefix in the URL may be wrong."""
    if not isinstance(store, Prefixed):
        return ""
    try:
        others = [prefix for prefix in store.prefixes() if prefix != store.prefix]
    except StoreError:  # the user may not look
        return ""
    if not others:
        return ""
    more = f" and {len(others) - _PREFIXES} more" if len(others) > _PREFIXES else ""
    return f"There are no sessions under prefix {store.prefix!r}, but under: {', '.join(others[:_PREFIXES])}{more}"
