package tokenstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// BrokerConnector is a data connector on an entity type: the head record of its contributor
// token.
type BrokerConnector struct {
	Realm  string `cbor:"1,keyasint"`
	Entity string `cbor:"2,keyasint"` // its slug
	Slug   string `cbor:"3,keyasint"` // one of a realm, whatever the entity type
	// Life of the entity type that it is on.
	Life uint64 `cbor:"4,keyasint"`
	// Gone says that the connector was deleted. One of an entity type that is gone is gone
	// too, whatever it says.
	Gone bool `cbor:"5,keyasint,omitempty"`
	// Contribution is its id on the contributor API: 40 hexadecimal digits, the same for the
	// same names.
	Contribution string     `cbor:"6,keyasint,omitempty"`
	Document     []byte     `cbor:"7,keyasint,omitempty"` // as of a policy
	Live         bool       `cbor:"8,keyasint,omitempty"`
	Seat         BrokerSeat `cbor:"9,keyasint,omitzero"`
	EndedAt      uint64     `cbor:"10,keyasint,omitempty"` // as of a policy
	EndedOn      time.Time  `cbor:"11,keyasint,omitzero"`  // as of a policy
	CreatedAt    time.Time  `cbor:"12,keyasint"`
	UpdatedAt    time.Time  `cbor:"13,keyasint"`
	UpdatedBy    string     `cbor:"14,keyasint,omitempty"`
}

// whole tells whether a stored connector is complete.
func (c BrokerConnector) whole() bool {
	return c.Realm != "" && c.Entity != "" && c.Slug != "" && c.Life > 0 && c.Seat.whole() && (c.Gone || c.Contribution != "")
}

// name is what people call the connector.
func (c BrokerConnector) name() string { return c.Entity + "/" + c.Slug }

func brokerConnectorKey(realm, slug string) []byte {
	return append(realmPrefix(keyBrokerConnector, realm), slug...)
}

func contributionKey(realm, contribution string) []byte {
	return append(realmPrefix(keyContribution, realm), contribution...)
}

// isContribution takes the ids of the contributor API: an SHA-1 in lower-case hexadecimal.
func isContribution(id string) bool {
	return len(id) == 40 && strings.Trim(id, "0123456789abcdef") == ""
}

// CreateBrokerConnector stores a new connector with a token. ErrNotFound for the entity type,
// ErrExists if there is a connector of the slug, on whatever entity type, ErrInvalid.
func (s *Store) CreateBrokerConnector(ctx context.Context, realm, entity, slug, contribution string, document []byte, token NewBrokerToken, actor string) (BrokerConnector, error) {
	if err := cmp.Or(ValidRealm(realm), checkSlug(slug), checkDocument(document)); err != nil {
		return BrokerConnector{}, err
	}
	var connector BrokerConnector
	err := s.update(ctx, func(t *transaction) error {
		on, err := liveBrokerEntity(t, realm, entity)
		if err != nil {
			return err
		}
		old, end, err := t.connectorOrNote(on, slug)
		if err != nil {
			return err
		}
		if !end.gone {
			return existsError{"a connector of that slug exists"}
		}
		if connector, err = t.connectorAnew(old, on, slug); err != nil {
			return err
		}
		connector.Contribution, connector.Document = contribution, document
		if err := t.give(realm, &connector.Seat, token, ContributorToken, Broker{Entity: entity, Connector: slug}, 0, actor); err != nil {
			return err
		}
		return t.keepBrokerConnector(&connector, AuditEntry{Actor: actor, Action: "createConnector", Accessor: token.Accessor})
	})
	if err != nil {
		return BrokerConnector{}, err
	}
	return connector, nil
}

// connectorOrNote reads the connector of a slug, with how it ended. Where there never was one,
// it is the zero connector, which is gone.
func (t *transaction) connectorOrNote(on BrokerEntity, slug string) (BrokerConnector, connectorEnd, error) {
	old, end, err := brokerConnectorBySlug(t, on.Realm, slug)
	if errors.Is(err, ErrNotFound) {
		return BrokerConnector{}, connectorEnd{gone: true}, nil
	}
	return old, end, err
}

// connectorAnew is a connector of an entity type in the place of one of its slug that is gone,
// or of none, with an empty seat. What ended the one before is not forgotten.
func (t *transaction) connectorAnew(old BrokerConnector, on BrokerEntity, slug string) (BrokerConnector, error) {
	c := BrokerConnector{
		Realm: on.Realm, Entity: on.Slug, Slug: slug, Life: on.Life, EndedAt: old.EndedAt, EndedOn: old.EndedOn, CreatedAt: t.now,
	}
	if old.Slug == "" || old.Gone {
		return c, nil
	}
	// It went with its entity type, of which it says nothing itself.
	if err := t.vacate(on.Realm, &old.Seat); err != nil {
		return c, err
	}
	entity, err := brokerEntityBySlug(t, on.Realm, old.Entity)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return c, err
	}
	c.EndedAt, c.EndedOn = max(old.EndedAt, entity.EndedAt), later(old.EndedOn, t.now)
	return c, nil
}

