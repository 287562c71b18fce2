#!/bin/sh
# Builds the wheel, installs it into an environment of its own, and tests it there.
#
#     bindings/python/tests/run.sh LIBRARY WAGLE FOLDER
#
# LIBRARY: libwagle.so of the same sources, so that it is not compiled again; WAGLE: the command; FOLDER keeps the environment
# (packages of PyPI). Exits with 77 (skipped) where they cannot be had, and fails then in CI.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
library=$1 folder=$3
export WAGLE="$2" MYPY_CACHE_DIR="$3/mypy" OMP_NUM_THREADS=1 PIP_DISABLE_PIP_VERSION_CHECK=1 HF_HUB_OFFLINE=1
python=$folder/venv/bin/python

prepare() {
    [ -x "$python" ] || python3 -m venv "$folder/venv" || return 1
    [ "$folder/ready" -nt "$here/pyproject.toml" ] && return 0
    "$python" -m pip install -q --timeout 20 --retries 1 scikit-build-core cffi pycparser numpy typing-extensions pytest pandas pandas-stubs datasets \
        nbclient ipykernel mypy types-cffi && touch "$folder/ready"
}

mkdir -p "$folder"
if ! prepare; then
    echo "skipped: the packages of the Python tests cannot be installed"
    [ -z "${CI:-}" ] || exit 1
    exit 77
fi
rm -rf "$folder/wheels"
"$python" -m pip wheel -q --no-deps --no-build-isolation -w "$folder/wheels" --config-settings=build-dir="$folder/build" \
    --config-settings=cmake.define.WAGLE_PYTHON_LIBRARY="$library" "$here"
"$python" -m pip install -q --no-deps --force-reinstall "$folder"/wheels/wagle-*.whl
cd "$folder"
exec "$python" -m pytest -q -p no:cacheprovider -W ignore::DeprecationWarning "$here/tests"
