// Package storetest is the contract of a tokenstore.Driver as tests, what a
// tokenstore.Store promises over any of them, and the machinery to kill a process
// that writes to a store.
//
// Invariant: it uses a driver only through its interface, so that whatever it
// demands of one driver it demands of all.
//
// # Writing a driver
//
// A driver's whole test is
//
//	var factory = storetest.Factory{Open: func(location string) (tokenstore.Driver, error) { … }}
//
//	func TestMain(m *testing.M) {
//		storetest.RunChild(storetest.DriverWorkload(factory), storetest.StoreWorkload(factory))
//		goleak.VerifyTestMain(m)
//	}
//
//	func TestDriver(t *testing.T) { storetest.RunDriver(t, factory) }
//
//	func TestStore(t *testing.T) { storetest.RunStore(t, factory) }
//
//	func TestCrash(t *testing.T) {
//		storetest.RunCrash(t, storetest.DriverWorkload(factory), t.TempDir(), 5)
//		storetest.RunCrash(t, storetest.StoreWorkload(factory), t.TempDir(), 5)
//	}
//
// What is easily got wrong:
//
//   - Revisions come from the database's own commit order. A counter that every
//     transaction increments would be a key that all of them contend for; a clock
//     or a sequence is taken before the commit, so that a follower can see 8, go
//     on from there, and miss the 7 that committed later.
//   - Revisions never go back, also not over a restart after which the newest
//     commits were only deletions.
//   - A follower asks for what lies after a revision it knows of. If the store is
//     younger than that revision (it was restored from a backup), the answer is
//     ErrFeedTruncated.
//   - The answer is ErrFeedTruncated when a commit that announced something after
//     the asked revision was pruned. From the pruned revision on the feed is whole.
//   - A write that a driver refuses (too large a value, too much in all) fails the
//     whole transaction, also when the function ignores the error.
//   - A transaction is bounded: the suite writes 64 MiB and wants ErrTooLarge.
//   - Slices that came in are copied before the call returns, slices that go out
//     belong to the caller.
//   - Update returns the error of its function unchanged, to errors.Is and to ==.
//   - When the answer to a commit is lost, the error is ErrOutcomeUnknown. The
//     driver doesn't run the function again then.
//   - Close waits. An operation that cannot begin gets ErrClosed; one that did
//     begin ends as if Close had not been called.
//
// Only tests import storetest. It imports tokenstore and internal/secret, and
// nothing else of the module.
package storetest
