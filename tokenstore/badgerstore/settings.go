package badgerstore

import (
	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
)

// format is the version of the layout of keys and own entries. Badger refuses to
// open a directory that was written with another.
const format = 1

// inlineValue is the size from which on a value goes to the value log. A token's
// record is far smaller; the log is for the odd large one.
const inlineValue = 4 << 10

// badgerOptions are for many small records in little memory. Badger's own
// defaults take 64 MiB per memtable, five of them, a 256 MiB block cache and an
// unbounded index, and do not sync.
//
// Tables are mapped into memory, not compressed and not cached a second time:
// their pages count as resident, but are the kernel's to drop. Digests don't
// compress, and a compressed block costs a look-up more than half its time again.
func badgerOptions(directory string) badger.Options {
	return badger.DefaultOptions(directory).
		WithExternalMagic(format).
		WithSyncWrites(true).
		WithDetectConflicts(true).
		WithNumVersionsToKeep(1).
		WithMemTableSize(8 << 20).
		WithNumMemtables(2).
		WithValueThreshold(inlineValue).
		WithValueLogFileSize(64 << 20).
		WithVerifyValueChecksum(true).
		WithCompression(options.None).
		WithBlockCacheSize(0).
		// Without a cache of their own, index and Bloom filters are read where the
		// tables are mapped: nothing of them is on the heap, and a look-up takes a
		// third less.
		WithIndexCacheSize(0).
		WithNumCompactors(2).
		WithMetricsEnabled(false)
}
