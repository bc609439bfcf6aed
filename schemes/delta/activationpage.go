package delta

import (
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// sharesOf names the shares that grants open, each once, in the order of the grants,
// and says of which they open a part only; "*" stands for every share.
func sharesOf(grants []string) []string {
	var (
		shares []string
		whole  []bool
	)
	for _, grant := range grants {
		share, _, below := strings.Cut(ObjectOf(grant), "/")
		if share == everyShare {
			return []string{"everything that is shared"}
		}
		at := slices.IndexFunc(shares, func(s string) bool { return tokenstore.FoldName(s) == tokenstore.FoldName(share) })
		if at < 0 {
			at, shares, whole = len(shares), append(shares, share), append(whole, false)
		}
		whole[at] = whole[at] || !below
	}
	for i := range shares {
		if !whole[i] {
			shares[i] += " (in part)"
		}
	}
	return shares
}

// worksUntil is when a credential ends whose link is used now. lifetime is that of
// recipients without their own.
func worksUntil(info tokenstore.LinkInfo, now time.Time, lifetime time.Duration) time.Time {
	if info.Recipient.TokenLifetime != 0 {
		lifetime = info.Recipient.TokenLifetime
	}
	end := now.Add(lifetime)
	for _, bound := range []time.Time{info.Link.NotAfter, info.Recipient.NotAfter} {
		if !bound.IsZero() && bound.Before(end) {
			end = bound
		}
	}
	return end
}
