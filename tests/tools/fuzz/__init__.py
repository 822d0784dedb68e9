"""Fuzzing: inputs that no client, store or administrator should send, and what holds for each of them.

A module is a target. It has a context manager ``target()``, which prepares what is needed and returns a function. The
function takes the :class:`~tests.tools.fuzz.choices.Choices` that an input makes, and raises an exception if an
invariant does not hold.
"""
