package badgerstore

import (
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// digest is a key as a look-up by secret has it.
func digest(n uint64) []byte {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(nil, n))
	return append([]byte("t/"), sum[:]...)
}

// filled returns a store with so many records of the size of a token's.
func filled(b *testing.B, count uint64) *Store {
	b.Helper()
	store := opened(b)
	batch := store.db.NewWriteBatch()
	defer batch.Cancel()
	for n := range count {
		value := make([]byte, 150)
		binary.BigEndian.PutUint64(value, n)
		if err := batch.Set(appendCallerKey(nil, digest(n)), value); err != nil {
			b.Fatal(err)
		}
	}
	if err := batch.Flush(); err != nil {
		b.Fatal(err)
	}
	return store
}

func BenchmarkGet(b *testing.B) {
	const count = 100_000
	store := filled(b, count)
	for name, bound := range map[string]uint64{"present": count, "missing": 1 << 63} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				key := digest(rand.Uint64N(bound))
				err := store.View(b.Context(), func(r tokenstore.Reader) error {
					_, err := r.Get(key)
					return err
				})
				if err != nil && name == "present" {
					b.Fatal(err)
				}
			}
		})
	}
}

func commitOne(b *testing.B, store *Store, announce bool) {
	_, err := store.Update(b.Context(), func(txn tokenstore.Txn) error {
		key := digest(rand.Uint64())
		if _, err := txn.Get(key); err == nil {
			return nil
		}
		if announce {
			if err := txn.Announce(key); err != nil {
				return err
			}
		}
		return txn.Put(key, make([]byte, 150))
	})
	if err != nil {
		b.Error(err)
	}
}

func BenchmarkCommit(b *testing.B) {
	for name, announce := range map[string]bool{"silent": false, "announced": true} {
		b.Run("serial/"+name, func(b *testing.B) {
			store := opened(b)
			for b.Loop() {
				commitOne(b, store, announce)
			}
		})
		b.Run("parallel/"+name, func(b *testing.B) {
			store := opened(b)
			b.SetParallelism(16)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					commitOne(b, store, announce)
				}
			})
		})
	}
}

// BenchmarkChanges reads the newest ten of a long feed.
func BenchmarkChanges(b *testing.B) {
	store := opened(b)
	batch := store.db.NewWriteBatch()
	defer batch.Cancel()
	for n := range uint64(100_000) {
		if err := batch.Set(newFeedKey(n), appendMessage(nil, digest(n))); err != nil {
			b.Fatal(err)
		}
	}
	if err := batch.Flush(); err != nil {
		b.Fatal(err)
	}
	after := tokenstore.Revision(0)
	for n := range 10 {
		revision, err := store.Update(b.Context(), func(txn tokenstore.Txn) error { return txn.Announce(nil) })
		if err != nil {
			b.Fatal(err)
		}
		if n == 0 {
			after = revision - 1
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if page, err := store.Changes(b.Context(), after, 10); err != nil || len(page.Changes) != 10 {
			b.Fatal(len(page.Changes), err)
		}
	}
}
