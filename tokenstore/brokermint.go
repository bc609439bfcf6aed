package tokenstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
)

// NewMint is a token that a BitBroker asks for before it says whose it is.
type NewMint struct {
	NewBrokerToken
	Kind TokenKind // CoordinatorToken, ContributorToken or ConsumerToken
	// Audience is the slug of the policy or connector; empty for a coordinator's.
	Audience string
	// NotAfter bounds the token's life besides its Lifetime; zero: not.
	NotAfter time.Time
}

// mintLifetime is for how long a minted token waits to be bound. A BitBroker answers its caller
// within seconds.
const mintLifetime = 10 * time.Minute

// check finds what no BitBroker asks for.
func (n NewMint) check() error {
	switch n.Kind {
	case CoordinatorToken:
		if n.Audience != "" {
			return fmt.Errorf("%w: a coordinator's token has no audience", ErrInvalid)
		}
	case ContributorToken, ConsumerToken:
		if err := checkSlug(n.Audience); err != nil {
			return err
		}
	default:
		return fmt.Errorf("%w: a %s is nothing that a BitBroker asks for", ErrInvalid, n.Kind)
	}
	if !n.NotAfter.IsZero() && (n.NotAfter.Year() < 1970 || n.NotAfter.Year() >= 9999) {
		return fmt.Errorf("%w: a token ends after 1970 and before the year 9999", ErrInvalid)
	}
	return n.NewBrokerToken.check()
}

// MintBrokerToken stores a token that is nobody's yet, and good for nothing until it is bound.
// ErrExists if there is a token of the accessor, or one was rescinded, ErrInvalid.
func (s *Store) MintBrokerToken(ctx context.Context, realm string, mint NewMint, actor string) error {
	if err := cmp.Or(ValidRealm(realm), mint.check()); err != nil {
		return err
	}
	if !mint.NotAfter.IsZero() {
		mint.NotAfter = mint.NotAfter.UTC().Truncate(time.Second)
	}
	return s.update(ctx, func(t *transaction) error {
		if err := t.vacantKey(realm, mint.Accessor); err != nil {
			return err
		}
		e, err := epoch(t, realm)
		if err != nil {
			return err
		}
		head, err := headOf(t, realm)
		if err != nil {
			return err
		}
		broker := Broker{
			// What the next deletion gets, too. The head is not written: two mints
			// would contend for it, and of those nobody asks which was first.
			Minted: head.Sequence + 1, Pending: true,
			Audience: mint.Audience, Lifetime: mint.Lifetime, NotAfter: mint.NotAfter,
		}
		if err := t.addToken(mint.Digest, Token{
			Accessor: mint.Accessor, Realm: realm, Subject: broker.subject(), Epoch: e.Number, Kind: mint.Kind, CreatedBy: actor,
			CreatedAt: t.now, IssuedAt: t.now, ExpiresAt: earlier(t.now.Add(mintLifetime), mint.NotAfter), Broker: broker,
		}); err != nil {
			return err
		}
		return t.audit(AuditEntry{
			Actor: actor, Action: "mintToken", Realm: realm, Accessor: mint.Accessor, Detail: mint.detail(),
		})
	})
}

func (n NewMint) detail() string {
	if n.Audience == "" {
		return n.Kind.String()
	}
	return n.Kind.String() + " for " + n.Audience
}

// vacantKey returns ErrExists if a token has an accessor, or one of that key id is over.
func (t *transaction) vacantKey(realm, accessor string) error {
	for _, key := range [][]byte{accessorKey(accessor), rescindedKey(realm, accessor)} {
		switch _, err := t.Get(key); {
		case err == nil:
			return existsError{"a token of that id exists, or was rescinded"}
		case !errors.Is(err, ErrNotFound):
			return err
		}
	}
	return nil
}

// binding is where a minted token is going to sit.
type binding struct {
	// seat of its holder; nil if the token was minted before the holder ended.
	seat *BrokerSeat
	// keep stores the holder, after the token was seated.
	keep func() error
}

