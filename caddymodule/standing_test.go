package caddymodule

import (
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// noon is when the tests of this file look.
var noon = time.Date(2031, 5, 1, 12, 0, 0, 0, time.UTC)

const day = 24 * time.Hour

// held is a recipient's overview, made of what it holds.
type held struct{ tokenstore.Overview }

func holding() *held {
	return &held{tokenstore.Overview{Uses: make(map[string]tokenstore.Use)}}
}

// token adds a bearer token that ends after a time from noon.
func (h *held) token(id string, endsIn time.Duration, change func(*tokenstore.Token)) *held {
	token := &tokenstore.Token{Accessor: id, CreatedAt: noon.Add(-day), IssuedAt: noon.Add(-day), ExpiresAt: noon.Add(endsIn)}
	if change != nil {
		change(token)
	}
	h.Credentials = append(h.Credentials, tokenstore.Credential{Slot: tokenstore.Slot{Accessor: id}, Token: token})
	return h
}

func (h *held) link() *held {
	h.Credentials = append(h.Credentials, tokenstore.Credential{Slot: tokenstore.Slot{Pending: true}, Link: &tokenstore.Link{}})
	return h
}

// used notes a use that was some time before noon.
func (h *held) used(id string, ago time.Duration) *held {
	h.Uses[id] = tokenstore.Use{At: noon.Add(-ago)}
	return h
}

func (h *held) change(change func(*tokenstore.Recipient)) *held {
	change(&h.Recipient)
	return h
}

func rotatedAgo(ago time.Duration) func(*tokenstore.Token) {
	return func(t *tokenstore.Token) { t.RotatedAt = noon.Add(-ago) }
}

func imported(t *tokenstore.Token) {
	t.Imported, t.ExpiresAt = true, t.IssuedAt.Add(100*365*day)
}

func TestStandingOfARecipient(t *testing.T) {
	for _, tc := range []struct {
		name     string
		held     *held
		state    string
		expiring bool // within 14 days
		old      bool
		inUse    bool // an old token, at any time since its rotation or import
		lately   bool // the same, within a day
	}{
		{"nothing", holding(), "no token", false, false, false, false},
		{"a link", holding().link(), "link waits", false, false, false, false},
		{"a token for long", holding().token("a", 90*day, nil), "active", false, false, false, false},
		{"a token for two weeks", holding().token("a", 14*day, nil), "active", true, false, false, false},
		{"a token for a second more", holding().token("a", 14*day+time.Second, nil), "active", false, false, false, false},
		{"a token ends, a link waits: it may stay unused", holding().link().token("a", day, nil), "active", true, false, false, false},
		{"the rotated one ends, the new one lasts", holding().token("b", 90*day, nil).token("a", day, rotatedAgo(time.Hour)), "active", false, true, false, false},
		{"rotated, used before", holding().token("a", day, rotatedAgo(time.Hour)).used("a", 2*time.Hour), "active", true, true, false, false},
		{"rotated, used since", holding().token("a", day, rotatedAgo(2*time.Hour)).used("a", time.Hour), "active", true, true, true, true},
		{"rotated, used in the same second: as if since", holding().token("a", day, rotatedAgo(time.Hour)).used("a", time.Hour), "active", true, true, true, true},
		{"rotated, used since, but long ago", holding().token("a", day, rotatedAgo(5*day)).used("a", 2*day), "active", true, true, true, false},
		{"imported, never used", holding().token("a", 0, imported), "active", false, true, false, false},
		{"imported, used", holding().token("a", 0, imported).used("a", time.Hour), "active", false, true, true, true},
		{"imported, used, then rotated: still a use", holding().token("a", day, func(t *tokenstore.Token) { imported(t); rotatedAgo(time.Minute)(t) }).used("a", time.Hour), "active", false, true, true, true},
		{"a new one used, the old one not", holding().token("b", 90*day, nil).token("a", day, rotatedAgo(day)).used("b", time.Hour), "active", false, true, false, false},
		{"disabled", holding().token("a", day, nil).change(func(r *tokenstore.Recipient) { r.Disabled = true }), "disabled", true, false, false, false},
		{"ended", holding().change(func(r *tokenstore.Recipient) { r.NotAfter = noon }), "ended", false, false, false, false},
		{"federated, nobody named", holding().change(func(r *tokenstore.Recipient) { r.Auth = tokenstore.Federation }), "no policy", false, false, false, false},
		{"federated", holding().change(func(r *tokenstore.Recipient) {
			r.Auth, r.Federation = tokenstore.Federation, []tokenstore.FederationPolicy{{ID: "fed_1"}}
		}), "federated", false, false, false, false},
		{"federated until next week", holding().change(func(r *tokenstore.Recipient) {
			r.Auth, r.Federation, r.NotAfter = tokenstore.Federation, []tokenstore.FederationPolicy{{ID: "fed_1"}}, noon.Add(7*day)
		}), "federated", true, false, false, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := standingOf(tc.held.Overview, noon)
			if s.state() != tc.state {
				t.Errorf("state %q, want %q", s.state(), tc.state)
			}
			if got := s.expiresWithin(14*day, noon); got != tc.expiring {
				t.Errorf("expiring %t, want %t (ends %v)", got, tc.expiring, s.ends)
			}
			if s.old != tc.old || s.oldInUse(0, noon) != tc.inUse || s.oldInUse(day, noon) != tc.lately {
				t.Errorf("old %t, in use %t, lately %t", s.old, s.oldInUse(0, noon), s.oldInUse(day, noon))
			}
		})
	}
}

