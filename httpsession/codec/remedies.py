"""The remedy for a value that cannot be stored: what to store in its place, or how to register its class.

Only the class of a value is looked at, so no code of a foreign object runs. Classes of other packages are recognised by
their names and members and are never imported. In a remedy, ``value`` is the refused object.
"""

from __future__ import annotations

import re
from array import array
from collections import Counter, OrderedDict, UserString, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, MappingView, Sequence, Set
from dataclasses import is_dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from functools import partial
from io import BytesIO, IOBase, StringIO
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
from numbers import Number
from os import PathLike
from pathlib import PosixPath, PurePath, WindowsPath
from types import (
    BuiltinFunctionType,
    EllipsisType,
    FunctionType,
    MethodType,
    ModuleType,
    NotImplementedType,
    SimpleNamespace,
    TracebackType,
)
from typing import Final
from uuid import UUID

Rule = Callable[[type], str | None]

_OUTSIDE: Final = "keep it outside of the session, and store the data that finds it"
_KEY: Final = "load the object in each request"
_ADDRESSES: Final = (IPv4Interface, IPv6Interface, IPv4Address, IPv4Network, IPv6Address, IPv6Network)
#: The packages whose objects belong to one process, beside all locks.
_OF_PROCESS: Final = frozenset(
    {
        *(
            "_asyncio",
            "_queue",
            "_socket",
            "_sqlite3",
            "_ssl",
            "_thread",
            "asyncio",
            "concurrent",
            "contextvars",
            "gevent",
        ),
        *(
            "http",
            "logging",
            "multiprocessing",
            "psycopg",
            "psycopg2",
            "queue",
            "redis",
            "select",
            "selectors",
            "socket",
        ),
        *("sqlite3", "ssl", "subprocess", "threading", "urllib3", "weakref", "flask", "werkzeug"),
    }
)
#: What to store in the place of a subclass of a type that is stored as it is.
_AS_BASE: Final[Mapping[type, str]] = {
    **{base: f"{base.__name__}(value)" for base in (int, float, bytes, list, tuple, set, frozenset, dict, Decimal)},
    **dict.fromkeys((datetime, date, time), "value.isoformat()"),
    timedelta: "timedelta(value.days, value.seconds, value.microseconds)",
    UUID: "UUID(int=value.int)",
}


def remedy_for(cls: type) -> str:
    """Return what an application can do in place of storing an object of *cls*."""
    for rule in _RULES:
        try:
            found = rule(cls)
        except Exception:  # noqa: S112 - of a class whose members cannot even be asked for
            continue
        if found:
            return found
    return f"store its data in types that are supported, or register it: {_types(cls, '(%s, to, from)')}"


def pair_for(cls: type) -> str | None:
    """Return the registration of *cls* by a pair of functions, as it is written in a program.

    None: the arguments of its constructor are not known.
    """
    name = cls.__name__
    if issubclass(cls, tuple) and hasattr(cls, "_make"):
        return f"({name}, tuple, {name}._make)"
    for base, to in _PAIRS.items():
        if issubclass(cls, base):
            is_plain = cls.__init__ is base.__init__ and cls.__new__ is base.__new__  # type: ignore[misc, comparison-overlap]
            to = _to_str(cls) if base is str else to
            return f"({name}, {to}, {name})" if is_plain or cls in (OrderedDict, PosixPath, WindowsPath) else None
    return None


#: What turns the objects of a class into data from which the class makes them again.
_PAIRS: Final[Mapping[type, str]] = {
    **dict.fromkeys((PurePath, Fraction, complex, *_ADDRESSES), "str"),
    deque: "list",
    bytearray: "bytes",
    Counter: "dict",
    **{base: base.__name__ for base in (str, int, float, bytes, list, tuple, set, frozenset, dict, Decimal)},
}


def _types(cls: type, registered: str) -> str:
    """Return the setting that registers *cls*; ``%s`` in *registered* stands for its name."""
    name = cls.__name__[:80]
    name = name if name.isprintable() else "Class"
    return f"SessionConfig(types={{{name.lower()!r}: {registered.replace('%s', name)}}})"


def _or_register(expression: str, cls: type) -> str:
    """Return the remedy to store an expression, or to register the class if it has a plain pair of functions."""
    pair = pair_for(cls)
    return f"store {expression}" + (f", or register it: {_types(cls, pair)}" if pair else "")


def _to_str(cls: type) -> str:
    """Return the function that turns a subclass of str into a str. ``str()`` may return the object itself."""
    plain: tuple[object, ...] = str.__str__, object.__str__
    return "str" if cls.__str__ in plain else '"".join'


def _any_of(text: str, *bases: type) -> Rule:
    """Return the rule for all subclasses of *bases*."""
    return lambda cls: text if issubclass(cls, bases) else None


def _with(text: str, *members: str) -> Rule:
    """Return the rule for classes that have all these members."""
    return lambda cls: text if all(hasattr(cls, member) for member in members) else None


def _lazy(cls: type) -> str | None:
    if cls.__name__ == "LocalProxy":
        return "store the value that it stands for, if that is supported: value._get_current_object()"
    if any(base.__name__ == "LazyObject" for base in cls.__mro__):
        return f"store a value of the object that it stands for, such as value.pk, and {_KEY}"
    is_text = cls.__name__.lower().startswith("lazystr") or cls.__module__ == "django.utils.functional"
    return "store str(value)" if is_text else None


def _numpy(cls: type) -> str | None:
    names = [base.__name__ for base in cls.__mro__ if base.__module__.partition(".")[0] == "numpy"]
    if "generic" not in names:
        return None
    for kind in ("datetime64", "timedelta64"):
        if kind in names:
            return f'store value.astype("{kind}[us]").item()'
    if "complexfloating" in names:
        return "store (float(value.real), float(value.imag))"
    return "store float(value)" if "longdouble" in names else "store value.item()"