// bind seats a minted token. who is its holder; find returns the holder's seat.
func (s *Store) bind(ctx context.Context, realm string, digest secret.Digest, kind TokenKind, who Broker, actor string, find func(*transaction, Token) (binding, error)) error {
	var over error
	err := s.update(ctx, func(t *transaction) (err error) {
		over, err = t.bind(realm, digest, kind, who, actor, find)
		return err
	})
	return cmp.Or(err, over)
}

// bind is Store.bind. That a token is over is no error of the transaction: its end is written.
func (t *transaction) bind(realm string, digest secret.Digest, kind TokenKind, who Broker, actor string, find func(*transaction, Token) (binding, error)) (over, err error) {
	var token Token
	if err := get(t, tokenKey(digest), versionToken, &token); err != nil {
		return nil, err
	}
	who.Minted, who.Audience = token.Broker.Minted, token.Broker.Audience
	who.Lifetime, who.NotAfter = token.Broker.Lifetime, token.Broker.NotAfter
	if token.Realm != realm || token.Kind != kind || token.Broker.Minted == 0 {
		return nil, ErrNotFound
	}
	e, err := epoch(t, realm)
	if err != nil {
		return nil, err
	}
	if !token.Broker.Pending {
		if token.Broker != who {
			return nil, ErrNotFound
		}
		return t.stillBound(realm, digest, token)
	}
	if end := token.end(t.now, e); end != nil {
		return end, nil
	}
	at, err := find(t, token)
	if err != nil {
		return nil, err
	}
	if at.seat == nil {
		token.RevokedAt = t.now
		if err := t.putToken(digest[:], token); err != nil {
			return nil, err
		}
		return &EndedError{Revoked, t.now, token}, t.audit(AuditEntry{
			Actor: actor, Action: "rescindToken", Realm: realm, Accessor: token.Accessor, Detail: "its holder ended after it was minted",
		})
	}
	token.Broker, token.Subject, token.IssuedAt = who, who.subject(), t.now
	token.ExpiresAt = earlier(expires(t.now, who.Lifetime), who.NotAfter)
	if err := t.yield(realm, at.seat, 0); err != nil {
		return nil, err
	}
	at.seat.Slots = append(at.seat.Slots, BrokerSlot{Accessor: token.Accessor, Digest: digest[:]})
	if err := t.putToken(digest[:], token); err != nil {
		return nil, err
	}
	return nil, at.keep()
}

// stillBound tells whether a token that was bound before is good.
func (t *transaction) stillBound(realm string, digest secret.Digest, token Token) (over, err error) {
	var ended *EndedError
	switch _, err := brokerHolderOf(t, realm, digest, t.now); {
	case err == nil:
		return nil, nil
	case errors.As(err, &ended):
		return ended, nil
	case errors.Is(err, ErrConnectorGone):
		return &EndedError{Revoked, t.now, token}, nil
	default:
		return nil, err
	}
}

// BindCoordinator makes a minted token the coordinator token of a user, and ends the one
// before. It notes users that it does not know. Binding it to the same again changes
// nothing. ErrNotFound if no such token was minted, or not for that; *EndedError if it is too
// late, as when the user was demoted or deleted after it was minted. ErrInvalid.
func (s *Store) BindCoordinator(ctx context.Context, realm string, digest secret.Digest, user uint64, actor string) error {
	if err := checkBrokerUserID(user); err != nil {
		return err
	}
	return s.bind(ctx, realm, digest, CoordinatorToken, Broker{User: user}, actor, func(t *transaction, token Token) (binding, error) {
		holder, err := t.notedUser(realm, user)
		if err != nil || token.Broker.Minted <= max(holder.EndedAt, holder.DemotedAt) {
			return binding{}, err
		}
		holder.Gone = false
		return binding{&holder.Coordinator, func() error {
			return t.keepBrokerUser(&holder, AuditEntry{Actor: actor, Action: "promoteCoordinator", Accessor: token.Accessor})
		}}, nil
	})
}

