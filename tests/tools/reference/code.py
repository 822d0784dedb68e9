"""The members as the code has them: whether they are there, and how they are written."""

from __future__ import annotations

import ast
import dataclasses
import inspect
from enum import EnumType

import httpsession
from httpsession import servlet

from .members import Member


class MissingError(Exception):
    """A name in a row that is not in the code."""


def native(member: Member) -> str:
    """Return how the member is written with the package's own names.

    Raises:
        MissingError: there is no such thing.
    """
    match ast.parse(member.native, mode="eval").body:
        case ast.Attribute(value=ast.Name(id=cls), attr=name):
            return _of_class(_class(httpsession, cls), name, sets=member.name.startswith("set"))
        case ast.Attribute(value=ast.Call(func=ast.Name(id=cls)), attr=name):
            _of_class(_class(httpsession, cls), name)
            return member.native
        case ast.Call(func=ast.Name(id="list"), args=[ast.Name(id=cls)]) | ast.Subscript(value=ast.Name(id=cls)):
            if not isinstance(_class(httpsession, cls), EnumType):
                raise MissingError(f"{cls} is no enumeration")
            return member.native
        case ast.Call(func=ast.Name(id=cls), args=args, keywords=keywords):
            _check_call(_class(httpsession, cls), args, keywords)
            return member.native
    raise MissingError(f"{member.native!r} is not of a known form")


def native_names(member: Member) -> set[str]:
    """Return the names of which a test has to use one to show the member."""
    names = {member.name}
    if not member.native:
        return names
    match ast.parse(member.native, mode="eval").body:
        case ast.Attribute(attr=name):
            names.add(name)
        case ast.Call(func=ast.Name(id=cls), args=args, keywords=keywords):
            names |= {keyword.arg for keyword in keywords} or ({cls, *_ids(args)} - {"list"})
        case ast.Subscript(value=ast.Name(id=cls)):
            names.add(cls)
    return names


def in_servlet(member: Member) -> str:
    """Return how the member is written with the names of httpsession.servlet.

    Raises:
        MissingError: there is no such thing.
    """
    cls = servlet
    for name in member.owner.split("."):
        cls = _class(cls, name)
    if member.name == member.owner:
        return f"{member.owner}({', '.join(_parameters(cls))})"
    if isinstance(cls, EnumType) and not hasattr(cls, member.name):
        return member.native
    return _of_class(cls, member.name, shown=member.owner)


def public_members() -> set[str]:
    """Return the members that httpsession.servlet has of Java's: ``HttpSession.getId``, and so on."""
    found = set()
    for name in servlet.__all__:
        cls = getattr(servlet, name)
        if not issubclass(cls, Exception):
            found |= _members(cls, name)
    return found


def _members(cls: type, shown: str) -> set[str]:
    found = set()
    for name, value in vars(cls).items():
        if "_" in name or isinstance(value, property) or name == "close":
            continue  # what Java has not
        if isinstance(value, type):
            found |= _members(value, f"{shown}.{name}")
        else:
            found.add(f"{shown}.{name}")
    return found


def _class(where: object, name: str) -> type:
    found = getattr(where, name, None)
    if not isinstance(found, type):
        raise MissingError(f"there is no class {name}")
    return found


def _of_class(cls: type, name: str, *, sets: bool = False, shown: str = "") -> str:
    shown = f"{shown or cls.__name__}.{name}"
    if dataclasses.is_dataclass(cls) and name in {one.name for one in dataclasses.fields(cls)}:
        return shown
    found = inspect.getattr_static(cls, name, None)
    if found is None:
        raise MissingError(f"{cls.__name__} has no {name}")
    if isinstance(found, property) and sets:
        if found.fset is None:
            raise MissingError(f"{cls.__name__}.{name} cannot be set")
        return f"{shown} = ..."
    if inspect.isfunction(found):
        return f"{shown}({', '.join(_parameters(found)[1:])})"
    return shown


def _parameters(call: object) -> list[str]:
    return list(inspect.signature(call).parameters)


def _check_call(cls: type, args: list[ast.expr], keywords: list[ast.keyword]) -> None:
    try:
        bound = inspect.signature(cls).bind_partial(*args, **{one.arg: one for one in keywords})
    except TypeError as error:
        raise MissingError(f"{cls.__name__}: {error}") from error
    if args and list(bound.arguments) != _ids(args):
        raise MissingError(f"the arguments of {cls.__name__} are {', '.join(bound.arguments)}")


def _ids(args: list[ast.expr]) -> list[str]:
    return [one.id for one in args if isinstance(one, ast.Name)]
