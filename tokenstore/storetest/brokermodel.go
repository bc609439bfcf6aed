package storetest

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// brokerModel runs random operations on a store and on a registry. After each it compares all
// answers, and those that a cache would give, here and in another process.
type brokerModel struct {
	*registry
	site     site
	serial   int // of tokens
	here     *derivedBrokers
	there    *derivedBrokers
	follower *tokenstore.Follower // of there
}

func runBrokerModel(t *testing.T, f Factory) {
	rapid.Check(t, func(rt *rapid.T) {
		m := &brokerModel{registry: &registry{now: dawn}, site: site{clock: newClock()}}
		driver, err := f.Open(f.location(t))
		if err != nil {
			rt.Fatalf("opening: %v", err)
		}
		options := tokenstore.Options{Clock: m.site.clock.now}
		m.site.driver, m.site.Store = driver, tokenstore.New(driver, options)
		defer func() {
			if err := m.site.Close(); err != nil {
				rt.Errorf("closing: %v", err)
			}
		}()
		m.here, m.there = newDerivedBrokers(), newDerivedBrokers()
		m.site.Subscribe(m.here)
		other := tokenstore.New(driver, options) // as in another process, which follows the feed
		other.Subscribe(m.there)
		m.follower = other.NewFollower()
		rt.Repeat(map[string]func(*rapid.T){
			"":            m.check,
			"user":        m.userOne,
			"promote":     m.promoteOne,
			"promote2":    m.promoteOne, // twice as often
			"demote":      m.demoteOne,
			"delete user": m.deleteUserOne,
			"policy":      m.policyOne,
			"access":      m.accessOne,
			"access2":     m.accessOne,
			"reissue":     m.reissueOne,
			"reissue2":    m.reissueOne,
			"withdraw":    m.withdrawOne,
			"entity":      m.entityOne,
			"connector":   m.connectorOne,
			"connector2":  m.connectorOne,
			"rotate":      m.rotateOne,
			"disconnect":  m.disconnectOne,
			"revoke":      m.revokeOne,
			"revokeRealm": m.revokeRealmOne,
			"advance":     m.advance,
			"prune":       m.pruneAll,
		})
	})
}

// check compares every answer.
func (m *brokerModel) check(rt *rapid.T) {
	s := m.site.Store
	if err := m.differences(rt.Context(), s); err != nil {
		rt.Fatal(err)
	}
	if got, err := auditLength(rt.Context(), s); err != nil || got != len(m.audit) {
		rt.Fatalf("the audit has %d entries, %v, want %d", got, err, len(m.audit))
	}
	if err := m.follower.Step(rt.Context()); err != nil {
		rt.Fatalf("following: %v", err)
	}
	for _, b := range m.badges {
		digest := brokerOf(b.name)
		for where, cache := range map[string]*derivedBrokers{"this process": m.here, "another process": m.there} {
			if cached, want := cache.answer(digest, m.now), m.outcome(b); cached != "" && !agrees(cached, want) {
				rt.Fatalf("%s was not told: its cache says %s of token %s, want %s", where, cached, b.name, want)
			}
		}
		if h, err := s.BrokerHolder(rt.Context(), home, digest); err == nil {
			m.here.held[digest], m.there.held[digest] = h, h
		}
	}
	for _, slug := range slugs {
		policy, _, err := s.BrokerPolicy(rt.Context(), home, slug)
		if there := m.offer(slug) != nil; (err == nil) != there {
			rt.Fatalf("policy %s: %v, there: %v", slug, err, there)
		}
		m.here.lives[slug], m.there.lives[slug] = policy.Life, policy.Life
	}
}

var (
	slugs       = []string{"one", "two"}
	someSlug    = rapid.SampledFrom(slugs)
	someEmail   = rapid.SampledFrom([]string{"ann@example.com", "ben@example.com", "cleo@example.com"})
	someOverlap = rapid.SampledFrom([]time.Duration{0, 0, time.Minute, time.Hour, 20 * lifetime})
)

// one draws the id of a user, and returns it; nil if it is gone, or never was.
func (m *brokerModel) one(rt *rapid.T) (uint64, *person) {
	id := m.lastID - min(m.lastID, rapid.Uint64Range(0, 3).Draw(rt, "user, from the latest"))
	return id, m.registry.user(id)
}

func (m *brokerModel) token(rt *rapid.T) (tokenstore.NewBrokerToken, string) {
	m.serial++
	name := fmt.Sprint("token-", m.serial)
	token := brokerToken(name)
	token.Lifetime = rapid.SampledFrom(someLives).Draw(rt, "lifetime")
	return token, name
}

