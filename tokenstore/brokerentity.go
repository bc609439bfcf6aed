package tokenstore

import (
	"cmp"
	"context"
	"errors"
	"time"
)

// BrokerEntity is an entity type of a BitBroker. As with a policy, its life counts: of an
// entity that was deleted and made anew it has no connectors.
type BrokerEntity struct {
	Realm     string    `cbor:"1,keyasint"`
	Slug      string    `cbor:"2,keyasint"`
	Life      uint64    `cbor:"3,keyasint"`
	Gone      bool      `cbor:"4,keyasint,omitempty"`
	Document  []byte    `cbor:"5,keyasint,omitempty"` // as of a policy
	EndedAt   uint64    `cbor:"6,keyasint,omitempty"` // as of a policy
	CreatedAt time.Time `cbor:"7,keyasint"`
	UpdatedAt time.Time `cbor:"8,keyasint"`
	UpdatedBy string    `cbor:"9,keyasint,omitempty"`
}

// whole tells whether a stored entity type is complete.
func (e BrokerEntity) whole() bool { return e.Realm != "" && e.Slug != "" && e.Life > 0 }

func brokerEntityKey(realm, slug string) []byte {
	return append(realmPrefix(keyBrokerEntity, realm), slug...)
}

// CreateBrokerEntity stores a new entity type. ErrExists, ErrInvalid.
func (s *Store) CreateBrokerEntity(ctx context.Context, realm, slug string, document []byte, actor string) (BrokerEntity, error) {
	if err := cmp.Or(ValidRealm(realm), checkSlug(slug), checkDocument(document)); err != nil {
		return BrokerEntity{}, err
	}
	var entity BrokerEntity
	err := s.update(ctx, func(t *transaction) error {
		old, err := brokerEntityBySlug(t, realm, slug)
		switch {
		case err == nil && !old.Gone:
			return existsError{"an entity type of that slug exists"}
		case err != nil && !errors.Is(err, ErrNotFound):
			return err
		}
		entity = old.anew(realm, slug, t.now)
		entity.Document = document
		return t.keepBrokerEntity(&entity, actor, "createEntity")
	})
	if err != nil {
		return BrokerEntity{}, err
	}
	return entity, nil
}

// anew is the next life of an entity type that is gone, or the first one of the zero one.
func (e BrokerEntity) anew(realm, slug string, now time.Time) BrokerEntity {
	return BrokerEntity{Realm: realm, Slug: slug, Life: e.Life + 1, EndedAt: e.EndedAt, CreatedAt: now}
}

// BrokerEntity returns an entity type. ErrNotFound.
func (s *Store) BrokerEntity(ctx context.Context, realm, slug string) (BrokerEntity, error) {
	var entity BrokerEntity
	err := s.driver.View(ctx, func(r Reader) (err error) {
		entity, err = liveBrokerEntity(r, realm, slug)
		return err
	})
	return entity, err
}

// BrokerEntities returns up to limit entity types in the order of their slugs, after the given
// one; next is empty at the end.
func (s *Store) BrokerEntities(ctx context.Context, realm, after string, limit int) (entities []BrokerEntity, next string, err error) {
	err = s.driver.View(ctx, func(r Reader) (err error) {
		from := cursor(func(slug string) []byte { return brokerEntityKey(realm, slug) }, after)
		entities, err = scanSome(r, realmPrefix(keyBrokerEntity, realm), from, limit, func(entry Entry) (entity BrokerEntity, ok bool, err error) {
			err = decode(entry.Value, versionBrokerEntity, &entity)
			return entity, !entity.Gone, err
		})
		return err
	})
	if err != nil {
		return nil, "", err
	}
	if len(entities) == limit {
		next = entities[limit-1].Slug
	}
	return entities, next, nil
}

// UpdateBrokerEntity replaces an entity type's document. ErrNotFound, ErrInvalid.
func (s *Store) UpdateBrokerEntity(ctx context.Context, realm, slug string, document []byte, actor string) (BrokerEntity, error) {
	if err := checkDocument(document); err != nil {
		return BrokerEntity{}, err
	}
	var entity BrokerEntity
	err := s.update(ctx, func(t *transaction) (err error) {
		if entity, err = liveBrokerEntity(t, realm, slug); err != nil {
			return err
		}
		entity.Document = document
		return t.keepBrokerEntity(&entity, actor, "updateEntity")
	})
	if err != nil {
		return BrokerEntity{}, err
	}
	return entity, nil
}

// DeleteBrokerEntity deletes an entity type with its connectors, and ends their tokens.
// ErrNotFound.
func (s *Store) DeleteBrokerEntity(ctx context.Context, realm, slug, actor string) error {
	return s.update(ctx, func(t *transaction) error {
		entity, err := liveBrokerEntity(t, realm, slug)
		if err != nil {
			return err
		}
		return t.endBrokerEntity(&entity, actor)
	})
}

// endBrokerEntity makes an entity type gone, also one that is gone already or was noted just
// now. That ends all its connectors and their tokens, without a record of each.
func (t *transaction) endBrokerEntity(entity *BrokerEntity, actor string) error {
	var err error
	if entity.EndedAt, err = t.nextInSequence(entity.Realm); err != nil {
		return err
	}
	entity.Gone, entity.Document = true, nil
	return t.keepBrokerEntity(entity, actor, "deleteEntity")
}

func (t *transaction) keepBrokerEntity(entity *BrokerEntity, actor, action string) error {
	entity.UpdatedAt, entity.UpdatedBy = t.now, actor
	if err := put(t, brokerEntityKey(entity.Realm, entity.Slug), versionBrokerEntity, *entity); err != nil {
		return err
	}
	if err := t.audit(AuditEntry{Actor: actor, Action: action, Realm: entity.Realm, Name: entity.Slug}); err != nil {
		return err
	}
	return t.changed(entity.Realm, BrokerEntityTopic(entity.Slug))
}

// brokerEntityBySlug reads an entity type, also one that is gone.
func brokerEntityBySlug(r Reader, realm, slug string) (BrokerEntity, error) {
	var entity BrokerEntity
	if checkSlug(slug) != nil {
		return entity, ErrNotFound
	}
	return entity, get(r, brokerEntityKey(realm, slug), versionBrokerEntity, &entity)
}

func liveBrokerEntity(r Reader, realm, slug string) (BrokerEntity, error) {
	entity, err := brokerEntityBySlug(r, realm, slug)
	if err == nil && entity.Gone {
		return BrokerEntity{}, ErrNotFound
	}
	return entity, err
}