// BrokerConnector returns a connector of an entity type. ErrNotFound.
func (s *Store) BrokerConnector(ctx context.Context, realm, entity, slug string) (BrokerConnector, error) {
	var connector BrokerConnector
	err := s.driver.View(ctx, func(r Reader) (err error) {
		connector, err = liveBrokerConnector(r, realm, entity, slug)
		return err
	})
	return connector, err
}

// ContributionConnector returns the connector that has an id on the contributor API, and the
// revision at which it was read, also with an error. ErrNotFound, also for one that is gone.
func (s *Store) ContributionConnector(ctx context.Context, realm, contribution string) (BrokerConnector, Revision, error) {
	var (
		connector BrokerConnector
		revision  Revision
	)
	err := s.driver.View(ctx, func(r Reader) (err error) {
		revision = r.Revision()
		connector, err = contributionConnector(r, realm, contribution)
		return err
	})
	return connector, revision, err
}

func contributionConnector(r Reader, realm, contribution string) (BrokerConnector, error) {
	var at index
	if !isContribution(contribution) {
		return BrokerConnector{}, ErrNotFound
	}
	if err := get(r, contributionKey(realm, contribution), versionIndex, &at); err != nil {
		return BrokerConnector{}, err
	}
	connector, end, err := brokerConnectorBySlug(r, realm, at.ID)
	if err == nil && (end.gone || connector.Contribution != contribution) {
		return BrokerConnector{}, ErrNotFound
	}
	return connector, err
}

// BrokerConnectors returns up to limit connectors of an entity type in the order of their
// slugs, after the given one; next is empty at the end. ErrNotFound for the entity type.
func (s *Store) BrokerConnectors(ctx context.Context, realm, entity, after string, limit int) (connectors []BrokerConnector, next string, err error) {
	err = s.driver.View(ctx, func(r Reader) error {
		on, err := liveBrokerEntity(r, realm, entity)
		if err != nil {
			return err
		}
		from := cursor(func(slug string) []byte { return brokerConnectorKey(realm, slug) }, after)
		connectors, err = scanSome(r, realmPrefix(keyBrokerConnector, realm), from, limit, func(entry Entry) (c BrokerConnector, ok bool, err error) {
			err = decode(entry.Value, versionBrokerConnector, &c)
			return c, c.Entity == on.Slug && c.Life == on.Life && !c.Gone, err
		})
		return err
	})
	if err != nil {
		return nil, "", err
	}
	if len(connectors) == limit {
		next = connectors[limit-1].Slug
	}
	return connectors, next, nil
}

// UpdateBrokerConnector replaces a connector's document; its token stays. ErrNotFound,
// ErrInvalid.
func (s *Store) UpdateBrokerConnector(ctx context.Context, realm, entity, slug string, document []byte, actor string) (BrokerConnector, error) {
	if err := checkDocument(document); err != nil {
		return BrokerConnector{}, err
	}
	var connector BrokerConnector
	err := s.update(ctx, func(t *transaction) (err error) {
		if connector, err = liveBrokerConnector(t, realm, entity, slug); err != nil {
			return err
		}
		connector.Document = document
		return t.keepBrokerConnector(&connector, AuditEntry{Actor: actor, Action: "updateConnector"})
	})
	if err != nil {
		return BrokerConnector{}, err
	}
	return connector, nil
}

// SetBrokerConnectorLive makes a connector's data seen, or not. Saying it again changes
// nothing. ErrNotFound.
func (s *Store) SetBrokerConnectorLive(ctx context.Context, realm, entity, slug string, live bool, actor string) error {
	return s.update(ctx, func(t *transaction) error {
		connector, err := liveBrokerConnector(t, realm, entity, slug)
		if err != nil || connector.Live == live {
			return err
		}
		connector.Live = live
		entry := AuditEntry{Actor: actor, Action: "updateConnector", Detail: "live"}
		if !live {
			entry.Detail = "not live"
		}
		return t.keepBrokerConnector(&connector, entry)
	})
}