func (m *brokerModel) userOne(rt *rapid.T) {
	email := someEmail.Draw(rt, "email")
	user, err := m.site.CreateBrokerUser(rt.Context(), home, email, nil, actor)
	for _, p := range m.people {
		if p.email == email && !p.gone {
			same(rt, err, tokenstore.ErrExists)
			return
		}
	}
	same(rt, err, nil)
	if m.lastID++; user.ID != m.lastID {
		rt.Fatalf("the user has the id %d, want %d", user.ID, m.lastID)
	}
	m.people = append(m.people, &person{id: user.ID, email: email})
	m.noted()
}

func (m *brokerModel) promoteOne(rt *rapid.T) {
	id, p := m.one(rt)
	token, name := m.token(rt)
	_, err := m.site.Promote(rt.Context(), home, id, token, actor)
	switch {
	case p == nil:
		same(rt, err, tokenstore.ErrNotFound)
	case m.leads(p):
		same(rt, err, tokenstore.ErrExists)
	default:
		same(rt, err, nil)
		m.issue(badge{name: name, person: p}, &p.leading, token.Lifetime, 0)
	}
}

func (m *brokerModel) demoteOne(rt *rapid.T) {
	id, p := m.one(rt)
	err := m.site.Demote(rt.Context(), home, id, actor)
	switch {
	case p == nil:
		same(rt, err, tokenstore.ErrNotFound)
	case len(p.leading) == 0:
		same(rt, err, tokenstore.ErrNoCoordinator)
	case m.isLast(p):
		same(rt, err, tokenstore.ErrLastCoordinator)
	default:
		same(rt, err, nil)
		m.empty(&p.leading)
		m.noted()
	}
}

func (m *brokerModel) deleteUserOne(rt *rapid.T) {
	id, p := m.one(rt)
	err := m.site.DeleteBrokerUser(rt.Context(), home, id, actor)
	switch {
	case p == nil:
		same(rt, err, tokenstore.ErrNotFound)
	case len(p.leading) > 0 && m.isLast(p):
		same(rt, err, tokenstore.ErrLastCoordinator)
	default:
		same(rt, err, nil)
		m.empty(&p.leading)
		p.gone = true
		m.noted()
	}
}

// policyOne makes a policy, changes or deletes it.
func (m *brokerModel) policyOne(rt *rapid.T) {
	slug, o := someSlug.Draw(rt, "policy"), (*offer)(nil)
	o = m.offer(slug)
	ctx, s := rt.Context(), m.site.Store
	switch rapid.SampledFrom([]string{"create", "create", "update", "delete"}).Draw(rt, "way") {
	case "create":
		_, err := s.CreateBrokerPolicy(ctx, home, slug, nil, tokenstore.BrokerLimits{}, actor)
		if o != nil {
			same(rt, err, tokenstore.ErrExists)
			return
		}
		same(rt, err, nil)
		m.offers = append(m.offers, &offer{slug: slug})
	case "update":
		_, err := s.UpdateBrokerPolicy(ctx, home, slug, []byte("{}"), tokenstore.BrokerLimits{}, actor)
		if missing(rt, o != nil, err); o == nil {
			return
		}
	case "delete":
		if missing(rt, o != nil, s.DeleteBrokerPolicy(ctx, home, slug, actor)); o == nil {
			return
		}
		o.gone = true
	}
	m.noted()
}

func (m *brokerModel) accessOne(rt *rapid.T) {
	id, p := m.one(rt)
	slug := someSlug.Draw(rt, "policy")
	o := m.offer(slug)
	token, name := m.token(rt)
	_, err := m.site.CreateBrokerAccess(rt.Context(), home, id, slug, token, actor)
	switch {
	case p == nil || o == nil:
		same(rt, err, tokenstore.ErrNotFound)
	case p.access(o) != nil:
		same(rt, err, tokenstore.ErrExists)
	default:
		same(rt, err, nil)
		a := &entry{person: p, offer: o}
		p.accesses = append(p.accesses, a)
		m.issue(badge{name: name, access: a}, &a.seat, token.Lifetime, 0)
	}
}

// held draws a user and a policy, and returns the access; nil if there is none.
func (m *brokerModel) held(rt *rapid.T) (id uint64, slug string, a *entry) {
	id, p := m.one(rt)
	slug = someSlug.Draw(rt, "policy")
	if p != nil {
		a = p.access(m.offer(slug))
	}
	return id, slug, a
}

func (m *brokerModel) reissueOne(rt *rapid.T) {
	id, slug, a := m.held(rt)
	token, name := m.token(rt)
	overlap := someOverlap.Draw(rt, "overlap")
	err := m.site.ReissueBrokerAccess(rt.Context(), home, id, slug, token, overlap, actor)
	if missing(rt, a != nil, err); a != nil {
		m.issue(badge{name: name, access: a}, &a.seat, token.Lifetime, overlap)
	}
}

