// Package gatehouse is an authentication gateway for data-sharing servers, built as
// a Caddy v2 module. It issues and checks the tokens of existing contracts, today
// that of Delta Sharing, decides who may call what, serves the token-management
// endpoints itself and proxies the data calls.
//
// Importing this package registers the Caddy modules and nothing else; it has no
// API of its own. Build a Caddy with it through xcaddy.sh, or import it blank in a
// main package of your own.
//
// Invariant: this file holds no code, so that whatever the gateway does is found
// below caddymodule. Nothing in this repository imports the package.
package gatehouse

import _ "github.com/gatehouse-auth/gatehouse/caddymodule"
