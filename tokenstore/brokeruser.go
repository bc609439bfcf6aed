package tokenstore

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// BrokerUser is a user of a BitBroker: the head record of its coordinator token and of the
// tokens of its accesses.
type BrokerUser struct {
	Realm string `cbor:"1,keyasint"`
	// ID counts from 1 and is never used again. In front of a BitBroker it is that one's.
	ID uint64 `cbor:"2,keyasint"`
	// Gone says that the user was deleted. The record stays, so that nothing that was made
	// for it before can be bound to it after.
	Gone bool `cbor:"3,keyasint,omitempty"`
	// Email in lower case; empty in front of a BitBroker, which does not say it.
	Email string `cbor:"4,keyasint,omitempty"`
	// Document is what else the coordinator API says of the user, as JSON; it is not looked
	// at here.
	Document []byte `cbor:"5,keyasint,omitempty"`
	// Coordinator is the seat of its coordinator token; nobody's if it is no coordinator.
	Coordinator BrokerSeat `cbor:"6,keyasint,omitzero"`
	// Accesses are in the order of their policies' slugs.
	Accesses []BrokerAccess `cbor:"7,keyasint,omitempty"`
	// EndedAt is the number in the realm's sequence at which the user was deleted last, and
	// DemotedAt that at which it was demoted last: what was minted before is not bound to it.
	EndedAt   uint64    `cbor:"8,keyasint,omitempty"`
	DemotedAt uint64    `cbor:"9,keyasint,omitempty"`
	CreatedAt time.Time `cbor:"10,keyasint"`
	UpdatedAt time.Time `cbor:"11,keyasint"`
	UpdatedBy string    `cbor:"12,keyasint,omitempty"`
}

// BrokerAccess is a user's access to a policy's data.
type BrokerAccess struct {
	Policy string `cbor:"1,keyasint"` // its slug
	// Life of the policy to which the access is: of a policy that was deleted and made anew
	// it is none.
	Life      uint64     `cbor:"2,keyasint"`
	Seat      BrokerSeat `cbor:"3,keyasint"`
	CreatedAt time.Time  `cbor:"4,keyasint"`
}

// The errors of BitBroker's registry, beside ErrNotFound, ErrExists and ErrInvalid.
var (
	// ErrNoCoordinator says that a user is not a coordinator.
	ErrNoCoordinator = errors.New("the user is not a coordinator")
	// ErrLastCoordinator says that there would be no coordinator left.
	ErrLastCoordinator = errors.New("the last coordinator stays one")
)

// Bounds of a user.
const (
	maxEmail    = 256 // bytes
	maxAccesses = 2000
	// maxDocument is the length of what a coordinator API says of one thing, in bytes. With
	// all accesses that a user may have, the record still fits into a driver's value.
	maxDocument = 512 << 10
)

// whole tells whether a stored user is complete.
func (u BrokerUser) whole() bool {
	if u.Realm == "" || u.ID == 0 || !u.Coordinator.whole() {
		return false
	}
	for i, access := range u.Accesses {
		if access.Policy == "" || access.Life == 0 || !access.Seat.whole() || i > 0 && access.Policy <= u.Accesses[i-1].Policy {
			return false
		}
	}
	return true
}

// access finds the user's access to a policy, of whatever life; i is where it is, or belongs.
func (u *BrokerUser) access(policy string) (i int, found bool) {
	return slices.BinarySearchFunc(u.Accesses, policy, func(access BrokerAccess, policy string) int {
		return cmp.Compare(access.Policy, policy)
	})
}

// name is what people call the user.
func (u *BrokerUser) name() string {
	if u.Email != "" {
		return u.Email
	}
	return "user " + strconv.FormatUint(u.ID, 10)
}

func brokerUserKey(realm string, id uint64) []byte {
	return binary.BigEndian.AppendUint64(realmPrefix(keyBrokerUser, realm), id)
}

func brokerEmailKey(realm, email string) []byte {
	return append(realmPrefix(keyBrokerEmail, realm), email...)
}

// CreateBrokerUser stores a new user of an email address, which must be in lower case, and
// gives it the next id. ErrExists if the address has one, ErrInvalid.
func (s *Store) CreateBrokerUser(ctx context.Context, realm, email string, document []byte, actor string) (BrokerUser, error) {
	if err := cmp.Or(ValidRealm(realm), checkEmail(email), checkDocument(document)); err != nil {
		return BrokerUser{}, err
	}
	var user BrokerUser
	err := s.update(ctx, func(t *transaction) error {
		key := brokerEmailKey(realm, email)
		switch err := get(t, key, versionIndex, &index{}); {
		case err == nil:
			return existsError{"a user of that email address exists"}
		case !errors.Is(err, ErrNotFound):
			return err
		}
		id, err := t.nextUser(realm)
		if err != nil {
			return err
		}
		if err := put(t, key, versionIndex, index{ID: strconv.FormatUint(id, 10)}); err != nil {
			return err
		}
		user = BrokerUser{Realm: realm, ID: id, Email: email, Document: document, CreatedAt: t.now}
		return t.keepBrokerUser(&user, AuditEntry{Actor: actor, Action: "createUser"})
	})
	if err != nil {
		return BrokerUser{}, err
	}
	return user, nil
}

