package tokenstore

import (
	"errors"
	"fmt"
	"testing"
)

// bag is a transaction that keeps what it is given, and nothing else.
type bag map[string][]byte

func (bag) Revision() Revision                        { return 1 }
func (bag) Scan([]byte, []byte, int) ([]Entry, error) { return nil, nil }
func (bag) Announce([]byte) error                     { return nil }
func (b bag) Put(key, value []byte) error             { b[string(key)] = value; return nil }
func (b bag) Delete(key []byte) error                 { delete(b, string(key)); return nil }
func (b bag) Get(key []byte) ([]byte, error) {
	if value, ok := b[string(key)]; ok {
		return value, nil
	}
	return nil, ErrNotFound
}

// A user's record is read with each of its tokens, and must fit into a driver's value.
func TestAccessesOfAUserAreBounded(t *testing.T) {
	txn := &transaction{Txn: bag{}, now: at(9)}
	user := &BrokerUser{Realm: "home", ID: 7}
	keep := func(policy BrokerPolicy) {
		t.Helper()
		if err := put(txn, brokerPolicyKey("home", policy.Slug), versionBrokerPolicy, policy); err != nil {
			t.Fatal(err)
		}
	}
	for i := range maxAccesses {
		policy := BrokerPolicy{Realm: "home", Slug: fmt.Sprintf("policy-%04d", i), Life: 1}
		keep(policy)
		if _, err := txn.seatForAccess(user, policy); err != nil {
			t.Fatal(err)
		}
	}
	next := BrokerPolicy{Realm: "home", Slug: "middle", Life: 1}
	if _, err := txn.seatForAccess(user, next); !errors.Is(err, ErrInvalid) || len(user.Accesses) != maxAccesses {
		t.Errorf("one more: %v, of %d, want ErrInvalid", err, len(user.Accesses))
	}
	if _, err := txn.seatForAccess(user, BrokerPolicy{Realm: "home", Slug: "policy-0007", Life: 2}); err != nil || len(user.Accesses) != maxAccesses {
		t.Errorf("one in the place of another: %v, of %d", err, len(user.Accesses))
	}
	// Those to policies that are gone make room.
	keep(BrokerPolicy{Realm: "home", Slug: "policy-0007", Life: 2})
	keep(BrokerPolicy{Realm: "home", Slug: "policy-0000", Life: 1, Gone: true})
	keep(BrokerPolicy{Realm: "home", Slug: "policy-1999", Life: 2})
	seat, err := txn.seatForAccess(user, next)
	if err != nil || len(user.Accesses) != maxAccesses-1 || !user.whole() {
		t.Fatalf("with two gone: %v, of %d", err, len(user.Accesses))
	}
	if i, found := user.access("middle"); !found || seat != &user.Accesses[i].Seat {
		t.Errorf("the seat is not that of the access, at %d, %v", i, found)
	}
	for _, gone := range []string{"policy-0000", "policy-1999"} {
		if _, found := user.access(gone); found {
			t.Errorf("the access to %s is left", gone)
		}
	}
}
