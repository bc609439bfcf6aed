// Package secrets makes the bench's tokens and management keys from a number, so
// that the load generator knows the million that the store was filled with.
//
// Invariant: the gateway takes them for secrets of its own, and nobody must use
// them for anything: they can be guessed. They are written anew here, from the
// format alone, since the load generator imports nothing of the product; a test
// holds them against the product's parser.
//
// The commands of the bench import it.
package secrets
