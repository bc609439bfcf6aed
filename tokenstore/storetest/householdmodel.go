package storetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// householdModel runs random operations on a store and on a household. After each it
// compares all answers, and those that a cache would give, here and in another process.
type householdModel struct {
	*household
	site
	serial   int // of what is made
	read     []reading
	here     *derivedFamilies
	there    *derivedFamilies
	follower *tokenstore.Follower // of there
}

// reading is an account as a sign-in read it, before it looks at the password.
type reading struct {
	estate  *estate
	ends    int
	account tokenstore.Account
}

// derivedFamilies is a cache of look-ups that forgets only what it is told to.
type derivedFamilies struct {
	mutex sync.Mutex
	held  map[secret.Digest]tokenstore.FamilyHolder
}

// Invalidate implements tokenstore.Subscriber.
func (d *derivedFamilies) Invalidate(topic tokenstore.Topic, _ tokenstore.Revision) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	for digest, holder := range d.held {
		token := holder.Token
		if (topic.Realm == "" || topic.Realm == token.Realm) && (topic.Subject == "" || topic.Subject == token.Subject) {
			delete(d.held, digest)
		}
	}
}

func runHouseholdModel(t *testing.T, f Factory) {
	rapid.Check(t, func(rt *rapid.T) {
		m := &householdModel{household: &household{now: dawn}, site: site{clock: newClock()}}
		driver, err := f.Open(f.location(t))
		if err != nil {
			rt.Fatalf("opening: %v", err)
		}
		options := tokenstore.Options{Clock: m.clock.now}
		m.driver, m.Store = driver, tokenstore.New(driver, options)
		defer func() {
			if err := m.Close(); err != nil {
				rt.Errorf("closing: %v", err)
			}
		}()
		m.here = &derivedFamilies{held: map[secret.Digest]tokenstore.FamilyHolder{}}
		m.there = &derivedFamilies{held: map[secret.Digest]tokenstore.FamilyHolder{}}
		m.Subscribe(m.here)
		other := tokenstore.New(driver, options) // as in another process, which follows the feed
		other.Subscribe(m.there)
		m.follower = other.NewFollower()
		rt.Repeat(map[string]func(*rapid.T){
			"":            m.check,
			"open":        m.openOne,
			"read":        m.readOne,
			"sign in":     m.signInOne,
			"sign in2":    m.signInOne, // twice as often
			"ask":         m.askOne,
			"ask2":        m.askOne,
			"ask3":        m.askOne,
			"leave":       m.leaveOne,
			"revoke":      m.revokeOne,
			"end":         m.endOne,
			"enable":      m.enableOne,
			"delete":      m.deleteOne,
			"enrol":       m.enrolOne,
			"application": m.applicationOne,
			"revokeRealm": m.revokeRealmOne,
			"advance":     m.advance,
			"prune":       m.pruneAll,
		})
	})
}

// check compares every answer.
func (m *householdModel) check(rt *rapid.T) {
	if err := m.differences(rt.Context(), m.Store); err != nil {
		rt.Fatal(err)
	}
	if got, err := auditLength(rt.Context(), m.Store); err != nil || got != len(m.audit) {
		rt.Fatalf("the audit has %d entries, %v, want %d", got, err, len(m.audit))
	}
	if err := m.follower.Step(rt.Context()); err != nil {
		rt.Fatalf("following: %v", err)
	}
	for _, k := range m.families {
		digest := familyOf(k.accessor)
		for where, cache := range map[string]*derivedFamilies{"this process": m.here, "another process": m.there} {
			held, ok := cache.held[digest]
			if !ok || !m.now.Before(held.Token.ExpiresAt.Add(time.Second)) {
				continue
			}
			if cached, want := heldOutcome(held, nil), m.outcome(k); cached != want {
				rt.Fatalf("%s was not told: its cache says %s of family %s, want %s", where, cached, k.accessor, want)
			}
		}
		if held, err := m.FamilyHolder(rt.Context(), k.estate.realm, digest); err == nil {
			m.here.held[digest], m.there.held[digest] = held, held
		}
	}
}

var (
	someHost = rapid.SampledFrom([]string{"bob.example", "eve.example"})
	someID   = rapid.SampledFrom([]string{"notes", "books"})
)

