"""URLs of stores: a store, or a ConfigError or StoreError, whose message never has the password.

Nothing connects here, and no file is made.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import chdir, contextmanager
from tempfile import TemporaryDirectory

from httpsession import ConfigError, StoreError
from httpsession.stores import open_store

from .choices import Choices
from .engine import Check

SECRET = "hunter2"
SCHEMES = ("memory", "sqlite", "sqlite", "redis", "rediss", "unix", "redis+sentinel", "redis+cluster", "REDIS")
FOREIGN_SCHEMES = (*SCHEMES, "http", "", "postgresql", "redis+", "sqlite+x", "\n", "x" * 300)
LOGINS = ("", "", f":{SECRET}@", f"user:{SECRET}@", f":%2F{SECRET}%40@")
ODD_LOGINS = (f"user:a{SECRET}@b@", f"u:[{SECRET}@", f":{SECRET}/@", f":{SECRET}?@", f":{SECRET}#@", f"user::{SECRET}@")
HOSTS = ("localhost", "localhost:6379", "[::1]:6379", "127.0.0.1", "é.example", "a,b:1", "a:1,b:2", "h%41")
ODD_HOSTS = (
    *("", "[::1", "::1", "a:99999", "a:0", "h:", "a b", "[v1.x]", "[::%251]:1", "a:1:2", ".", "-", "h:x", "user@h"),
    *("a:1,", ",", "a,:x@b"),
)
#: The paths that are right, by scheme.
PATHS = {
    "memory": ("",),
    "sqlite": ("/x.db", "/a/../x.db", "//no/such/x.db", "/é.db", "/%41.db", "/x y.db", "/a@b.db"),
    "unix": ("/run/redis.sock", "/x y"),
    "redis+sentinel": ("/service", "/service/0", "/my%20service/1"),
    "redis+cluster": ("", "/"),
}
DATABASES = ("", "/", "/0", "/15")
ODD_PATHS = (
    "/99999",
    "/service/x",
    "/:memory:",
    "//",
    "/x\udcff.db",
    "/%00",
    "/%0Ax",
    "/x\u2028",
    "/.",
    "/..",
    "/" + "x" * 300,
)
OPTIONS = ("prefix=app", "timeout=1", "timeout=0.5")
ODD_OPTIONS = (
    *(
        "prefix=",
        "prefix=é",
        "prefix=a;b",
        "timeout=0",
        "timeout=1e9",
        "timeout=nan",
        "timeout=-1",
        "timeout",
        "x",
        "x=1",
    ),
    *("db=1", "db=x", "ssl=true", "ssl=1", "ssl_cert_reqs=none", "ssl_check_hostname=true", "ssl_ca_certs=/x", "a=%"),
    *(
        "ssl_keyfile=/x",
        "synchronous=full",
        "synchronous=x",
        "sentinel_username=u",
        "%00=1",
        "a=%FF",
        "prefix=a&prefix=b",
    ),
    *(f"sentinel_password={SECRET}", f"password={SECRET}"),
)
INSERTED = (
    "%",
    "%00",
    "\0",
    "\n",
    "é",
    "\ud800",
    "\udcff",
    "#",
    "?",
    "&",
    "=",
    "//",
    ":",
    "@",
    "/",
    "[",
    "]",
    " ",
    "%2e",
)


@contextmanager
def target() -> Iterator[Check]:
    """Prepare a folder in which relative files would be."""
    with TemporaryDirectory() as folder, chdir(folder):

        def check(choices: Choices) -> None:
            try:
                store = open_store(_url(choices), must_exist=True)
            except (ConfigError, StoreError) as error:
                _check_error(error)
            else:
                assert SECRET not in repr(store)
                store.close()
            assert not os.listdir(folder)

        yield check


def _url(choices: Choices) -> str:
    """Return a URL of which most parts are right.

    Its scheme is seldom another than the package's, since other packages' are searched in many files.
    """
    is_foreign = choices.is_one_in(50)
    scheme = choices.pick(FOREIGN_SCHEMES if is_foreign else SCHEMES)
    colon = choices.pick((":", ":/", ":///", "", "://")) if is_foreign else "://"
    kind = scheme.lower()
    has_host = kind not in ("memory", "sqlite", "unix")
    rest = _part(choices, LOGINS if has_host else ("",), ODD_LOGINS)
    rest += _part(choices, HOSTS if has_host else ("",), ODD_HOSTS)
    rest += _part(choices, PATHS.get(kind, DATABASES), ODD_PATHS)
    options = [_part(choices, OPTIONS, ODD_OPTIONS) for _ in range(choices.below(3))]
    rest += f"?{'&'.join(options)}" if options else ""
    for _ in range(choices.pick((0, 0, 0, 1, 2))):
        at = choices.below(len(rest) + 1)
        rest = rest[:at] + choices.pick(INSERTED) + rest[at:]
    return f"{scheme}{colon}{rest}"


def _part(choices: Choices, right: Sequence[str], odd: Sequence[str]) -> str:
    return choices.pick(odd if choices.is_one_in(8) else right)


def _check_error(error: BaseException) -> None:
    """Check that neither the message nor those of its causes have the password, and that the message is one line."""
    assert str(error).isprintable()
    shown: BaseException | None = error
    while shown is not None:
        assert SECRET not in str(shown), f"the password is in: {shown}"
        shown = shown.__cause__ or (None if shown.__suppress_context__ else shown.__context__)
