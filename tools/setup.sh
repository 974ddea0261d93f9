#!/usr/bin/env bash
# uv (from PyPI, into .tools) and the locked dependencies (into .venv). Needs Python >= 3.11 and nothing else.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "Trackside needs Python 3.11 or newer; $python is $("$python" --version 2>&1)." >&2
    exit 1
}

find_uv() {
    if [ -x .tools/uv/bin/uv ]; then echo "$PWD/.tools/uv/bin/uv"; elif command -v uv >/dev/null; then command -v uv; fi
}

uv=$(find_uv)
if [ -z "$uv" ]; then
    echo "· installing uv into .tools"
    if ! "$python" -m venv .tools/uv >/dev/null 2>&1; then
        rm -rf .tools/uv
        if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
            echo "· this Python has no venv: installing python3-venv"
            apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv >/dev/null
            "$python" -m venv .tools/uv
        else
            echo "This Python cannot make virtual environments. Install Debian's package python3-venv, or uv, and run make again." >&2
            exit 1
        fi
    fi
    .tools/uv/bin/pip install --quiet --disable-pip-version-check 'uv>=0.9,<1'
    uv=$PWD/.tools/uv/bin/uv
fi

echo "· installing the locked dependencies into .venv"
UV_PYTHON_DOWNLOADS=never TRACKSIDE_SKIP_WEB=1 "$uv" sync --locked --quiet --python "$python" --group web
touch .venv/.ready
