#!/bin/sh
# Makes the environment in .venv from exact, hash-checked pins, unless it is there and up to date.
# usage: environment.sh [dev] [forecasting] [neural]        PYTHON=python3.12 environment.sh      takes that Python
# dev adds the tests' tools, forecasting what that task needs, neural what neural networks on rows need; an extra that is
# there stays.
set -u
cd "$(dirname "$0")" || exit 1

fail() { echo "Error: $*" >&2; exit 1; }
lock=requirements.lock
extras=
for name in forecasting neural; do
    [ -e ".venv/made-from/requirements-$name.lock" ] && extras="$extras $name"
done
for word in "$@"; do
    case $word in
        dev) lock=requirements-dev.lock ;;
        forecasting | neural) extras="$extras $word" ;;
        *) fail "Got $word, expected dev, forecasting or neural, or nothing." ;;
    esac
done

# The environment is what its locks say; .venv/made-from keeps copies of the locks that it was made from.
same() { cmp -s "$1" ".venv/made-from/$1"; }
made_from() { same "$1" && same requirements-build.lock; }
has_base() { [ -x .venv/bin/python ] && { made_from "$lock" || made_from requirements-dev.lock; }; }
has_extra() { same "requirements-$1.lock" && same requirements-torch.txt; }
has_extras() { for name in $extras; do has_extra "$name" || return 1; done; }
if has_base && has_extras; then exit 0; fi

fits() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; }
python=
for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11 python}; do
    if command -v "$candidate" >/dev/null && fits "$candidate"; then python=$candidate; break; fi
done
if [ -z "$python" ]; then
    found=$(command -v "${PYTHON:-python3}" >/dev/null && "${PYTHON:-python3}" --version 2>&1)
    fail "Got ${found:-no Python}, expected Python 3.11, 3.12 or 3.13. Install one and run again, or name it: make run PYTHON=/path/to/python3.12"
fi

free_mb=$(df -Pm . | awk 'NR == 2 { print $4 }')
[ "$free_mb" -ge 3000 ] || fail "Got $free_mb MB free on the disk of $(pwd), expected 3000 MB for the environment. Free some space and run again."

log=.venv-install.log
pip_install() {
    .venv/bin/python -m pip install --disable-pip-version-check --quiet "$@" >>"$log" 2>&1 && return
    if grep -qi 'no space left' "$log"; then fail "Got a full disk while installing, expected 3000 MB. Free some space and run again."; fi
    fail "Got a failed install ($(grep -m1 '^ERROR' "$log" || tail -n1 "$log")), expected all of $lock. See $log, mend it and run again."
}
install() { pip_install --require-hashes --no-deps "$@"; }
install_extras() {
    for name in $extras; do
        has_extra "$name" && continue
        lock=requirements-$name.lock
        echo "Adding $lock and PyTorch to .venv (a few minutes, once; docs/forecasting.md says which build of PyTorch)"
        rm -f ".venv/made-from/$lock"
        install -r "$lock"
        # Several builds of torch have its version: pip takes the one that it is set up for, and what that one needs.
        pip_install -r requirements-torch.txt
        cp "$lock" requirements-torch.txt .venv/made-from/
    done
}

if has_base; then
    install_extras
    rm -f "$log"
    exit 0
fi
echo "Making the environment in .venv from $lock with $("$python" --version) (a few minutes, once)"
rm -rf .venv
"$python" -m venv .venv >"$log" 2>&1 || fail "Got no virtual environment ($(tail -n1 "$log")), expected $python -m venv to work; on Debian, install python3-venv."
install -r requirements-build.lock
# antlr4, which Hydra needs, comes as a source package only: it is built with the tools just installed, not with others.
install --no-build-isolation -r "$lock"
mkdir -p .venv/made-from
cp "$lock" requirements-build.lock .venv/made-from/
install_extras
rm -f "$log"
