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

// storeModel runs random operations on a store and on a ledger. After each it
// compares all answers, and those that a cache would give, here and in another
// process.
type storeModel struct {
	*ledger
	site
	factory  Factory
	location string
	serial   int // of what is made

	here, there *derived
	follower    *tokenstore.Follower // of there
}

// derived is a cache of look-ups that forgets only what it is told to.
type derived struct {
	mutex sync.Mutex
	held  map[secret.Digest]tokenstore.Holder
}

// Invalidate implements tokenstore.Subscriber.
func (d *derived) Invalidate(topic tokenstore.Topic, _ tokenstore.Revision) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	for digest, holder := range d.held {
		token := holder.Token
		if (topic.Realm == "" || topic.Realm == token.Realm) && (topic.Subject == "" || topic.Subject == token.Subject) {
			delete(d.held, digest)
		}
	}
}

func runStoreModel(t *testing.T, f Factory) {
	rapid.Check(t, func(rt *rapid.T) {
		m := &storeModel{
			ledger: &ledger{now: dawn}, factory: f, location: f.location(t), site: site{clock: newClock()},
		}
		m.open(rt)
		defer func() {
			if err := m.Close(); err != nil {
				rt.Errorf("closing: %v", err)
			}
		}()
		rt.Repeat(map[string]func(*rapid.T){
			"":            m.check,
			"create":      m.createOne,
			"activate":    m.activateOne,
			"activate2":   m.activateOne, // twice as often
			"rotate":      m.rotateOne,
			"rotate2":     m.rotateOne,
			"shorten":     m.shortenOne,
			"revoke":      m.revokeOne,
			"revokeToken": m.revokeTokenOne,
			"revokeRealm": m.revokeRealmOne,
			"issue":       m.issueOne,
			"issue2":      m.issueOne,
			"revoke one":  m.revokeAccessOne,
			"end":         m.endOne,
			"change":      m.changeOne,
			"delete":      m.deleteOne,
			"advance":     m.advance,
			"prune":       m.pruneAll,
			"reopen":      m.reopen,
		})
	})
}

func (m *storeModel) open(rt *rapid.T) {
	driver, err := m.factory.Open(m.location)
	if err != nil {
		rt.Fatalf("opening: %v", err)
	}
	options := tokenstore.Options{Clock: m.clock.now}
	m.driver, m.Store = driver, tokenstore.New(driver, options)
	m.here = &derived{held: map[secret.Digest]tokenstore.Holder{}}
	m.there = &derived{held: map[secret.Digest]tokenstore.Holder{}}
	m.Subscribe(m.here)
	other := tokenstore.New(driver, options) // as in another process, which follows the feed
	other.Subscribe(m.there)
	m.follower = other.NewFollower()
}

func (m *storeModel) reopen(rt *rapid.T) {
	if err := m.Close(); err != nil {
		rt.Fatalf("closing: %v", err)
	}
	m.open(rt)
}

// check compares every answer.
func (m *storeModel) check(rt *rapid.T) {
	if err := m.differences(rt.Context(), m.Store); err != nil {
		rt.Fatal(err)
	}
	if got, err := auditLength(rt.Context(), m.Store); err != nil || got != len(m.audit) {
		rt.Fatalf("the audit has %d entries, %v, want %d", got, err, len(m.audit))
	}
	if err := m.follower.Step(rt.Context()); err != nil {
		rt.Fatalf("following: %v", err)
	}
	for _, p := range m.passes {
		if p.issued {
			m.checkCached(rt, p.owner.realm, p.accessor, p.token, m.tokenOutcome(p))
		}
	}
	for _, a := range m.accesses {
		m.checkCached(rt, a.secret.owner.realm, a.accessor, a.token, m.accessOutcome(a))
	}
}

// checkCached compares what caches still say of a token, and has them hold it.
func (m *storeModel) checkCached(rt *rapid.T, realm, accessor string, token secret.Digest, want string) {
	for where, cache := range map[string]*derived{"this process": m.here, "another process": m.there} {
		held, ok := cache.held[token]
		if !ok || !m.now.Before(held.Token.ExpiresAt) {
			continue
		}
		if cached := validOutcome(held.Recipient.ID, held.Recipient.Grants, held.Token.ExpiresAt); cached != want {
			rt.Fatalf("%s was not told: its cache says %s of token %s, want %s", where, cached, accessor, want)
		}
	}
	if holder, err := m.TokenHolder(rt.Context(), realm, token); err == nil {
		m.here.held[token], m.there.held[token] = holder, holder
	}
}

