package storetest

import (
	"sync"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// derivedBrokers is a cache of look-ups that forgets only what it is told to: tokens by who
// holds them, and the lives of policies.
type derivedBrokers struct {
	mutex sync.Mutex
	held  map[secret.Digest]tokenstore.BrokerHolder
	lives map[string]uint64
}

func newDerivedBrokers() *derivedBrokers {
	return &derivedBrokers{held: map[secret.Digest]tokenstore.BrokerHolder{}, lives: map[string]uint64{}}
}

// Invalidate implements tokenstore.Subscriber.
func (d *derivedBrokers) Invalidate(topic tokenstore.Topic, _ tokenstore.Revision) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	for digest, h := range d.held {
		subject := tokenstore.BrokerUserTopic(h.User.ID)
		if h.Token.Kind == tokenstore.ContributorToken {
			subject = tokenstore.BrokerEntityTopic(h.Connector.Entity)
		}
		if topic.Subject == "" || topic.Subject == subject {
			delete(d.held, digest)
		}
	}
	for slug := range d.lives {
		if topic.Subject == "" || topic.Subject == tokenstore.BrokerPolicyTopic(slug) {
			delete(d.lives, slug)
		}
	}
}

// answer is what the cache says of a token; "" if it does not know.
func (d *derivedBrokers) answer(digest secret.Digest, now time.Time) string {
	h, ok := d.held[digest]
	if !ok || !now.Before(h.Token.ExpiresAt) {
		return ""
	}
	if h.Token.Kind == tokenstore.ConsumerToken {
		life, ok := d.lives[h.Access.Policy]
		if !ok {
			return ""
		}
		if life != h.Access.Life {
			return "rescinded"
		}
	}
	return brokerOutcome(h, nil)
}
