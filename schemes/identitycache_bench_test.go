package schemes

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
)

// fill adds one token for each of so many subjects.
func fill(cache *IdentityCache, count int) []CacheKey {
	keys := make([]CacheKey, count)
	for i := range keys {
		keys[i] = CacheKey{Scheme: "delta", Realm: "home", Digest: secret.DigestOf(fmt.Sprint("token ", i))}
		cache.Add(keys[i], &Identity{
			Scheme: "delta", Realm: "home", Kind: "recipient",
			Subject: fmt.Sprintf("rcp_%020d", i), Name: fmt.Sprint("name-", i), Accessor: fmt.Sprintf("tok_%020d", i),
		}, 1)
	}
	return keys
}

func BenchmarkIdentityCacheGet(b *testing.B) {
	for _, size := range []int{1, 1000, DefaultCacheCapacity} {
		b.Run(fmt.Sprintf("size=%d", size), func(b *testing.B) {
			cache := newCache(b, 0)
			keys := fill(cache, size)
			b.ReportAllocs()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i += 7919 {
					if cache.Get(keys[i%size], dawn) == nil {
						b.Error("not found")
						return
					}
				}
			})
		})
	}
}

// BenchmarkIdentityCacheMemory reports what one cached identity costs, the
// identity itself among it.
func BenchmarkIdentityCacheMemory(b *testing.B) {
	heap := func() uint64 {
		var stats runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&stats)
		return stats.HeapAlloc
	}
	for b.Loop() {
		before := heap()
		cache := newCache(b, 0)
		fill(cache, DefaultCacheCapacity)
		b.ReportMetric(float64(heap()-before)/DefaultCacheCapacity, "B/identity")
		runtime.KeepAlive(cache)
	}
}