// BindAccess makes a minted token that of a user's access to a policy. As BindCoordinator.
func (s *Store) BindAccess(ctx context.Context, realm string, digest secret.Digest, user uint64, policy, actor string) error {
	if err := cmp.Or(checkBrokerUserID(user), checkSlug(policy)); err != nil {
		return err
	}
	return s.bind(ctx, realm, digest, ConsumerToken, Broker{User: user, Policy: policy}, actor, func(t *transaction, token Token) (binding, error) {
		if token.Broker.Audience != policy {
			return binding{}, ErrNotFound
		}
		holder, err := t.notedUser(realm, user)
		if err != nil {
			return binding{}, err
		}
		end, err := accessEndOf(t, realm, user, policy)
		if err != nil {
			return binding{}, err
		}
		to, err := noted(brokerPolicyBySlug(t, realm, policy))
		if err != nil || token.Broker.Minted <= max(holder.EndedAt, end.EndedAt, to.EndedAt) {
			return binding{}, err
		}
		if to.Life == 0 || to.Gone {
			limits := to.Limits // of the new one: its BitBroker said them before
			to = to.anew(realm, policy, t.now)
			to.Limits = limits
			if err := t.keepBrokerPolicy(&to, actor, "createPolicy"); err != nil {
				return binding{}, err
			}
		}
		holder.Gone = false
		entry := AuditEntry{Actor: actor, Action: "createAccess", Accessor: token.Accessor, Detail: "policy " + policy}
		if i, found := holder.access(policy); found && holder.Accesses[i].Life == to.Life {
			entry.Action = "reissueAccess"
		}
		seat, err := t.seatForAccess(&holder, to)
		return binding{seat, func() error { return t.keepBrokerUser(&holder, entry) }}, err
	})
}

// BindConnector makes a minted token that of a connector with its id on the contributor API.
// Tokens of the connector that a BitBroker issued before the gateway came are over: it was made
// just now. As BindCoordinator.
func (s *Store) BindConnector(ctx context.Context, realm string, digest secret.Digest, entity, connector, contribution, actor string) error {
	if err := cmp.Or(checkSlug(entity), checkSlug(connector)); err != nil {
		return err
	}
	who := Broker{Entity: entity, Connector: connector}
	return s.bind(ctx, realm, digest, ContributorToken, who, actor, func(t *transaction, token Token) (binding, error) {
		if token.Broker.Audience != connector {
			return binding{}, ErrNotFound
		}
		on, err := noted(brokerEntityBySlug(t, realm, entity))
		if err != nil {
			return binding{}, err
		}
		old, end, err := brokerConnectorBySlug(t, realm, connector)
		if old, err = noted(old, err); err != nil || token.Broker.Minted <= max(on.EndedAt, old.EndedAt) {
			return binding{}, err
		}
		if on.Life == 0 || on.Gone {
			on = on.anew(realm, entity, t.now)
			if err := t.keepBrokerEntity(&on, actor, "createEntity"); err != nil {
				return binding{}, err
			}
		}
		holder := old
		if end.gone || old.Entity != entity {
			if holder, err = t.connectorAnew(old, on, connector); err != nil {
				return binding{}, err
			}
		}
		// One that was on another entity type is not there any more.
		if old.Entity != "" && old.Entity != entity {
			if err := t.changed(realm, BrokerEntityTopic(old.Entity)); err != nil {
				return binding{}, err
			}
		}
		holder.Contribution, holder.EndedOn = contribution, later(holder.EndedOn, token.CreatedAt)
		return binding{&holder.Seat, func() error {
			return t.keepBrokerConnector(&holder, AuditEntry{Actor: actor, Action: "createConnector", Accessor: token.Accessor})
		}}, nil
	})
}

// noted is a record that was read; the zero one if there is none.
func noted[T any](record T, err error) (T, error) {
	if errors.Is(err, ErrNotFound) {
		var none T
		return none, nil
	}
	return record, err
}

// notedUser is a user of a BitBroker, also one that is gone, or that was not known before.
func (t *transaction) notedUser(realm string, id uint64) (BrokerUser, error) {
	user, err := noted(brokerUserByID(t, realm, id))
	if user.ID == 0 {
		user = BrokerUser{Realm: realm, ID: id, CreatedAt: t.now}
	}
	return user, err
}

// maxBrokerUser is the greatest id of a user that a coordinator API takes: eight digits.
const maxBrokerUser = 99_999_999

func checkBrokerUserID(id uint64) error {
	if id == 0 || id > maxBrokerUser {
		return fmt.Errorf("%w: the id of a user is 1 to %d", ErrInvalid, maxBrokerUser)
	}
	return nil
}
