// Package harness runs the built binary and what stands around it: an upstream that
// records every byte it is sent, a catalog of shares with the weaknesses of real
// servers, a server of personal data accounts, an OpenID provider, the authorisation
// server of a DX deployment, raw sockets that say what no client would, the commands,
// the Python client, the npm client, and a browser.
//
// Invariant: it knows only what a user knows (Caddyfile, commands, HTTP) and imports
// nothing of the product. Everything listens on free ports of 127.0.0.1 and writes
// below the test's own folder, but for the pictures of pages. Only tests import it.
package harness
