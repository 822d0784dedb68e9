"""Attribute values to bytes and back, exactly."""

from .codec import Codec

__all__ = ["Codec"]
