package keyring

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// keySet is what one fetch brought, with what is left of earlier ones. It is never
// changed, only replaced.
type keySet struct {
	keys    []publicKey
	gone    []goneKey // the one that was seen latest first
	fetched time.Time

	// prints are the fingerprints of keys with none of gone, with the first, with the
	// first two, and so on.
	prints []uint64
}

// goneKey is a key that its issuer does not show any more.
type goneKey struct {
	publicKey
	seen  time.Time // by the last fetch that brought it
	until time.Time // when its tokens end
}

// leaving returns all keys of a set as if they were gone now. A nil set has none.
func (s *keySet) leaving() []goneKey {
	if s == nil {
		return nil
	}
	leaving := make([]goneKey, len(s.keys), len(s.keys)+len(s.gone))
	for n, k := range s.keys {
		leaving[n] = goneKey{publicKey: k, seen: s.fetched}
	}
	return append(leaving, s.gone...)
}

// newKeySet puts a set together. Of what is gone it leaves out what is there, or there
// already, or over.
func newKeySet(keys []publicKey, gone []goneKey, fetched time.Time, overlap time.Duration) *keySet {
	s := &keySet{keys: keys, fetched: fetched}
	for n := range gone {
		if gone[n].seen.After(fetched) {
			gone[n].seen = fetched // the clock was set back: the overlap is not longer for that
		}
	}
	slices.SortStableFunc(gone, func(a, b goneKey) int { return b.seen.Compare(a.seen) }) // latest first
	for _, k := range gone {
		k.until = k.seen.Add(overlap)
		again := slices.ContainsFunc(keys, k.equal) || slices.ContainsFunc(s.gone, func(g goneKey) bool { return g.equal(k.publicKey) })
		// No more than would be tried: an issuer whose keys change all the time must
		// not fill the memory.
		if !again && fetched.Before(k.until) && len(s.gone) < maxCandidates {
			s.gone = append(s.gone, k)
		}
	}
	held := slices.Clone(keys)
	s.prints = []uint64{fingerprint(held)}
	for _, k := range s.gone {
		held = append(held, k.publicKey)
		s.prints = append(s.prints, fingerprint(held))
	}
	return s
}

// overlapping returns the keys that are gone and still good.
func (s *keySet) overlapping(now time.Time) []goneKey {
	n := 0
	for n < len(s.gone) && now.Before(s.gone[n].until) {
		n++
	}
	return s.gone[:n]
}

// candidates returns the keys that fit alg and may be meant by kid, and whether
// one of them bears that name. A key or token without an id may match any: RFC
// 7517, section 4.5, makes ids optional, and some issuers have none. Keys that are
// gone come last, and only while there is room: they never make a token dear, or
// one of a present key refused.
func (s *keySet) candidates(alg, kid string, now time.Time) (keys []jwt.VerificationKey, named bool) {
	fits := algorithms[alg]
	may := func(k publicKey) bool {
		if fits == nil || !fits(k.key) || k.alg != "" && k.alg != alg {
			return false
		}
		named = named || kid != "" && k.id == kid
		return kid == "" || k.id == "" || k.id == kid
	}
	for _, k := range s.keys {
		if may(k) {
			keys = append(keys, k.key)
		}
	}
	for _, k := range s.overlapping(now) {
		if len(keys) < maxCandidates && may(k.publicKey) {
			keys = append(keys, k.key)
		}
	}
	return keys, named
}

// sameKeys reports whether two sets hold the same keys, in whatever order. A nil
// set is empty.
func (s *keySet) sameKeys(t *keySet) bool { return s.covers(t) && t.covers(s) }

func (s *keySet) covers(t *keySet) bool {
	if t == nil {
		return true
	}
	for _, k := range t.keys {
		if s == nil || !slices.ContainsFunc(s.keys, k.equal) {
			return false
		}
	}
	return true
}

// Fingerprint returns a number that says which keys are held, and nothing else: the
// same keys give the same number, also after a restart; when a key is added, withdrawn
// or at the end of its overlap, it is another one. It is never 0. What is remembered of
// a verified token must be remembered with the number from before it was verified, as
// Pool.Generation explains, and until KeysUntil.
func (i *Issuer) Fingerprint() uint64 {
	set := i.keys.Load()
	if set == nil {
		return noKeys
	}
	return set.prints[len(set.overlapping(i.cfg.Now()))]
}

var noKeys = fingerprint(nil)

// fingerprint of keys, in whatever order and how often each.
func fingerprint(keys []publicKey) uint64 {
	digests := make([]string, 0, len(keys))
	for _, k := range keys {
		der, err := x509.MarshalPKIXPublicKey(k.key)
		if err != nil {
			der = fmt.Appendf(nil, "%v", k.key) // never: usable keys have this form
		}
		digest := sha256.Sum256(fmt.Appendf(nil, "%q %q %x", k.id, k.alg, der))
		digests = append(digests, string(digest[:]))
	}
	slices.Sort(digests)
	all := sha256.New()
	for _, digest := range slices.Compact(digests) {
		all.Write([]byte(digest))
	}
	return max(binary.BigEndian.Uint64(all.Sum(nil)), 1)
}
