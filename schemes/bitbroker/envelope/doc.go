// Package envelope writes answers as BitBroker's servers do: JSON with an entity tag, and
// errors in their one shape.
//
// Its one invariant: what it writes says nothing of why, but for what a caller can mend.
//
// It may be imported by bitbroker and the packages below it. It imports schemes.
package envelope
