"""The Pythons that tests/run finds, and what it says of a wrong one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
RUN = ROOT / "tests" / "run"
VERSION = "{}.{}.{}".format(*sys.version_info)


def run_shell(code, **environment):
    """Return what a function of the scripts prints, in an environment with some more variables."""
    command = ["bash", "-c", f"program=tests/run; source .scripts/environment.sh; {code}"]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True)
    return done.stdout.splitlines()


def write_python(path, version):
    """Write a program that is a Python of this version, as far as the scripts ask."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho {version}\n")
    path.chmod(0o755)
    return path


def link_python(path):
    """Write a program that is the Python of this test."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("python", "message"),
    [
        ("no-such-python", "PYTHON=no-such-python is no command"),
        ("/no/such/python", "PYTHON=/no/such/python is no command"),
        ("env", "PYTHON=env is not a Python 3.11 or newer"),
        ("false", "PYTHON=false is not a Python 3.11 or newer"),
    ],
)
def test_wrong_python(python, message):
    """A PYTHON that is none, or is too old, is refused in one line, before any environment is made."""
    done = subprocess.run(
        [RUN, "--version"], cwd=ROOT, env={**os.environ, "PYTHON": python}, capture_output=True, text=True
    )

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"tests/run: {message}")
    assert done.stderr.count("\n") == 1


def test_chosen_python(tmp_path):
    """PYTHON names the interpreter, and its version names the environment."""
    python = link_python(tmp_path / "python")
    found = run_shell('find_python; echo "$system_python $python_version"', PYTHON=str(python))

    assert found == [f"{python} {VERSION}"]


def test_all_pythons(tmp_path):
    """Of each supported minor release the newest is found, on the PATH or under pyenv, and the system's own."""
    for version in ("3.11.99", "3.11.100", "3.12.1", "3.9.18", "3.13.99"):
        write_python(tmp_path / "pyenv" / "versions" / version / "bin" / "python3", version)
    write_python(tmp_path / "path" / "python3.12", "3.12.99")
    (tmp_path / "path" / "python3.13").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "path" / "python3.13").chmod(0o755)
    path = f"{tmp_path / 'path'}:/usr/bin:/bin"
    found = run_shell("find_all_pythons", PYENV_ROOT=str(tmp_path / "pyenv"), PATH=path)
    others = [line for line in found if "/usr/bin/" not in line]

    assert others == [
        f"3.11.100 {tmp_path}/pyenv/versions/3.11.100/bin/python3",
        f"3.12.99 {tmp_path}/path/python3.12",
        f"3.13.99 {tmp_path}/pyenv/versions/3.13.99/bin/python3",
    ]
    assert len(found) - len(others) <= 3


def test_environments_are_ignored():
    """The environments of all Pythons are outside of what is committed."""
    assert "/.venv*/" in (ROOT / ".gitignore").read_text().splitlines()
