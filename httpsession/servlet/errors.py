"""Java's exceptions, and the translation of this package's exceptions to them."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import isfunction
from typing import Any, ParamSpec, TypeVar

from ..errors import IllegalStateError, SessionError

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")

_PACKAGE = __name__.partition(".")[0] + "."


class IllegalStateException(IllegalStateError):
    """The call does not fit the present state: session invalid, response committed, or context initialised.

    Its ``__cause__`` is the exception that says which, such as :class:`httpsession.InvalidSessionError`.
    """


class IllegalArgumentException(SessionError, ValueError):
    """An argument has a wrong value. If the argument is a setting, the ``__cause__`` is a ConfigError."""


def translated(call: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
    """Return *call* such that it raises Java's exceptions in place of this package's.

    Exceptions of listeners and consumers pass unchanged: only a ValueError raised in this package is translated.
    """

    @wraps(call)
    def translating(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Result:
        try:
            return call(*args, **kwargs)
        except (IllegalStateException, IllegalArgumentException):
            raise
        except IllegalStateError as error:
            raise IllegalStateException(*error.args) from error
        except ValueError as error:
            if not _is_from_here(error):
                raise
            raise IllegalArgumentException(*error.args) from error

    return translating


def _is_from_here(error: BaseException) -> bool:
    """Return whether this package raised *error*."""
    innermost = error.__traceback__
    while innermost is not None and innermost.tb_next is not None:
        innermost = innermost.tb_next
    return innermost is not None and str(innermost.tb_frame.f_globals.get("__name__")).startswith(_PACKAGE)


class Translated:
    """A class whose public methods, and whose construction, raise Java's exceptions.

    Subclasses are translated when they are defined. Properties and private methods are not.
    """

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        for name, member in list(vars(cls).items()):
            if isfunction(member) and (name == "__init__" or not name.startswith("_")):
                setattr(cls, name, translated(member))
