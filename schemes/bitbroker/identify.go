package bitbroker

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// holder is what an identity keeps of whose token it is.
type holder struct {
	user uint64 // of a coordinator and a consumer; 0 if it is not known
	// policy of a consumer, and the life in which it was given.
	policy string
	life   uint64
	// connector of a contributor, and its id on the contributor API.
	connector, contribution string
	// earlier is the key id of an earlier token, with its kind and when it was issued; empty
	// for one of the gateway's own.
	earlier string
	kind    tokenstore.TokenKind
	issued  time.Time
}

// holderOf returns what an identity keeps; nothing for nobody.
func holderOf(id *schemes.Identity) *holder {
	if id != nil {
		if h, ok := id.Session.(*holder); ok {
			return h
		}
	}
	return new(holder)
}

// countedBy is the number of an access, where each is counted for itself.
func (h *holder) countedBy() uint64 {
	if h.user != 0 {
		return h.user
	}
	digest := secret.DigestOf(h.earlier)
	return binary.BigEndian.Uint64(digest[:8]) | 1<<63 // no user's
}

var (
	errMalformed = errors.New("the token has not the form of one")
	errUnknown   = errors.New("no such token was issued")
	errOtherAPI  = errors.New("the token is of another API")
)

// Identify implements schemes.Scheme: the form of the token, the store, and for a consumer its
// policy.
func (s *Scheme) Identify(ctx context.Context, call *schemes.Call) (*schemes.Identity, error) {
	text, v := call.Credential.Reveal(), s.visitOf(call)
	own := isToken(text)
	if !own && s.earlier == nil {
		return nil, notAuthorized(schemes.BadCredential, errMalformed)
	}
	b, err := s.open(ctx)
	if err != nil {
		return nil, schemes.Unavailable(err)
	}
	var id *schemes.Identity
	if own {
		id, err = s.identifyOwn(ctx, b, call, v)
	} else {
		id, err = s.identifyEarlier(ctx, b, call, v)
	}
	if err != nil {
		return nil, err
	}
	if id.Kind == kindConsumer {
		if _, refusal := s.standingPolicy(ctx, b, holderOf(id)); refusal != nil {
			return nil, refusal
		}
	}
	return id, nil
}

// identifyOwn finds out whose a token is that the gateway issued.
func (s *Scheme) identifyOwn(ctx context.Context, b *schemes.Backend, call *schemes.Call, v *visit) (*schemes.Identity, error) {
	key := schemes.CacheKey{Scheme: Name, Realm: s.config.Realm, Digest: secret.DigestOf(call.Credential.Reveal())}
	id := b.Identities.Get(key, b.Store.Now())
	if id == nil {
		held, err := b.Store.BrokerHolder(ctx, s.config.Realm, key.Digest)
		if err != nil {
			return nil, refusalOf(err, v)
		}
		var topic string
		id, topic = s.identity(held)
		if !call.OnTrial() {
			b.Identities.Cache.Add(key, schemes.Subject{Realm: s.config.Realm, ID: topic}, id, id.Expiry, held.Revision)
		}
	}
	if !v.is(id.Kind) {
		return nil, notAuthorized(schemes.BadCredential, errOtherAPI)
	}
	return id, nil
}

// identity is that of who holds a good token, and the subject whose changes end it.
func (s *Scheme) identity(held tokenstore.BrokerHolder) (id *schemes.Identity, topic string) {
	id = &schemes.Identity{
		Scheme: Name, Realm: s.config.Realm, Kind: kindOf(held.Token.Kind),
		Accessor: held.Token.Accessor, Expiry: held.Token.ExpiresAt,
	}
	if !held.Token.RotatedAt.IsZero() {
		id.Old = schemes.Rotated
	}
	if id.Kind == kindContributor {
		describeConnector(id, held.Connector)
		return id, tokenstore.BrokerEntityTopic(held.Connector.Entity)
	}
	describeUser(id, held.User)
	h := &holder{user: held.User.ID}
	if id.Kind == kindConsumer {
		h.policy, h.life = held.Access.Policy, held.Access.Life
	}
	id.Session = h
	return id, tokenstore.BrokerUserTopic(held.User.ID)
}

func describeConnector(id *schemes.Identity, connector tokenstore.BrokerConnector) {
	id.Subject = connector.Entity + "/" + connector.Slug
	id.Name = id.Subject
	id.Session = &holder{connector: connector.Slug, contribution: connector.Contribution}
}

func describeUser(id *schemes.Identity, user tokenstore.BrokerUser) {
	id.Subject = strconv.FormatUint(user.ID, 10)
	id.Name = cmp.Or(user.Email, fmt.Sprintf("user %d", user.ID))
}

// refusalOf is the refusal of a token by what the store says of it. What is of another API is
// so whether it is good or not.
func refusalOf(err error, v *visit) *schemes.Refusal {
	var ended *tokenstore.EndedError
	switch {
	case errors.Is(err, tokenstore.ErrNotFound):
		return notAuthorized(schemes.BadCredential, errUnknown)
	case errors.Is(err, tokenstore.ErrConnectorGone) && v.is(kindContributor):
		return missing(err)
	case errors.Is(err, tokenstore.ErrConnectorGone):
		return notAuthorized(schemes.BadCredential, errOtherAPI)
	case !errors.As(err, &ended):
		return schemes.Unavailable(err)
	case !v.is(kindOf(ended.Token.Kind)):
		return notAuthorized(schemes.BadCredential, errOtherAPI)
	case ended.Reason == tokenstore.Expired:
		return notAuthorized(schemes.EndedCredential, err)
	}
	return forbidden(schemes.EndedCredential, err)
}
