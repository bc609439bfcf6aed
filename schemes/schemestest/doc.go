// Package schemestest takes calls through a scheme as the gate does, over a store that can
// fail and by a clock that a test moves, for the tests of schemes.
//
// Its one invariant: the steps stand in the order of schemes.Scheme, which is that of the
// gate (caddymodule/passage.go), so that a test of a scheme meets it in the states in which
// the gate does.
//
// It imports schemes, tokenstore with its embedded driver, and internal packages. Only tests
// of schemes may import it.
package schemestest
