"""httpsession.servlet: the package under Java's names, in Java's units, with Java's exceptions."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import httpsession
from httpsession import servlet

HOWTO = Path(__file__).parents[2] / "docs/howto/from-java.md"


def test_tracking_modes_are_the_same():
    """One enum serves both."""
    assert servlet.SessionTrackingMode is httpsession.SessionTrackingMode


@pytest.mark.parametrize("name", servlet.__all__)
def test_everything_is_documented(name):
    """Each public name has a docstring of its own, and so have its public members."""
    public = getattr(servlet, name)
    own = [member for kind in (public, getattr(public, "Accessor", None)) for member in vars(kind or object).items()]
    missing = [member for member, value in own if not member.startswith("_") and callable(value) and not value.__doc__]

    assert public.__doc__ != public.__base__.__doc__
    assert missing == []


def test_the_program_of_the_guide(tmp_path):
    """docs/howto/from-java.md: the ported servlet runs as it stands there, and prints what is said."""
    page = HOWTO.read_text()
    program = re.search(r"^```sh\npython -c '\n(.*?)^'\n```$", page, re.DOTALL | re.MULTILINE)[1]
    expected = re.search(r"^```text\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)[1]
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )

    assert result.stderr == ""
    assert result.stdout == expected
    for call in ("getSession()", "invalidate()", 'getAttribute("visits")', 'setAttribute("visits"', "encodeURL("):
        assert page.count(call) >= 2, "in Java and in Python"
