#!/bin/sh
# Builds ./bin/caddy: Caddy with Gatehouse in it. Needs only Go and git.
#
#   ./xcaddy.sh [XCADDY ARGUMENT]...   build; --with MODULE@VERSION adds another module
#   ./xcaddy.sh run                    build if needed, then run Caddyfile.example
set -eu

caddy_version=v2.11.9
module=github.com/gatehouse-auth/gatehouse

cd "$(dirname "$0")"

build() {
	mkdir -p bin
	# The version beside --with is never looked up, since the path replaces it; without
	# it Go would ask the module proxy for a release.
	go tool -modfile=tools/go.mod xcaddy build "$caddy_version" \
		--with "$module@v0.0.0=$PWD" --output bin/caddy.new "$@"
	if ! bin/caddy.new list-modules | grep -q '^http\.handlers\.gatehouse$'; then
		echo "xcaddy.sh: the new binary lacks the module http.handlers.gatehouse; bin/caddy is left as it was" >&2
		exit 1
	fi
	# A running bin/caddy keeps its own file: a rename does not touch it.
	mv bin/caddy.new bin/caddy
	echo "built bin/caddy: Caddy $caddy_version with $module"
}

# Whether bin/caddy is missing, or older than a file that goes into it.
stale() {
	[ -x bin/caddy ] || return 0
	[ -n "$(find gatehouse.go go.mod go.sum xcaddy.sh tools caddymodule schemes policies tokenstore internal web openapi \
		-type f ! -name '*_test.go' ! -path '*/testdata/*' -newer bin/caddy 2>/dev/null)" ]
}

case "${1:-}" in
run)
	shift
	if stale; then build; fi
	# The example keeps to bin/example, and leaves a Caddy of your own alone.
	XDG_DATA_HOME=$PWD/bin/example/data
	XDG_CONFIG_HOME=$PWD/bin/example/config
	export XDG_DATA_HOME XDG_CONFIG_HOME
	mkdir -p "$XDG_DATA_HOME" "$XDG_CONFIG_HOME"
	exec bin/caddy run --adapter caddyfile --config Caddyfile.example "$@"
	;;
-h | --help)
	sed -n '2,5s/^# \{0,1\}//p' "$0"
	;;
*)
	build "$@"
	;;
esac