func (m *brokerModel) withdrawOne(rt *rapid.T) {
	id, slug, a := m.held(rt)
	err := m.site.DeleteBrokerAccess(rt.Context(), home, id, slug, actor)
	if missing(rt, a != nil, err); a != nil {
		m.empty(&a.seat)
		a.gone = true
		m.noted()
	}
}

// entityOne makes an entity type, or deletes it.
func (m *brokerModel) entityOne(rt *rapid.T) {
	slug := someSlug.Draw(rt, "entity type")
	e := m.entityType(slug)
	if rapid.IntRange(0, 2).Draw(rt, "way") > 0 {
		_, err := m.site.CreateBrokerEntity(rt.Context(), home, slug, nil, actor)
		if e != nil {
			same(rt, err, tokenstore.ErrExists)
			return
		}
		same(rt, err, nil)
		m.types = append(m.types, &entityType{slug: slug})
	} else {
		if missing(rt, e != nil, m.site.DeleteBrokerEntity(rt.Context(), home, slug, actor)); e == nil {
			return
		}
		e.gone = true
	}
	m.noted()
}

// plug draws an entity type and a connector, and returns it; nil if there is none.
func (m *brokerModel) plug(rt *rapid.T) (entity, slug string, f *feeder) {
	entity, slug = someSlug.Draw(rt, "entity type"), someSlug.Draw(rt, "connector")
	if f = m.feeder(slug); f != nil && f.on.slug != entity {
		f = nil
	}
	return entity, slug, f
}

func (m *brokerModel) connectorOne(rt *rapid.T) {
	entity, slug, _ := m.plug(rt)
	token, name := m.token(rt)
	_, err := m.site.CreateBrokerConnector(rt.Context(), home, entity, slug, contributionOf(entity, slug), nil, token, actor)
	e := m.entityType(entity)
	switch {
	case e == nil:
		same(rt, err, tokenstore.ErrNotFound)
	case m.feeder(slug) != nil:
		same(rt, err, tokenstore.ErrExists)
	default:
		same(rt, err, nil)
		f := &feeder{on: e, slug: slug}
		m.feeders = append(m.feeders, f)
		m.issue(badge{name: name, feeder: f}, &f.seat, token.Lifetime, 0)
	}
}

func (m *brokerModel) rotateOne(rt *rapid.T) {
	entity, slug, f := m.plug(rt)
	token, name := m.token(rt)
	overlap := someOverlap.Draw(rt, "overlap")
	err := m.site.RotateBrokerConnector(rt.Context(), home, entity, slug, token, overlap, actor)
	if missing(rt, f != nil, err); f != nil {
		m.issue(badge{name: name, feeder: f}, &f.seat, token.Lifetime, overlap)
	}
}

func (m *brokerModel) disconnectOne(rt *rapid.T) {
	entity, slug, f := m.plug(rt)
	err := m.site.DeleteBrokerConnector(rt.Context(), home, entity, slug, actor)
	if missing(rt, f != nil, err); f != nil {
		m.empty(&f.seat)
		f.gone = true
		m.noted()
	}
}

func (m *brokerModel) revokeOne(rt *rapid.T) {
	if len(m.badges) == 0 {
		return
	}
	b := m.badges[len(m.badges)-1-rapid.IntRange(0, len(m.badges)-1).Draw(rt, "token, from the latest")]
	_, err := m.site.RevokeToken(rt.Context(), accessorOf(b.name), actor)
	if b.mayGo && err != nil {
		same(rt, err, tokenstore.ErrNotFound)
		return
	}
	same(rt, err, nil)
	if m.good(b) {
		b.over = true
		m.noted()
	}
}

func (m *brokerModel) revokeRealmOne(rt *rapid.T) {
	if rapid.IntRange(0, 2).Draw(rt, "seldom") > 0 {
		return
	}
	same(rt, m.site.RevokeRealm(rt.Context(), home, actor), nil)
	for _, b := range m.badges {
		b.over = b.over || !m.past(b)
	}
	m.noted()
}

func (m *brokerModel) advance(rt *rapid.T) {
	m.site.clock.advance(someTime.Draw(rt, "by") + rapid.SampledFrom([]time.Duration{0, 0, 400 * time.Millisecond}).Draw(rt, "and"))
	m.now = m.site.clock.now()
}

func (m *brokerModel) pruneAll(rt *rapid.T) {
	if _, err := m.site.Prune(rt.Context()); err != nil {
		rt.Fatalf("pruning: %v", err)
	}
	m.prune()
}
