"""A watch over secrets: while a test runs, no log record and no warning may show a random number that it has drawn.

Ids, CSRF tokens and keys of sessions are such numbers, or digests and maskings of them. The loggers of the package work
at DEBUG meanwhile. Handlers that were there before get the records that they would have got.
"""

from __future__ import annotations

import base64
import logging
import os
import re
from contextlib import contextmanager
from hashlib import sha256

from httpsession import audit

#: A value that tests give to attributes, and that nothing may show.
MARKER = "the-marked-value-that-nothing-shows"
#: Bytes of the shortest secret, and of the longest.
SHORTEST, LONGEST = 16, 64

_HEX = re.compile(r"[0-9A-Fa-f]{32,}")
_BASE64 = re.compile(r"[A-Za-z0-9_-]{22,}")
_FORMATTER = logging.Formatter("%(message)s")
#: The attributes that each record has: the message and the traceback show what is in them.
_STANDARD = {*vars(logging.makeLogRecord({})), "message"}
_LOGGERS = ("httpsession", "httpsession.audit")


class Watch:
    """The random numbers of a test, and the texts that have shown one."""

    def __init__(self):
        self.drawn = set()
        #: The lengths of what was drawn: few, and looked for one by one.
        self.sizes = {sha256().digest_size}
        self.leaks = []

    def draw(self, size):
        """Draw and note random bytes, in place of ``os.urandom``; the key of a session follows from its id."""
        drawn = _urandom(size)
        if SHORTEST <= size <= LONGEST:
            self.drawn.update((drawn, sha256(drawn.hex().upper().encode()).digest()))
            self.sizes.add(size)
        return drawn

    def check(self, text):
        """Note a text that shows a secret."""
        if MARKER in text or any(map(self._is_known, _candidates(text))):
            self.leaks.append(text)

    def _is_known(self, data):
        # A masked token begins with its mask, which is a random number.
        return any(data[:size] in self.drawn for size in self.sizes)

    def check_record(self, record):
        """Note a log record that shows a secret: in its message, its traceback or its other attributes."""
        further = {name: value for name, value in vars(record).items() if name not in _STANDARD}
        self.check(f"{_FORMATTER.format(record)} {further}")


_urandom = os.urandom


def _candidates(text):
    """Return the bytes that parts of a text stand for."""
    for found in _HEX.findall(text):
        yield bytes.fromhex(found[: len(found) // 2 * 2])
    for found in _BASE64.findall(text):
        yield base64.urlsafe_b64decode(found[: len(found) // 4 * 4])


class _Watched(logging.Logger):
    """A logger that makes all records, and hands those on that its level lets through."""

    watch: Watch

    def isEnabledFor(self, level):  # noqa: N802 (the name of logging)
        return True

    def callHandlers(self, record):  # noqa: N802
        self.watch.check_record(record)
        if record.levelno >= self.getEffectiveLevel() and not logging.root.manager.disable >= record.levelno:
            super().callHandlers(record)


@contextmanager
def watched():
    """Watch over what is drawn and logged during a block, and return the :class:`Watch`."""
    watch = Watch()
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    audit._limiter.reset_after_fork()
    os.urandom = watch.draw
    for logger in loggers:
        logger.__class__, logger.watch = _Watched, watch
    try:
        yield watch
    finally:
        os.urandom = _urandom
        for logger in loggers:
            logger.__class__ = logging.Logger
            del logger.watch
