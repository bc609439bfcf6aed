package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// registry says what a store must answer of a BitBroker's registry. It is written from what
// the operations promise, and keeps everything: what is made anew is another thing.
type registry struct {
	now     time.Time
	lastID  uint64
	people  []*person
	offers  []*offer
	types   []*entityType
	feeders []*feeder
	badges  []*badge
	audit   []time.Time // its entries
}

// person is a user.
type person struct {
	id       uint64
	email    string
	gone     bool
	leading  []*badge // in its coordinator seat, newest last
	accesses []*entry
}

// entry is an access of a person to one life of a policy.
type entry struct {
	person *person
	offer  *offer
	gone   bool
	seat   []*badge
}

// offer is one life of a policy.
type offer struct {
	slug string
	gone bool
}

// entityType is one life of an entity type.
type entityType struct {
	slug string
	gone bool
}

// feeder is one life of a connector.
type feeder struct {
	on   *entityType
	slug string
	gone bool
	seat []*badge
}

// badge is a token.
type badge struct {
	name    string
	person  *person // a coordinator's
	access  *entry  // a consumer's
	feeder  *feeder // a contributor's
	expires time.Time
	over    bool // rescinded, whatever the time
	rotated bool
	mayGo   bool // pruned, perhaps
}

// moment is the time as records keep it.
func (g *registry) moment() time.Time { return g.now.Truncate(time.Second) }

// noted writes an entry of the audit.
func (g *registry) noted() { g.audit = append(g.audit, g.moment()) }

func (g *registry) user(id uint64) *person {
	for _, p := range g.people {
		if p.id == id && !p.gone {
			return p
		}
	}
	return nil
}

func (g *registry) offer(slug string) *offer {
	i := slices.IndexFunc(g.offers, func(o *offer) bool { return o.slug == slug && !o.gone })
	if i < 0 {
		return nil
	}
	return g.offers[i]
}

func (g *registry) entityType(slug string) *entityType {
	i := slices.IndexFunc(g.types, func(e *entityType) bool { return e.slug == slug && !e.gone })
	if i < 0 {
		return nil
	}
	return g.types[i]
}

func (f *feeder) there() bool { return !f.gone && !f.on.gone }

func (g *registry) feeder(slug string) *feeder {
	i := slices.IndexFunc(g.feeders, func(f *feeder) bool { return f.slug == slug && f.there() })
	if i < 0 {
		return nil
	}
	return g.feeders[i]
}

func (a *entry) there() bool { return !a.gone && !a.person.gone && !a.offer.gone }

func (p *person) access(o *offer) *entry {
	i := slices.IndexFunc(p.accesses, func(a *entry) bool { return a.offer == o && a.there() })
	if o == nil || i < 0 {
		return nil
	}
	return p.accesses[i]
}

func (g *registry) past(b *badge) bool { return !g.now.Before(b.expires) }

// good tells whether a token is good.
func (g *registry) good(b *badge) bool {
	if b.over || g.past(b) {
		return false
	}
	switch {
	case b.person != nil:
		return !b.person.gone
	case b.access != nil:
		return b.access.there()
	default:
		return b.feeder.there()
	}
}

// outcome is what who presents a token gets: what it is good for, "connector gone",
// "rescinded", or "over" for one whose time is over too.
func (g *registry) outcome(b *badge) string {
	switch {
	case g.good(b) && b.person != nil:
		return fmt.Sprintf("coordinator %d", b.person.id)
	case g.good(b) && b.access != nil:
		return fmt.Sprintf("consumer %d of %s", b.access.person.id, b.access.offer.slug)
	case g.good(b):
		return fmt.Sprintf("contributor of %s/%s", b.feeder.on.slug, b.feeder.slug)
	case g.past(b) && !b.rotated:
		return "over"
	case b.feeder != nil:
		if now := g.feeder(b.feeder.slug); now == nil || now.on.slug != b.feeder.on.slug {
			return "connector gone"
		}
	}
	return "rescinded"
}