var (
	someRealm = rapid.SampledFrom([]string{"north", "south"})
	someName  = rapid.SampledFrom([]string{"acme", "ACME", "zoo"})
	someGrant = rapid.SampledFrom([][]string{nil, {"sales"}, {"sales", "finance/reports"}})
	someTime  = rapid.SampledFrom([]time.Duration{
		0, time.Second, time.Minute, time.Hour, lifetime, 10 * lifetime, tokenstore.KeepEnded,
	})
)

// named draws a realm and a name, and returns who has it, or nil.
func (m *storeModel) named(rt *rapid.T) (realm, name string, o *owner) {
	realm, name = someRealm.Draw(rt, "realm"), someName.Draw(rt, "name")
	return realm, name, m.owner(realm, name)
}

// some draws one of the passes; nil if there is none.
func (m *storeModel) some(rt *rapid.T) *pass {
	if len(m.passes) == 0 {
		return nil
	}
	return m.passes[len(m.passes)-1-rapid.IntRange(0, len(m.passes)-1).Draw(rt, "pass, from the latest")]
}

func (m *storeModel) newLink(rt *rapid.T) tokenstore.NewLink {
	m.serial++
	l := link("pass-%d", m.serial)
	l.Lifetime = rapid.SampledFrom([]time.Duration{time.Minute, lifetime}).Draw(rt, "link lifetime")
	return l
}

// same demands that both sides refuse, or accept, for the same reason.
func same(rt *rapid.T, got, want error) {
	if !errors.Is(plain(got), want) {
		rt.Fatalf("got %v, want %v", got, want)
	}
}

// known demands ErrNotFound for a recipient that does not exist.
func known(rt *rapid.T, o *owner, err error) {
	var want error
	if o == nil {
		want = tokenstore.ErrNotFound
	}
	same(rt, err, want)
}

func (m *storeModel) createOne(rt *rapid.T) {
	realm, name, _ := m.named(rt)
	l := m.newLink(rt)
	id := fmt.Sprintf("id-%d", m.serial)
	n := tokenstore.NewRecipient{ID: id, Realm: realm, Name: name, Link: l}
	var want error
	switch rapid.SampledFrom([]string{"bearer", "client", "imported"}).Draw(rt, "way") {
	case "bearer":
		want = m.ledger.create(id, realm, name, false, l)
	case "client":
		n.Auth = tokenstore.ClientCredentials
		want = m.ledger.create(id, realm, name, true, l)
	case "imported":
		n.Imported = &tokenstore.ImportedToken{Accessor: l.Accessor, Digest: digestOf("imported %d", m.serial)}
		want = m.bring(id, realm, name, *n.Imported)
	}
	_, err := m.CreateRecipient(rt.Context(), n, actor)
	same(rt, err, want)
}

func (m *storeModel) issueOne(rt *rapid.T) {
	p := m.some(rt)
	if p == nil {
		return
	}
	m.serial++
	accessor, token := fmt.Sprintf("access-%d", m.serial), digestOf("access token %d", m.serial)
	life := rapid.SampledFrom([]time.Duration{time.Minute, time.Hour, 10 * lifetime}).Draw(rt, "access token lifetime")
	_, err := m.IssueAccessToken(rt.Context(), p.owner.realm, p.owner.id, p.token, tokenstore.NewAccessToken{
		Accessor: accessor, Digest: token, Lifetime: life,
	})
	if _, ended := errors.AsType[*tokenstore.EndedError](err); ended {
		err = errEnded
	}
	same(rt, err, m.issue(p, accessor, token, life))
}

func (m *storeModel) revokeAccessOne(rt *rapid.T) {
	if len(m.accesses) == 0 {
		return
	}
	a := rapid.SampledFrom(m.accesses).Draw(rt, "access token")
	_, err := m.RevokeToken(rt.Context(), a.accessor, actor)
	same(rt, err, m.revokeAccess(a))
}