// hosted draws a realm and a host, and returns its account, or nil.
func (m *householdModel) hosted(rt *rapid.T) (realm, host string, e *estate) {
	realm, host = someRealm.Draw(rt, "realm"), someHost.Draw(rt, "host")
	return realm, host, m.estate(realm, host)
}

// some draws one of the families; nil if there is none.
func (m *householdModel) some(rt *rapid.T) *kin {
	if len(m.families) == 0 {
		return nil
	}
	return m.families[len(m.families)-1-rapid.IntRange(0, len(m.families)-1).Draw(rt, "family, from the latest")]
}

func (m *householdModel) next() string {
	m.serial++
	return fmt.Sprintf("family-%d", m.serial)
}

// missing demands ErrNotFound if something does not exist, else success.
func missing(rt *rapid.T, exists bool, err error) {
	var want error
	if !exists {
		want = tokenstore.ErrNotFound
	}
	same(rt, err, want)
}

func (m *householdModel) openOne(rt *rapid.T) {
	realm, host, _ := m.hosted(rt)
	m.serial++
	account := accountOf(realm, host)
	account.ID = fmt.Sprintf("acc-%d", m.serial)
	_, err := m.CreateAccount(rt.Context(), account, keysOf(account.ID), actor)
	same(rt, err, m.open(account.ID, realm, host))
}

func (m *householdModel) readOne(rt *rapid.T) {
	realm, host, e := m.hosted(rt)
	account, _, _, err := m.AccountByHost(rt.Context(), realm, host)
	if missing(rt, e != nil, err); e != nil {
		m.read = append(m.read, reading{e, e.ends, account})
	}
}

// signInOne goes on with one of the latest readings, which may be stale.
func (m *householdModel) signInOne(rt *rapid.T) {
	if len(m.read) == 0 {
		return
	}
	r := m.read[len(m.read)-1-rapid.IntRange(0, min(len(m.read)-1, 3)).Draw(rt, "reading, from the latest")]
	n := signIn(r.account, m.next())
	n.Lifetime = rapid.SampledFrom(someLives).Draw(rt, "lifetime")
	_, err := m.StartFamily(rt.Context(), n, actor)
	e := m.estate(r.account.Realm, r.account.Host)
	switch {
	case e == nil:
		same(rt, err, tokenstore.ErrNotFound)
	case e != r.estate && !e.disabled:
		same(rt, err, tokenstore.ErrStale)
	default:
		same(rt, err, m.household.signIn(e, r.ends, n.Accessor, n.Lifetime))
	}
}

var someLives = []time.Duration{time.Minute, lifetime, familyLife}

func (m *householdModel) askOne(rt *rapid.T) {
	parent := m.some(rt)
	if parent == nil {
		return
	}
	realm, host := parent.estate.realm, parent.estate.host
	if rapid.IntRange(0, 9).Draw(rt, "of another host") == 0 {
		host = someHost.Draw(rt, "host")
	}
	digest := familyOf(parent.accessor)
	scope := rapid.SampledFrom([]tokenstore.FamilyScope{tokenstore.OwnerScope, tokenstore.ApplicationScope}).Draw(rt, "scope")
	n := child(tokenstore.Account{Realm: realm, Host: host}, &digest, m.next(), scope)
	n.Lifetime = rapid.SampledFrom(someLives).Draw(rt, "lifetime")
	n.CapByParent = rapid.Bool().Draw(rt, "capped")
	if scope == tokenstore.ApplicationScope {
		n.Application = someID.Draw(rt, "application")
	}
	_, err := m.StartFamily(rt.Context(), n, actor)
	e := m.estate(realm, host)
	if e == nil {
		same(rt, err, tokenstore.ErrNotFound)
		return
	}
	same(rt, err, m.ask(e, parent, scope, n.Application, n.Accessor, n.Lifetime, n.CapByParent))
}

// pruned tells whether an operation found that a family was pruned: then none descends
// from it that lives.
func (m *householdModel) pruned(rt *rapid.T, k *kin, err error) bool {
	if !k.mayGo || !errors.Is(err, tokenstore.ErrNotFound) {
		return false
	}
	for _, other := range m.families {
		if other.descends(k) && m.ended(other).IsZero() {
			rt.Fatalf("family %s was pruned, but %s descends from it", k.accessor, other.accessor)
		}
	}
	return true
}

