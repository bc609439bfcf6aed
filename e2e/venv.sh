#!/bin/sh
# Makes .venv at the root of the checkout with the Python clients that the tests
# drive, unless it is there already and requirements.txt is unchanged.
set -eu
cd "$(dirname "$0")/.."

if cmp -s e2e/requirements.txt .venv/requirements.txt; then exit 0; fi
rm -rf .venv
python3 -m venv .venv
.venv/bin/python -m pip install --quiet --disable-pip-version-check -r e2e/requirements.txt
# Last, so that an installation that broke off is made again.
cp e2e/requirements.txt .venv/requirements.txt