def _pandas(cls: type) -> str | None:
    if cls.__module__.partition(".")[0] != "pandas":
        return None
    known = {"DataFrame": 'value.to_dict("list")', "Series": "value.to_dict()", "NAType": "None", "NaTType": "None"}
    if cls.__name__ in known:
        return f"store {known[cls.__name__]}"
    for method in ("to_pydatetime", "to_pytimedelta", "tolist"):
        if hasattr(cls, method):
            return f"store value.{method}()"
    return "store str(value)"


def _model(cls: type) -> str | None:
    if hasattr(cls, "_meta") and hasattr(cls, "pk"):
        return f"store value.pk, and {_KEY}"
    if hasattr(cls, "_meta") and hasattr(cls, "get_id"):
        return f"store value.get_id(), and {_KEY}"
    if hasattr(cls, "__mapper__") or hasattr(cls, "_sa_class_manager") or hasattr(cls, "_pk_"):
        return f"store its primary key, such as value.id, and {_KEY}"
    if any(base.__name__ == "QuerySet" for base in cls.__mro__):
        return f'store list(value.values_list("pk", flat=True)), and {_KEY.replace("object", "objects")}'
    return None


def _file(cls: type) -> str | None:
    if issubclass(cls, BytesIO | StringIO):
        return "store value.getvalue()"
    is_file = issubclass(cls, IOBase) or cls.__module__ == "tempfile"
    is_file = is_file or (hasattr(cls, "read") and not issubclass(cls, Mapping))
    if is_file or (hasattr(cls, "save") and cls.__name__ == "FileStorage"):
        return "store its content, as value.read() returns it, or the path of the file"
    return None


def _of_process(cls: type) -> str | None:
    package = cls.__module__.partition(".")[0]
    return _OUTSIDE if package in _OF_PROCESS or cls.__name__.lower().endswith("lock") else None


def _dataclass(cls: type) -> str | None:
    if not is_dataclass(cls) or issubclass(cls, tuple(_AS_BASE)):
        return None
    return f"register it: {_types(cls, '%s')}, or store dataclasses.asdict(value)"


def _enum(cls: type) -> str | None:
    return f"register it: {_types(cls, '%s')}, or store value.name" if issubclass(cls, Enum) else None


def _row(cls: type) -> str | None:
    return "store tuple(value)" if cls.__name__ == "Row" else None


def _subclass(cls: type) -> str | None:
    for base in cls.__mro__[1:]:
        if (base.__module__, base.__name__) == ("markupsafe", "Markup"):
            return "store Markup(value)"
        if base is str:
            return _or_register(f"{_to_str(cls)}(value)", cls)
        if base in _AS_BASE:
            return _or_register(_AS_BASE[base], cls)
    return None


def _paired(text: str, *bases: type) -> Rule:
    """Return the rule for classes of which :func:`pair_for` knows the functions."""
    return lambda cls: _or_register(text, cls) if issubclass(cls, bases) else None


#: The rules for classes; the first that applies is followed.
_RULES: Final[tuple[Rule, ...]] = (
    _any_of("store value.__name__, and import the module where it is needed", ModuleType),
    _any_of("store a name for the class, such as value.__name__", type),
    _any_of("store str(value)", BaseException),
    _any_of("store traceback.format_tb(value)", TracebackType),
    lambda cls: "store None, or a text in its place" if cls is object else None,
    _any_of("store None, or a text in its place", EllipsisType, NotImplementedType),
    _any_of("store a name for the function, such as value.__name__", FunctionType, BuiltinFunctionType, MethodType),
    _any_of("store its arguments, and a name for the function", partial),
    _lazy,
    _enum,
    _model,
    _file,
    _numpy,
    _pandas,
    _any_of("store the result: await value", Awaitable),
    _any_of("store [item async for item in value]", AsyncIterator),
    _any_of("store list(value)", Iterator),
    _dataclass,
    _with("store value.model_dump()", "model_dump"),
    _with("store attrs.asdict(value)", "__attrs_attrs__"),
    _with("store msgspec.structs.asdict(value)", "__struct_fields__"),
    _with("store value.to_dict(flat=False)", "getlist", "to_dict"),
    _with("store dict(value.lists())", "getlist", "lists"),
    _with("store list(value)", "getlist", "to_wsgi_list"),
    _with("store list(value.items())", "getall", "items"),
    _row,
    _with("store value.output()", "js_output"),
    _subclass,
    _of_process,
    _paired("str(value)", PurePath, Fraction, complex, *_ADDRESSES),
    _any_of("store os.fspath(value)", PathLike),
    _paired("list(value)", deque),
    _paired("bytes(value)", bytearray),
    _any_of("store bytes(value)", memoryview),
    _any_of("store value.tolist()", array),
    _any_of("store value.pattern", re.Pattern),
    _any_of("store value.groups()", re.Match),
    _any_of("store (value.start, value.stop, value.step)", slice),
    _any_of("store vars(value)", SimpleNamespace),
    _with("store vars(value)", "_get_kwargs", "__contains__"),  # the namespace of argparse
    _any_of("store str(value)", tzinfo, Number, UserString),
    _any_of("store list(value)", MappingView),
    _any_of("store dict(value)", Mapping),
    _any_of("store set(value)", Set),
    _any_of("store list(value)", Sequence),
    _with("store value.hexdigest()", "hexdigest"),
    *(_with(f"store value.{method}()", method) for method in ("tolist", "to_pylist", "to_list", "to_pydict")),
)
