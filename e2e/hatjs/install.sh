#!/bin/sh
# Installs the npm client that the tests drive into node_modules beside this file,
# unless what is there is that of package-lock.json already. Needs Node 20 and npm.
set -eu
cd "$(dirname "$0")"

if cmp -s package-lock.json node_modules/installed-lock.json; then exit 0; fi
npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
# Last, so that an installation that broke off is made again.
cp package-lock.json node_modules/installed-lock.json