// nextUser gives out an id. Those noted in front of a BitBroker, if there was one before, are
// taken.
func (t *transaction) nextUser(realm string) (uint64, error) {
	head, err := headOf(t, realm)
	if err != nil {
		return 0, err
	}
	for {
		id := head.NextUser
		head.NextUser++
		_, err := t.Get(brokerUserKey(realm, id))
		if errors.Is(err, ErrNotFound) {
			return id, t.putHead(realm, head)
		}
		if err != nil {
			return 0, err
		}
	}
}

// checkEmail takes any text that can be a key, in the one case that addresses are kept in.
func checkEmail(email string) error {
	if email == "" || len(email) > maxEmail || !utf8.ValidString(email) || strings.ContainsFunc(email, func(r rune) bool {
		return unicode.IsControl(r) || 'A' <= r && r <= 'Z'
	}) {
		return fmt.Errorf("%w: an email address has 1 to %d bytes in lower case, without control characters", ErrInvalid, maxEmail)
	}
	return nil
}

func checkDocument(document []byte) error {
	if len(document) > maxDocument {
		return fmt.Errorf("%w: what is said of one thing has at most %d bytes", ErrInvalid, maxDocument)
	}
	return nil
}

// BrokerUser returns a user by its id. Accesses to policies that are gone are left out.
// ErrNotFound.
func (s *Store) BrokerUser(ctx context.Context, realm string, id uint64) (BrokerUser, error) {
	var user BrokerUser
	err := s.driver.View(ctx, func(r Reader) (err error) {
		if user, err = liveBrokerUser(r, realm, id); err != nil {
			return err
		}
		return newPolicyLives(r, realm).leaveOut(&user)
	})
	if err != nil {
		return BrokerUser{}, err
	}
	return user, nil
}

// BrokerUserByEmail returns a user by its email address, in lower case. ErrNotFound.
func (s *Store) BrokerUserByEmail(ctx context.Context, realm, email string) (BrokerUser, error) {
	if checkEmail(email) != nil {
		return BrokerUser{}, ErrNotFound
	}
	var user BrokerUser
	err := s.driver.View(ctx, func(r Reader) error {
		var at index
		if err := get(r, brokerEmailKey(realm, email), versionIndex, &at); err != nil {
			return err
		}
		id, err := strconv.ParseUint(at.ID, 10, 64)
		if err != nil {
			return fmt.Errorf("%w: the id of a user", ErrRecord)
		}
		if user, err = liveBrokerUser(r, realm, id); err != nil {
			return err
		}
		return newPolicyLives(r, realm).leaveOut(&user)
	})
	if err != nil {
		return BrokerUser{}, err
	}
	return user, nil
}

// BrokerUsers returns up to limit users in the order of their ids, after the given one; next
// is 0 at the end.
func (s *Store) BrokerUsers(ctx context.Context, realm string, after uint64, limit int) (users []BrokerUser, next uint64, err error) {
	err = s.driver.View(ctx, func(r Reader) (err error) {
		lives := newPolicyLives(r, realm)
		users, err = scanSome(r, realmPrefix(keyBrokerUser, realm), brokerUserKey(realm, after), limit, func(entry Entry) (BrokerUser, bool, error) {
			var user BrokerUser
			if err := decode(entry.Value, versionBrokerUser, &user); err != nil || user.Gone {
				return user, false, err
			}
			return user, true, lives.leaveOut(&user)
		})
		return err
	})
	if err != nil {
		return nil, 0, err
	}
	if len(users) == limit {
		next = users[limit-1].ID
	}
	return users, next, nil
}

// scanSome returns up to limit values, of the records after a key that take accepts.
func scanSome[T any](r Reader, prefix, after []byte, limit int, take func(Entry) (T, bool, error)) ([]T, error) {
	var list []T
	for {
		found, err := r.Scan(prefix, after, limit)
		if err != nil {
			return nil, err
		}
		for _, entry := range found {
			value, ok, err := take(entry)
			if err != nil {
				return nil, err
			}
			if !ok {
				continue
			}
			if list = append(list, value); len(list) == limit {
				return list, nil
			}
		}
		if len(found) < limit {
			return list, nil
		}
		after = found[len(found)-1].Key
	}
}