func (m *householdModel) leaveOne(rt *rapid.T) {
	k := m.some(rt)
	if k == nil {
		return
	}
	err := m.SignOut(rt.Context(), k.estate.realm, familyOf(k.accessor), actor)
	if !m.pruned(rt, k, err) {
		same(rt, err, nil)
		m.leave(k)
	}
}

func (m *householdModel) revokeOne(rt *rapid.T) {
	k := m.some(rt)
	if k == nil {
		return
	}
	_, err := m.RevokeToken(rt.Context(), k.accessor, actor)
	if !m.pruned(rt, k, err) {
		same(rt, err, nil)
		m.revoke(k)
	}
}

// endOne ends all families of an account, in one way or the other.
func (m *householdModel) endOne(rt *rapid.T) {
	realm, host, e := m.hosted(rt)
	var err error
	if rapid.Bool().Draw(rt, "by a password") {
		_, err = m.SetPassword(rt.Context(), realm, host, "hash", nil, actor)
	} else {
		_, err = m.RevokeAccount(rt.Context(), realm, host, actor)
	}
	if missing(rt, e != nil, err); e != nil {
		m.endAll(e)
	}
}

func (m *householdModel) enableOne(rt *rapid.T) {
	realm, host, e := m.hosted(rt)
	enabled := rapid.Bool().Draw(rt, "enabled")
	_, err := m.EnableAccount(rt.Context(), realm, host, enabled, actor)
	if missing(rt, e != nil, err); e != nil {
		e.disabled = !enabled
		m.noted()
	}
}

func (m *householdModel) deleteOne(rt *rapid.T) {
	realm, host, e := m.hosted(rt)
	_, err := m.DeleteAccount(rt.Context(), realm, host, actor)
	if missing(rt, e != nil, err); e != nil {
		m.remove(e)
	}
}

func (m *householdModel) enrolOne(rt *rapid.T) {
	realm, host, e := m.hosted(rt)
	id, enabled := someID.Draw(rt, "application"), rapid.Bool().Draw(rt, "enabled")
	p := m.program(realm, id)
	_, _, err := m.Enrol(rt.Context(), realm, host, id, enabled, nil, actor)
	if e == nil || p == nil {
		missing(rt, false, err)
		return
	}
	same(rt, err, m.enrol(e, p, enabled))
}

// applicationOne adds, disables, enables or deletes an application.
func (m *householdModel) applicationOne(rt *rapid.T) {
	realm, id := someRealm.Draw(rt, "realm"), someID.Draw(rt, "application")
	p := m.program(realm, id)
	switch way := rapid.SampledFrom([]string{"add", "add", "disable", "enable", "delete"}).Draw(rt, "way"); way {
	case "add":
		_, err := m.AddApplication(rt.Context(), applicationOf(realm, id), actor)
		same(rt, err, m.add(realm, id))
	case "delete":
		_, err := m.DeleteApplication(rt.Context(), realm, id, actor)
		if missing(rt, p != nil, err); p != nil {
			m.drop(p)
		}
	default:
		_, err := m.EnableApplication(rt.Context(), realm, id, way == "enable", actor)
		if missing(rt, p != nil, err); p != nil {
			p.disabled = way != "enable"
			m.noted()
		}
	}
}

func (m *householdModel) revokeRealmOne(rt *rapid.T) {
	if rapid.IntRange(0, 2).Draw(rt, "seldom") > 0 {
		return
	}
	realm := someRealm.Draw(rt, "realm")
	same(rt, m.RevokeRealm(rt.Context(), realm, actor), nil)
	m.revokeRealm(realm)
}

func (m *householdModel) advance(rt *rapid.T) {
	m.clock.advance(someTime.Draw(rt, "by") + rapid.SampledFrom([]time.Duration{0, 0, 400 * time.Millisecond}).Draw(rt, "and"))
	m.now = m.clock.now()
}

func (m *householdModel) pruneAll(rt *rapid.T) {
	if _, err := m.Prune(rt.Context()); err != nil {
		rt.Fatalf("pruning: %v", err)
	}
	m.prune()
}
