package delta

import (
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// sharesOf names the shares that grants open or open something of, each once, in the
// order of the grants; "*" stands for every share.
func sharesOf(grants []string) []string {
	var shares []string
	for _, grant := range grants {
		share, _, _ := strings.Cut(grant, " ")
		share, _, _ = strings.Cut(share, "/")
		if share == "*" {
			return []string{"everything that is shared"}
		}
		if !slices.ContainsFunc(shares, func(s string) bool { return tokenstore.FoldName(s) == tokenstore.FoldName(share) }) {
			shares = append(shares, share)
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
