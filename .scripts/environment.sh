# For tests/run and demo/run, which source this at the top of the repository: find a Python, make an environment.

fail() {
    echo "$program: $*" >&2
    exit 1
}

# Print the version of Python $1 if it is 3.11 or newer, and fail if it cannot make virtual environments.
probe_python() {
    "$1" -c 'import sys; assert sys.version_info >= (3, 11); print("%d.%d.%d" % sys.version_info[:3]); import ensurepip, venv' 2>/dev/null
}

# Set system_python to $PYTHON, or else to the first Python 3.11 or newer that can make virtual environments; set
# python_version to its version.
find_python() {
    local candidate lacking=

    if [ -n "${PYTHON-}" ]; then
        system_python=$(command -v -- "$PYTHON") || fail "PYTHON=$PYTHON is no command; give the path of a Python 3.11 or newer"
        python_version=$(probe_python "$system_python") ||
            fail "PYTHON=$PYTHON is not a Python 3.11 or newer that can make a virtual environment"
        return
    fi
    for candidate in python3 python3.11 python3.12 python3.13 python3.14; do
        if python_version=$(probe_python "$candidate"); then
            system_python=$candidate
            return
        fi
        lacking=${lacking:-$python_version}
    done
    lacking=${lacking%.*}
    [ -z "$lacking" ] ||
        fail "Python $lacking has no ensurepip and cannot make a virtual environment: apt install python$lacking-venv"
    fail "no Python 3.11 or newer found (tried python3 and python3.11 to python3.14)"
}

# Print the Pythons on which everything has to pass, each as its version and its path: the newest of each minor release in
# the classifiers of setup.cfg that is on the PATH or under pyenv, and the system's own.
find_all_pythons() {
    local minor candidate version
    for minor in $(sed -n 's/^ *Programming Language :: Python :: \(3\.[0-9]*\)$/\1/p' setup.cfg); do
        for candidate in /usr/bin/python3 $(type -aP "python$minor") "${PYENV_ROOT:-$HOME/.pyenv}/versions/$minor".*/bin/python3; do
            version=$(probe_python "$candidate") && [ "${version%.*}" = "$minor" ] && echo "$version $candidate"
        done | sort --version-sort --key=1,1 --stable | awk '
            $2 == "/usr/bin/python3" { own = $0 }
            { newest = $0; version = $1 }
            END { if (own && index(own, version " ") != 1) print own; if (newest) print newest }'
    done
}

# Make the virtual environment in folder $1 with extra $2, unless it is there already; set python to its interpreter.
# It is made again when setup.cfg or PYTHON has changed, the repository has moved, or its interpreter is gone.
use_environment() {
    local made_for
    made_for=$(pwd -P && cat setup.cfg && echo "${PYTHON-}")
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
