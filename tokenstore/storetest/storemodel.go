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
		for where, cache := range map[string]*derived{"this process": m.here, "another process": m.there} {
			held, ok := cache.held[p.token]
			if !ok || !m.now.Before(held.Token.ExpiresAt) {
				continue
			}
			cached := validOutcome(held.Recipient.ID, held.Recipient.Grants, held.Token.ExpiresAt)
			if want := m.tokenOutcome(p); cached != want {
				rt.Fatalf("%s was not told: its cache says %s of token %s, want %s", where, cached, p.accessor, want)
			}
		}
		if p.issued {
			if holder, err := m.TokenHolder(rt.Context(), p.owner.realm, p.token); err == nil {
				m.here.held[p.token], m.there.held[p.token] = holder, holder
			}
		}
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
	_, err := m.CreateRecipient(rt.Context(), tokenstore.NewRecipient{ID: id, Realm: realm, Name: name, Link: l}, actor)
	same(rt, err, m.ledger.create(id, realm, name, l))
}

func (m *storeModel) activateOne(rt *rapid.T) {
	p := m.some(rt)
	if p == nil {
		return
	}
	m.serial++
	token := digestOf("token %d", m.serial)
	life := rapid.SampledFrom([]time.Duration{time.Minute, lifetime, 20 * lifetime}).Draw(rt, "token lifetime")
	_, err := m.Activate(rt.Context(), p.owner.realm, p.code, token, life)
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