// UpdateBrokerUser replaces a user's document. ErrNotFound.
func (s *Store) UpdateBrokerUser(ctx context.Context, realm string, id uint64, document []byte, actor string) (BrokerUser, error) {
	if err := checkDocument(document); err != nil {
		return BrokerUser{}, err
	}
	return s.changeBrokerUser(ctx, realm, id, func(_ *transaction, user *BrokerUser) (AuditEntry, error) {
		user.Document = document
		return AuditEntry{Actor: actor, Action: "updateUser"}, nil
	})
}

// DeleteBrokerUser deletes a user and ends its tokens. ErrNotFound and ErrLastCoordinator.
func (s *Store) DeleteBrokerUser(ctx context.Context, realm string, id uint64, actor string) error {
	return s.update(ctx, func(t *transaction) error {
		user, err := liveBrokerUser(t, realm, id)
		if err != nil {
			return err
		}
		if user.Coordinator.Taken() {
			if err := t.guardLastCoordinator(user); err != nil {
				return err
			}
		}
		return t.endBrokerUser(&user, actor)
	})
}

// endBrokerUser makes a user gone, also one that was noted just now. What it had ends with
// it: those tokens need no records of their own.
func (t *transaction) endBrokerUser(user *BrokerUser, actor string) error {
	entry := AuditEntry{Actor: actor, Action: "deleteUser", Name: user.name()}
	if user.Email != "" {
		if err := t.Delete(brokerEmailKey(user.Realm, user.Email)); err != nil {
			return err
		}
	}
	if err := t.vacate(user.Realm, &user.Coordinator); err != nil {
		return err
	}
	var err error
	if user.EndedAt, err = t.nextInSequence(user.Realm); err != nil {
		return err
	}
	user.Gone, user.Email, user.Document, user.Accesses = true, "", nil, nil
	return t.keepBrokerUser(user, entry)
}

// withBrokerUser runs a change of one user: it reads the record, runs fn, writes the record,
// and announces and audits the change, of which fn says what it is.
func (t *transaction) withBrokerUser(realm string, id uint64, fn func(*BrokerUser) (AuditEntry, error)) (BrokerUser, error) {
	user, err := liveBrokerUser(t, realm, id)
	if err != nil {
		return BrokerUser{}, err
	}
	entry, err := fn(&user)
	if err != nil {
		return BrokerUser{}, err
	}
	return user, t.keepBrokerUser(&user, entry)
}

// changeBrokerUser is withBrokerUser in a transaction of its own. What it returns leaves out
// accesses to policies that are gone.
func (s *Store) changeBrokerUser(ctx context.Context, realm string, id uint64, fn func(*transaction, *BrokerUser) (AuditEntry, error)) (BrokerUser, error) {
	var user BrokerUser
	err := s.update(ctx, func(t *transaction) (err error) {
		user, err = t.withBrokerUser(realm, id, func(user *BrokerUser) (AuditEntry, error) { return fn(t, user) })
		if err != nil {
			return err
		}
		return newPolicyLives(t, realm).leaveOut(&user)
	})
	if err != nil {
		return BrokerUser{}, err
	}
	return user, nil
}

// keepBrokerUser stores a user, keeps the set of coordinators, and audits and announces the
// change.
func (t *transaction) keepBrokerUser(user *BrokerUser, entry AuditEntry) error {
	user.UpdatedAt, user.UpdatedBy = t.now, entry.Actor
	before, err := noted(brokerUserByID(t, user.Realm, user.ID))
	if err != nil {
		return err
	}
	if err := put(t, brokerUserKey(user.Realm, user.ID), versionBrokerUser, *user); err != nil {
		return err
	}
	// The head is not even read for other changes: each of them would conflict with who
	// takes the next user's id from it.
	if user.Coordinator.Taken() != before.Coordinator.Taken() {
		if err := t.noteCoordinator(*user); err != nil {
			return err
		}
	}
	entry.Realm, entry.Subject, entry.Name = user.Realm, strconv.FormatUint(user.ID, 10), cmp.Or(entry.Name, user.name())
	if err := t.audit(entry); err != nil {
		return err
	}
	return t.changed(user.Realm, BrokerUserTopic(user.ID))
}

// brokerUserByID reads a user, also one that is gone.
func brokerUserByID(r Reader, realm string, id uint64) (BrokerUser, error) {
	var user BrokerUser
	return user, get(r, brokerUserKey(realm, id), versionBrokerUser, &user)
}

func liveBrokerUser(r Reader, realm string, id uint64) (BrokerUser, error) {
	user, err := brokerUserByID(r, realm, id)
	if err == nil && user.Gone {
		return BrokerUser{}, ErrNotFound
	}
	return user, err
}