// endOne gives a recipient an end, earlier or later, or takes it.
func (m *storeModel) endOne(rt *rapid.T) {
	realm, name, o := m.named(rt)
	var end time.Time
	if !rapid.Bool().Draw(rt, "without end") {
		end = m.moment().Add(someTime.Draw(rt, "ends in"))
	}
	_, err := m.ChangeRecipient(rt.Context(), realm, name, actor, "updateRecipient",
		func(r *tokenstore.Recipient) (string, error) { r.NotAfter = end; return "", nil })
	if known(rt, o, err); o != nil {
		o.notAfter = end
		m.noted()
	}
}

func (m *storeModel) activateOne(rt *rapid.T) {
	p := m.some(rt)
	if p == nil {
		return
	}
	m.serial++
	token := digestOf("token %d", m.serial)
	life := rapid.SampledFrom([]time.Duration{time.Minute, lifetime, 20 * lifetime}).Draw(rt, "token lifetime")
	kind := tokenstore.BearerToken
	if p.owner.client {
		kind = tokenstore.ClientSecret
	}
	_, err := m.Activate(rt.Context(), p.owner.realm, p.code, token, kind, life)
	same(rt, err, m.ledger.activate(p, token, life))
}

func (m *storeModel) rotateOne(rt *rapid.T) {
	realm, name, o := m.named(rt)
	r := tokenstore.Rotation{
		OldExpiresIn: someTime.Draw(rt, "old expires in"),
		MaxTokens:    rapid.IntRange(2, 3).Draw(rt, "max tokens"),
		Link:         m.newLink(rt),
	}
	_, _, err := m.Rotate(rt.Context(), realm, name, r, actor)
	if o == nil {
		known(rt, o, err)
		return
	}
	same(rt, err, m.ledger.rotate(o, r))
}

func (m *storeModel) shortenOne(rt *rapid.T) {
	realm, name, o := m.named(rt)
	in := someTime.Draw(rt, "in")
	_, _, err := m.Shorten(rt.Context(), realm, name, in, nil, actor)
	if known(rt, o, err); o != nil {
		m.ledger.shorten(o, in)
	}
}

func (m *storeModel) revokeOne(rt *rapid.T) {
	realm, name, o := m.named(rt)
	_, err := m.Revoke(rt.Context(), realm, name, actor)
	if known(rt, o, err); o != nil {
		m.revoke(o)
	}
}

func (m *storeModel) revokeTokenOne(rt *rapid.T) {
	p := m.some(rt)
	if p == nil {
		return
	}
	_, err := m.RevokeToken(rt.Context(), p.accessor, actor)
	same(rt, err, m.revokeToken(p))
}

func (m *storeModel) revokeRealmOne(rt *rapid.T) {
	realm := someRealm.Draw(rt, "realm")
	same(rt, m.RevokeRealm(rt.Context(), realm, actor), nil)
	m.revokeRealm(realm)
}

// changeOne disables, enables, or changes grants.
func (m *storeModel) changeOne(rt *rapid.T) {
	realm, name, o := m.named(rt)
	disabled, grants := rapid.Bool().Draw(rt, "disabled"), someGrant.Draw(rt, "grants")
	_, err := m.ChangeRecipient(rt.Context(), realm, name, actor, "updateRecipient",
		func(r *tokenstore.Recipient) (string, error) {
			r.Disabled, r.Grants = disabled, grants
			return "", nil
		})
	if known(rt, o, err); o != nil {
		o.disabled, o.grants = disabled, grants
		m.noted()
	}
}

func (m *storeModel) deleteOne(rt *rapid.T) {
	realm, name, o := m.named(rt)
	_, err := m.DeleteRecipient(rt.Context(), realm, name, actor)
	if known(rt, o, err); o != nil {
		m.remove(o)
	}
}

func (m *storeModel) advance(rt *rapid.T) {
	d := someTime.Draw(rt, "by") + rapid.SampledFrom([]time.Duration{0, 0, 400 * time.Millisecond}).Draw(rt, "and")
	m.clock.advance(d)
	m.now = m.clock.now()
}

func (m *storeModel) pruneAll(rt *rapid.T) {
	if _, err := m.Prune(rt.Context()); err != nil {
		rt.Fatalf("pruning: %v", err)
	}
	m.prune()
}
