// Package badgerstore is the embedded driver of package tokenstore: a Badger
// database in a directory, for one process.
//
// Invariant: an acknowledged commit is on disk, visible to every later snapshot
// and, if it announced something, in the feed at exactly its own revision.
//
// # Revisions
//
// A revision is Badger's timestamp: a snapshot's is its read timestamp, at which
// Badger waits for all commits below; a commit's is its commit timestamp. Badger
// takes up the count, when it opens, at the highest version among its entries.
// So that the count never goes back, every commit leaves one entry that is alive
// at its version: a value, a feed entry or, if it only deleted, a mark. Deletions
// alone wouldn't do: compaction drops them.
//
// # Keys
//
// A caller's key is stored with one byte before it, the store's own entries with
// another, so neither reaches the other's. The own ones are the feed's entries,
// one per announcing commit; the feed's floor, the highest revision that was
// pruned; and the mark.
//
// A feed entry's key is made of the snapshot's revision and a random number, so
// that two commits never contend for one. Its version is the commit's revision,
// which is what orders the feed, not the key.
//
// # Closing
//
// Badger ends the process with a segmentation fault if an iterator is used after
// the database is closed, and blocks for ever in a read of a closed value log.
// Every operation therefore holds a gate that Close waits for.
//
// Packages that wire a store (the Caddy module, tests, benchmarks) may import
// badgerstore. It imports tokenstore, and nothing else of the module; no other
// package imports Badger.
package badgerstore
