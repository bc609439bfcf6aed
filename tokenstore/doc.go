// Package tokenstore keeps recipients, their tokens and activation links, and
// the audit, as typed records over a small transactional driver.
//
// Its one invariant: whatever an operation answered is durable and holds on the
// next look-up. A revocation is a written record in the transaction of what it
// revokes, at most max_tokens tokens of a recipient are valid at any instant,
// and every change that could make a derived answer wrong is announced in the
// driver's change feed, at the revision of its commit.
//
// The layers, from below:
//
//	driver.go      what a driver is: bytes, transactions, scans, change feed
//	key.go         where each record lives
//	record.go      how a record is encoded, with its version
//	store.go       Store: the clock, transactions that tell subscribers what changed
//	topic.go       the messages of the feed, and those who follow it
//	recipient.go   slot.go rotation.go revocation.go activation.go managementkey.go
//	               recipients and the life of their credentials
//	token.go       look-up by digest, listing by accessor
//	epoch.go       mass revocation
//	usage.go       last use, written in batches
//	audit.go       who changed what
//	prune.go       what expired is removed, in batches
//
// A set that must hold an invariant has one head record, which every change of
// the set reads and writes: a recipient's record lists its credentials, so two
// rotations of one recipient always conflict, and one of them runs again.
//
// Secrets never reach this package: it sees digests, and activation codes
// sealed by its caller.
//
// It may be imported by schemes, caddymodule, and drivers; it imports only
// internal packages.
package tokenstore
