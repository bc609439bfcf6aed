// Package tokenlist reads a CSV list of recipients with the tokens that they use
// already, for an import.
//
// Its one invariant: no error or problem quotes what the list holds. In a list whose
// columns are mixed up, or that has no first line, a token may stand anywhere.
//
// It is pure: no I/O but reading, and no goroutines. Only caddymodule may import it.
package tokenlist
