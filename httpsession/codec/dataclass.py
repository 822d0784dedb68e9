"""The fields of a dataclass that are stored."""

from __future__ import annotations

from dataclasses import Field, fields
from inspect import getattr_static
from typing import Any


def stored_fields(cls: type) -> dict[str, Field[Any]]:
    """Return the fields of a dataclass by name, but for those that are computed: properties that cannot be set."""
    return {field.name: field for field in fields(cls) if not _is_computed(cls, field.name)}


def _is_computed(cls: type, field: str) -> bool:
    own = getattr_static(cls, field, None)
    return isinstance(own, property) and own.fset is None