// Nothing is known of an old token from before its rotation or import: it is not said
// to be unused for longer.
func TestOldTokenIsNotSaidToBeUnusedForLongerThanIsKnown(t *testing.T) {
	for _, tc := range []struct {
		name string
		held *held
		ago  time.Duration // the metric, from noon
		says string
	}{
		{"rotated", holding().token("a", day, rotatedAgo(time.Hour)), time.Hour, "not since 2031-05-01 11:00"},
		{"rotated, used before", holding().token("a", day, rotatedAgo(time.Hour)).used("a", 2*time.Hour), time.Hour, "not since 2031-05-01 11:00"},
		{"rotated, used since", holding().token("a", day, rotatedAgo(2*time.Hour)).used("a", time.Hour), time.Hour, "2031-05-01 11:00"},
		{"imported", holding().token("a", 0, imported), day, "not since 2031-04-30 12:00"},
		{"two, of which one was used before the other was rotated", holding().token("b", day, rotatedAgo(time.Hour)).token("a", day, rotatedAgo(9*time.Hour)).used("a", 5*time.Hour), time.Hour, "not since 2031-05-01 11:00"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := survey{states: map[string]int{}}
			s.add("acme", standingOf(tc.held.Overview, noon), noon)
			if len(s.old) != 1 || !s.old[0].at.Equal(noon.Add(-tc.ago)) {
				t.Errorf("the metric is %v, want %s before noon", s.old, tc.ago)
			}
			if view := recipientViewOf(nil, tc.held.Overview, noon); view.oldTokenUsed() != tc.says {
				t.Errorf("the list says %q, want %q", view.oldTokenUsed(), tc.says)
			}
		})
	}
}

func TestUseOfAFederatedRecipientIsItsPolicies(t *testing.T) {
	h := holding().used("fed_1", day).used("fed_2", time.Hour).change(func(r *tokenstore.Recipient) {
		r.Auth, r.Federation = tokenstore.Federation, []tokenstore.FederationPolicy{{ID: "fed_1"}, {ID: "fed_2"}}
	})
	if got := standingOf(h.Overview, noon).lastUsed; !got.Equal(noon.Add(-time.Hour)) {
		t.Errorf("last used %v", got)
	}
}