// agrees compares an answer with an outcome. A token that expired after it was rescinded may
// be said to have ended either way.
func agrees(got, want string) bool {
	switch got {
	case "revoked", "rotated":
		return want == "rescinded" || want == "over"
	case "expired":
		return want == "over"
	case "connector gone":
		return want == got || want == "over"
	}
	return got == want
}

// issue seats a new token. The one before ends after the overlap, those before it at once.
func (g *registry) issue(b badge, seat *[]*badge, life, overlap time.Duration) {
	for i, old := range *seat {
		if !g.good(old) {
			continue
		}
		old.rotated = true
		end := g.moment()
		if i == len(*seat)-1 {
			end = end.Add(overlap)
		}
		old.expires = first(old.expires, end)
		old.over = old.over || !end.After(g.moment())
	}
	b.expires = g.moment().Add(life)
	g.badges = append(g.badges, &b)
	*seat = append(*seat, g.badges[len(g.badges)-1])
	g.noted()
}

func (g *registry) empty(seat *[]*badge) {
	for _, b := range *seat {
		b.over = b.over || !g.past(b)
	}
	*seat = nil
}

// coordinators are the ids of those whose seat is taken, in order.
func (g *registry) coordinators() (ids []uint64) {
	for _, p := range g.people {
		if !p.gone && len(p.leading) > 0 {
			ids = append(ids, p.id)
		}
	}
	return ids
}

func (g *registry) leads(p *person) bool { return slices.ContainsFunc(p.leading, g.good) }

func (g *registry) prune() {
	for _, b := range g.badges {
		b.mayGo = b.mayGo || !g.good(b)
	}
	g.audit = slices.DeleteFunc(g.audit, func(at time.Time) bool { return at.Before(g.moment().Add(-tokenstore.KeepAudit)) })
}

// isLast tells whether no other coordinator has a good token.
func (g *registry) isLast(p *person) bool {
	return !slices.ContainsFunc(g.people, func(other *person) bool { return other != p && g.leads(other) })
}

// differences compares what a store answers of all that the registry knows with what it
// should, and returns the first answer that differs, or nil.
func (g *registry) differences(ctx context.Context, s *tokenstore.Store) error {
	for _, b := range g.badges {
		got, want := brokerOutcome(s.BrokerHolder(ctx, home, brokerOf(b.name))), g.outcome(b)
		status := tokenStatus(ctx, s, accessorOf(b.name))
		if got == "unknown" && b.mayGo && status == "unknown" {
			continue
		}
		if !agrees(got, want) || g.good(b) != (status == "active" || status == "rotated") {
			return fmt.Errorf("token %s: %s, %s, want %s", b.name, got, status, want)
		}
	}
	ids, err := s.Coordinators(ctx, home)
	if want := g.coordinators(); err != nil || !slices.Equal(ids, want) {
		return fmt.Errorf("the coordinators are %v, %w, want %v", ids, err, want)
	}
	users, _, err := s.BrokerUsers(ctx, home, 0, 1000)
	if err != nil {
		return err
	}
	for _, p := range g.people {
		if p.gone {
			if _, err := s.BrokerUser(ctx, home, p.id); !errors.Is(err, tokenstore.ErrNotFound) {
				return fmt.Errorf("deleted user %d: %w, want ErrNotFound", p.id, err)
			}
			continue
		}
		if len(users) == 0 || users[0].ID != p.id || users[0].Email != p.email {
			return fmt.Errorf("user %d is not in its place in the list", p.id)
		}
		var got, want []string
		for _, access := range users[0].Accesses {
			got = append(got, access.Policy)
		}
		for _, access := range p.accesses {
			if access.there() {
				want = append(want, access.offer.slug)
			}
		}
		if slices.Sort(want); !slices.Equal(got, want) {
			return fmt.Errorf("accesses of user %d are %q, want %q", p.id, got, want)
		}
		users = users[1:]
	}
	if len(users) > 0 {
		return fmt.Errorf("there are %d users more", len(users))
	}
	return nil
}
