// Package tokenstore keeps recipients, accounts, a BitBroker's users, policies and
// connectors, their tokens and links, cut-offs, and the audit, as typed records over a small
// transactional driver.
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
//	recipient.go   limits.go slot.go rotation.go revocation.go activation.go
//	               managementkey.go
//	               recipients and the life of their credentials
//	importing.go   recipients that bring their tokens
//	token.go       look-up by digest, listing by accessor
//	accesstoken.go the short-lived tokens of OAuth clients
//	federation.go, federatedholder.go
//	               who holds the tokens of foreign identity providers
//	account.go, accountkeys.go, application.go, family.go
//	               personal data accounts, their keys, applications and sign-ins
//	cutoff.go      whose tokens of a foreign issuer are over
//	keptkeys.go    the last good keys of a foreign issuer
//	brokerhead.go, brokeruser.go, brokercoordinator.go, brokeraccess.go, brokerpolicy.go,
//	brokerentity.go, brokerconnector.go
//	               a BitBroker's registry: who is there, and what for
//	brokerseat.go, brokertoken.go
//	               its tokens, and the seats in which they are good
//	brokermint.go, brokerforget.go, brokerkey.go, brokerlimits.go
//	               what is learnt of the registry of a BitBroker that stands behind
//	quota.go       how many calls a window of time has left
//	epoch.go       mass revocation
//	admintoken.go  the tokens of administrators
//	query.go       who started which asynchronous query
//	usage.go       last use, and clients.go, useragent.go: who uses, written in batches
//	overview.go    recipients with what they hold and its last use
//	audit.go       who changed what
//	prune.go       what expired is removed, in batches
//
// A set that must hold an invariant has one head record, which every change of
// the set reads and writes: a recipient's record lists its credentials, so two
// rotations of one recipient always conflict, and one of them runs again.
//
// A token is worth what everything above it is worth: its realm's epoch, its
// recipient's record (which names it, or it is nobody's), the recipient's end, and,
// for an access token, the client secret that it came from. All of that is read
// with every look-up, so what ends one of them ends at once all that depends on it,
// however much that is. A BitBroker's token sits in a seat of its user or connector, and a
// policy or entity type that is made anew has another life, for which it is not good.
//
// Secrets never reach this package: it sees digests, and activation codes
// sealed by its caller.
//
// It may be imported by schemes, caddymodule, and drivers; it imports only
// internal packages.
package tokenstore
