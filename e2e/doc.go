// Package e2e tests the built binary from outside: its Caddyfile, its commands, what
// it says to clients and to the server behind it, and what it writes down.
//
// Invariant: nothing here imports the product, so a test passes for what users run.
// Nothing imports this package.
package e2e
