# For tests/run and demo/run, which source this at the top of the repository: find a Python, make an environment.

fail() {
    echo "$program: $*" >&2
    exit 1
}

# Set system_python to the first Python 3.11 or newer that can make virtual environments.
find_python() {
    local candidate answer lacking=
    local probe='import sys; assert sys.version_info >= (3, 11); print("%d.%d" % sys.version_info[:2]); import ensurepip, venv'

    for candidate in python3 python3.11 python3.12 python3.13 python3.14; do
        if answer=$("$candidate" -c "$probe" 2>/dev/null); then
            system_python=$candidate
            return
        fi
        lacking=${lacking:-$answer}
    done
    [ -z "$lacking" ] ||
        fail "Python $lacking has no ensurepip and cannot make a virtual environment: apt install python$lacking-venv"
    fail "no Python 3.11 or newer found (tried python3 and python3.11 to python3.14)"
}

# Make the virtual environment in folder $1 with extra $2, unless it is there already; set python to its interpreter.
# It is made again when setup.cfg has changed, the repository has moved, or its interpreter is gone.
use_environment() {
    local made_for
    made_for=$(pwd -P && cat setup.cfg)
    python=$PWD/$1/bin/python

    if "$python" -c '' 2>/dev/null && [ "$(cat "$1/made-for" 2>/dev/null)" = "$made_for" ]; then
        return
    fi
    echo "$program: making $1" >&2
    "$system_python" -m venv --clear "$1" &&
        "$python" -m pip install --quiet --disable-pip-version-check --editable ".[$2]" &&
        echo "$made_for" >"$1/made-for" ||
        fail "could not make $1"
}

# Have extra $2, too, in the virtual environment in folder $1, which python is the interpreter of.
add_extra() {
    [ ! -e "$1/has-$2" ] || return 0
    echo "$program: adding what $2 needs to $1" >&2
    "$python" -m pip install --quiet --disable-pip-version-check --editable ".[$2]" && touch "$1/has-$2" ||
        fail "could not add what $2 needs to $1"
}

# Have command $1, from the Debian package $2, if this may install it; tests that need it say what they miss otherwise.
want_command() {
    local as_root=
    if command -v "$1" >/dev/null || ! command -v apt-get >/dev/null; then
        return
    fi
    [ "$(id -u)" = 0 ] || as_root="sudo -n"
    echo "$program: installing $2" >&2
    { $as_root apt-get update && $as_root env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "$2"; } >/dev/null 2>&1 ||
        echo "$program: could not install $2, so what needs it is left out" >&2
}