// RotateBrokerConnector gives a connector a new token, in front of a BitBroker too. The one
// before ends after overlap, as of an access. ErrNotFound, ErrInvalid.
func (s *Store) RotateBrokerConnector(ctx context.Context, realm, entity, slug string, token NewBrokerToken, overlap time.Duration, actor string) error {
	return s.update(ctx, func(t *transaction) error {
		connector, err := liveBrokerConnector(t, realm, entity, slug)
		if err != nil {
			return err
		}
		if err := t.give(realm, &connector.Seat, token, ContributorToken, Broker{Entity: entity, Connector: slug}, overlap, actor); err != nil {
			return err
		}
		return t.keepBrokerConnector(&connector, AuditEntry{
			Actor: actor, Action: "rotateConnector", Accessor: token.Accessor, Detail: fmt.Sprintf("old tokens expire within %s", overlap),
		})
	})
}

// DeleteBrokerConnector deletes a connector and ends its tokens. ErrNotFound.
func (s *Store) DeleteBrokerConnector(ctx context.Context, realm, entity, slug, actor string) error {
	return s.update(ctx, func(t *transaction) error {
		connector, err := liveBrokerConnector(t, realm, entity, slug)
		if err != nil {
			return err
		}
		return t.endBrokerConnector(&connector, actor)
	})
}

// endBrokerConnector makes a connector gone and ends its tokens, also one that is gone already
// or was noted just now.
func (t *transaction) endBrokerConnector(connector *BrokerConnector, actor string) error {
	if err := t.vacate(connector.Realm, &connector.Seat); err != nil {
		return err
	}
	var err error
	if connector.EndedAt, err = t.nextInSequence(connector.Realm); err != nil {
		return err
	}
	connector.Gone, connector.Live, connector.Document = true, false, nil
	connector.EndedOn = later(connector.EndedOn, t.now)
	return t.keepBrokerConnector(connector, AuditEntry{Actor: actor, Action: "deleteConnector"})
}

// keepBrokerConnector stores a connector, with the way from its id on the contributor API, and
// audits and announces the change.
func (t *transaction) keepBrokerConnector(connector *BrokerConnector, entry AuditEntry) error {
	if !connector.Gone {
		if err := t.keepContribution(*connector); err != nil {
			return err
		}
	}
	connector.UpdatedAt, connector.UpdatedBy = t.now, entry.Actor
	if err := put(t, brokerConnectorKey(connector.Realm, connector.Slug), versionBrokerConnector, *connector); err != nil {
		return err
	}
	entry.Realm, entry.Subject, entry.Name = connector.Realm, connector.name(), connector.name()
	if err := t.audit(entry); err != nil {
		return err
	}
	return t.changed(connector.Realm, BrokerEntityTopic(connector.Entity))
}

// keepContribution leads from an id on the contributor API to its connector. An id that is
// another connector's would give it that one's calls.
func (t *transaction) keepContribution(connector BrokerConnector) error {
	if !isContribution(connector.Contribution) {
		return fmt.Errorf("%w: a contribution id has 40 digits in lower-case hexadecimal", ErrInvalid)
	}
	other, err := contributionConnector(t, connector.Realm, connector.Contribution)
	switch {
	case err == nil && other.Slug == connector.Slug:
		return nil
	case err == nil:
		return fmt.Errorf("%w: this contribution id is connector %s's", ErrInvalid, other.name())
	case !errors.Is(err, ErrNotFound):
		return err
	}
	return put(t, contributionKey(connector.Realm, connector.Contribution), versionIndex, index{ID: connector.Slug})
}

// connectorEnd tells whether a connector is gone, with its entity type or without, and when
// that was; zero if nobody knows.
type connectorEnd struct {
	gone bool
	at   time.Time
}

// brokerConnectorBySlug reads a connector, also one that is gone.
func brokerConnectorBySlug(r Reader, realm, slug string) (BrokerConnector, connectorEnd, error) {
	var connector BrokerConnector
	if checkSlug(slug) != nil {
		return connector, connectorEnd{}, ErrNotFound
	}
	if err := get(r, brokerConnectorKey(realm, slug), versionBrokerConnector, &connector); err != nil {
		return connector, connectorEnd{}, err
	}
	if connector.Gone {
		return connector, connectorEnd{true, connector.EndedOn}, nil
	}
	entity, err := brokerEntityBySlug(r, realm, connector.Entity)
	switch {
	case errors.Is(err, ErrNotFound):
		return connector, connectorEnd{gone: true}, nil
	case err != nil:
		return connector, connectorEnd{}, err
	case entity.Gone:
		return connector, connectorEnd{true, entity.UpdatedAt}, nil
	case entity.Life != connector.Life:
		return connector, connectorEnd{true, entity.CreatedAt}, nil
	}
	return connector, connectorEnd{}, nil
}

func liveBrokerConnector(r Reader, realm, entity, slug string) (BrokerConnector, error) {
	connector, end, err := brokerConnectorBySlug(r, realm, slug)
	if err == nil && (end.gone || connector.Entity != entity) {
		return BrokerConnector{}, ErrNotFound
	}
	return connector, err
}
