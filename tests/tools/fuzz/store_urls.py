"""URLs of stores: a store, or a ConfigError or StoreError, whose message never has the password.

Nothing connects here, and no file is made.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from tempfile import TemporaryDirectory

from httpsession import ConfigError, StoreError
from httpsession.stores import _OPENERS as OPENERS
from httpsession.stores import open_store

from .choices import Choices
from .engine import Check

SECRET = "hunter2"
LOGINS = (
    "",
    "",
    "",
    f":{SECRET}@",
    f"user:{SECRET}@",
    f"{SECRET}@",
    f"user:a{SECRET}@b@",
    f":%2F{SECRET}%40@",
    f"u:[{SECRET}@",
)
HOSTS = (
    *(
        "",
        "localhost",
        "localhost:6379",
        "[::1]:6379",
        "[::1",
        "::1",
        "a,b:1",
        "a:1,b:2,",
        "a:99999",
        "a:0",
        "h:",
        "é.example",
    ),
    *("127.0.0.1", "h%41", "a b", "[v1.x]", "[::%251]:1", "a:1:2", ".", "-", "h:x", "user@h"),
)
PATHS = (
    "",
    "/",
    "/0",
    "/1/",
    "/99999",
    "/service",
    "/service/0",
    "/service/x",
    "/x.db",
    "//x.db",
    "/a/../x.db",
    "/:memory:",
)
ODD = (
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
    "x" * 300,
)
OPTIONS = (
    *(
        "prefix=app",
        "prefix=",
        "prefix=é",
        "prefix=a;b",
        "timeout=1",
        "timeout=0",
        "timeout=1e9",
        "timeout=nan",
        "timeout=-1",
    ),
    *(
        "timeout=0.5",
        "db=1",
        "db=x",
        "ssl=true",
        "ssl=1",
        "ssl_cert_reqs=none",
        "ssl_check_hostname=true",
        "synchronous=full",
    ),
    *(
        "ssl_ca_certs=/x",
        "ssl_keyfile=/x",
        "synchronous=x",
        f"sentinel_password={SECRET}",
        f"password={SECRET}",
        "x",
        "x=1",
    ),
    *("sentinel_username=u", "a=%", "%00=1", "a=%FF", "timeout", "prefix=a&prefix=b"),
)
SCHEMES = (*OPENERS, *OPENERS, "REDIS", "Redis+Sentinel", "http", "", "postgresql", "redis+", "sqlite+x")


@contextmanager
def target() -> Iterator[Check]:
    """Prepare a folder in which relative files would be."""
    with TemporaryDirectory() as folder, chdir(folder):

        def check(choices: Choices) -> None:
            try:
                store = _opened(choices)
            except (ConfigError, StoreError) as error:
                _check_error(error)
            else:
                assert SECRET not in repr(store)
                store.close()
            assert not os.listdir(folder)

        yield check


def _opened(choices: Choices):
    """Open a store by a URL; the search for other packages is left out of most, since it reads many files."""
    scheme = choices.pick(SCHEMES)
    colon = choices.pick(("://",) * 12 + (":", ":/", ":///", ""))
    rest = choices.pick(LOGINS) + choices.pick(HOSTS) + choices.pick(PATHS)
    options = choices.picks(OPTIONS, 3)
    rest += f"?{'&'.join(options)}" if options else ""
    for _ in range(choices.below(3)):
        at = choices.below(len(rest) + 1)
        rest = rest[:at] + choices.pick(ODD) + rest[at:]
    if colon != "://" or scheme not in OPENERS or choices.is_one_in(100):
        return open_store(f"{scheme}{colon}{rest}", must_exist=True)
    return OPENERS[scheme](f"{scheme}://{rest}", **({"must_exist": True} if scheme == "sqlite" else {}))


def _check_error(error: BaseException) -> None:
    """Check that neither the message nor those of its causes have the password, and that the message is one line."""
    assert str(error).isprintable()
    shown: BaseException | None = error
    while shown is not None:
        assert SECRET not in str(shown), f"the password is in: {shown}"
        shown = shown.__cause__ or (None if shown.__suppress_context__ else shown.__context__)
