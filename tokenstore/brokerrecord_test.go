package tokenstore

import (
	"errors"
	"testing"
	"time"
)

const someKey = "0b9b5a0e-5f2a-4f5b-9c53-5d0f8f3c2a11"

var someLimit = int64(10)

// brokerKinds are the kinds of records of a BitBroker's registry.
var brokerKinds = []recordKind{
	{"BrokerHead", versionBrokerHead, func() any { return new(brokerHead) }, []any{
		&brokerHead{NextUser: 1, Sequence: 1},
		&brokerHead{NextUser: 300, Sequence: 70_000, Coordinators: []uint64{1, 7, 299}},
	}},
	{"BrokerUser", versionBrokerUser, func() any { return new(BrokerUser) }, []any{
		&BrokerUser{Realm: "home", ID: 1, CreatedAt: at(9), UpdatedAt: at(9)},
		&BrokerUser{
			Realm: "home", ID: 7, Email: "ann@example.com", Document: []byte(`{"name":"Ann"}`),
			Coordinator: BrokerSeat{Slots: []BrokerSlot{{Accessor: someKey, Digest: someDigest("token")}}},
			Accesses: []BrokerAccess{
				{Policy: "energy", Life: 2, CreatedAt: at(9)},
				{Policy: "weather", Life: 1, CreatedAt: at(10), Seat: BrokerSeat{Slots: []BrokerSlot{
					{Accessor: someKey, Digest: someDigest("old")}, {Accessor: someKey, Digest: someDigest("new")},
				}}},
			},
			DemotedAt: 5, CreatedAt: at(9), UpdatedAt: at(10), UpdatedBy: "local",
		},
		&BrokerUser{Realm: "home", ID: 8, Gone: true, EndedAt: 6, CreatedAt: at(9), UpdatedAt: at(10)},
	}},
	{"BrokerPolicy", versionBrokerPolicy, func() any { return new(BrokerPolicy) }, []any{
		&BrokerPolicy{Realm: "home", Slug: "weather", Life: 1, CreatedAt: at(9), UpdatedAt: at(9)},
		&BrokerPolicy{
			Realm: "home", Slug: "weather", Life: 2, Document: []byte("{}"), CreatedAt: at(9), UpdatedAt: at(10), UpdatedBy: "local",
			Limits: BrokerLimits{Enabled: true, Quota: &BrokerQuota{MaxNumber: 86400, Interval: "day"}, Rate: &someLimit},
		},
		&BrokerPolicy{Realm: "home", Slug: "weather", Life: 2, Gone: true, EndedAt: 9, EndedOn: at(11), CreatedAt: at(9), UpdatedAt: at(11)},
	}},
	{"BrokerEntity", versionBrokerEntity, func() any { return new(BrokerEntity) }, []any{
		&BrokerEntity{Realm: "home", Slug: "sensor", Life: 1, CreatedAt: at(9), UpdatedAt: at(9)},
		&BrokerEntity{
			Realm: "home", Slug: "sensor", Life: 2, Gone: true, Document: []byte("{}"), EndedAt: 4,
			CreatedAt: at(9), UpdatedAt: at(10), UpdatedBy: "local",
		},
	}},
	{"BrokerConnector", versionBrokerConnector, func() any { return new(BrokerConnector) }, []any{
		&BrokerConnector{
			Realm: "home", Entity: "sensor", Slug: "met", Life: 1, Contribution: "9f2feb0f1ef425b292f2f94bc8482494df430413",
			CreatedAt: at(9), UpdatedAt: at(9),
		},
		&BrokerConnector{
			Realm: "home", Entity: "sensor", Slug: "met", Life: 1, Contribution: "9f2feb0f1ef425b292f2f94bc8482494df430413",
			Document: []byte("{}"), Live: true, Seat: BrokerSeat{Slots: []BrokerSlot{{Accessor: someKey, Digest: someDigest("token")}}},
			CreatedAt: at(9), UpdatedAt: at(10), UpdatedBy: "local",
		},
		&BrokerConnector{
			Realm: "home", Entity: "sensor", Slug: "met", Life: 2, Gone: true, EndedAt: 5, EndedOn: at(11), CreatedAt: at(9), UpdatedAt: at(11),
		},
	}},
}

// brokerRequired are the fields without which a record is not read.
var brokerRequired = map[string][]string{
	"BrokerHead":      {"NextUser", "Sequence"},
	"BrokerUser":      {"Realm", "ID"},
	"BrokerPolicy":    {"Realm", "Slug", "Life"},
	"BrokerEntity":    {"Realm", "Slug", "Life"},
	"BrokerConnector": {"Realm", "Entity", "Slug", "Life", "Contribution"},
}

// What such a token does not say decides whose it is.
func TestTokenOfABitBrokerThatSaysTooLittleOrTooMuchIsRefused(t *testing.T) {
	token := func(kind TokenKind, broker Broker) Token {
		return Token{Accessor: someKey, Realm: "home", Subject: "7", ExpiresAt: at(11), Kind: kind, Broker: broker}
	}
	pending := Broker{Pending: true, Minted: 3, Audience: "weather"}
	for name, good := range map[string]Token{
		"coordinator": token(CoordinatorToken, Broker{User: 7}),
		"consumer":    token(ConsumerToken, Broker{User: 7, Policy: "weather", Minted: 3, Audience: "weather"}),
		"contributor": token(ContributorToken, Broker{Entity: "sensor", Connector: "met"}),
		"pending":     token(ConsumerToken, pending),
	} {
		if !good.whole() {
			t.Errorf("a token of a %s is refused", name)
		}
	}
	family := token(CoordinatorToken, Broker{User: 7})
	family.Family = Family{Scope: OwnerScope}
	parent := token(CoordinatorToken, Broker{User: 7})
	parent.Parent = someDigest("parent")
	for name, bad := range map[string]Token{
		"a coordinator's of nobody":               token(CoordinatorToken, Broker{}),
		"a coordinator's of a policy":             token(CoordinatorToken, Broker{User: 7, Policy: "weather"}),
		"a coordinator's of a connector":          token(CoordinatorToken, Broker{User: 7, Connector: "met"}),
		"a coordinator's that is a family":        family,
		"a coordinator's that has a parent":       parent,
		"a consumer's of nobody":                  token(ConsumerToken, Broker{Policy: "weather"}),
		"a consumer's of no policy":               token(ConsumerToken, Broker{User: 7}),
		"a consumer's of an entity type":          token(ConsumerToken, Broker{User: 7, Policy: "weather", Entity: "sensor"}),
		"a contributor's of no entity type":       token(ContributorToken, Broker{Connector: "met"}),
		"a contributor's of no connector":         token(ContributorToken, Broker{Entity: "sensor"}),
		"a contributor's of a user":               token(ContributorToken, Broker{User: 7, Entity: "sensor", Connector: "met"}),
		"one that waits and is somebody's":        token(CoordinatorToken, Broker{Pending: true, Minted: 3, User: 7}),
		"one that waits since no time":            token(CoordinatorToken, Broker{Pending: true}),
		"a consumer's that waits for anything":    token(ConsumerToken, Broker{Pending: true, Minted: 3}),
		"a coordinator's that waits for a policy": token(CoordinatorToken, pending),
		"a bearer token of a user":                token(BearerToken, Broker{User: 7}),
		"a bearer token that waits":               token(BearerToken, Broker{Pending: true, Minted: 3}),
		"an access token of a lifetime":           {Accessor: "a", Realm: "home", Subject: "7", ExpiresAt: at(11), Kind: AccessToken, Parent: someDigest("p"), Broker: Broker{Lifetime: time.Hour}},
	} {
		data, err := encode(versionToken, bad)
		if err != nil {
			t.Fatal(err)
		}
		if err := decode(data, versionToken, new(Token)); !errors.Is(err, ErrRecord) {
			t.Errorf("%s: %v, want ErrRecord", name, err)
		}
	}
}

func TestRecordOfABitBrokerThatContradictsItselfIsRefused(t *testing.T) {
	slot := BrokerSlot{Accessor: someKey, Digest: someDigest("token")}
	seat := BrokerSeat{Slots: []BrokerSlot{slot, slot, slot}}
	short := BrokerSeat{Slots: []BrokerSlot{{Accessor: someKey, Digest: []byte("short")}}}
	unnamed := BrokerSeat{Slots: []BrokerSlot{{Digest: someDigest("token")}}}
	negative := int64(-1)
	for name, record := range map[string]any{
		"a head with a coordinator twice":      &brokerHead{NextUser: 1, Sequence: 1, Coordinators: []uint64{1, 1}},
		"a head with coordinators in no order": &brokerHead{NextUser: 1, Sequence: 1, Coordinators: []uint64{2, 1}},
		"a head with a coordinator of no id":   &brokerHead{NextUser: 1, Sequence: 1, Coordinators: []uint64{0}},
		"a user with three tokens in a seat":   &BrokerUser{Realm: "home", ID: 1, Coordinator: seat},
		"a user with a token of no digest":     &BrokerUser{Realm: "home", ID: 1, Coordinator: short},
		"a user with a token of no id":         &BrokerUser{Realm: "home", ID: 1, Coordinator: unnamed},
		"a user with access to no policy":      &BrokerUser{Realm: "home", ID: 1, Accesses: []BrokerAccess{{Life: 1}}},
		"a user with access to no life":        &BrokerUser{Realm: "home", ID: 1, Accesses: []BrokerAccess{{Policy: "weather"}}},
		"a user with an access twice":          &BrokerUser{Realm: "home", ID: 1, Accesses: []BrokerAccess{{Policy: "a", Life: 1}, {Policy: "a", Life: 2}}},
		"a user with too many in an access":    &BrokerUser{Realm: "home", ID: 1, Accesses: []BrokerAccess{{Policy: "a", Life: 1, Seat: seat}}},
		"a connector with too many":            &BrokerConnector{Realm: "home", Entity: "e", Slug: "c", Life: 1, Gone: true, Seat: seat},
		"a policy of a negative rate":          &BrokerPolicy{Realm: "home", Slug: "p", Life: 1, Limits: BrokerLimits{Rate: &negative}},
		"a policy of a quota of no interval":   &BrokerPolicy{Realm: "home", Slug: "p", Life: 1, Limits: BrokerLimits{Quota: &BrokerQuota{MaxNumber: 1}}},
	} {
		data, err := encode(1, record)
		if err != nil {
			t.Fatal(err)
		}
		if err := decode(data, 1, record); !errors.Is(err, ErrRecord) {
			t.Errorf("%s: %v, want ErrRecord", name, err)
		}
	}
}

// The largest user that there may be must fit into a driver's value, or nobody could change it
// any more.
func TestLargestUserFits(t *testing.T) {
	seat := BrokerSeat{Slots: []BrokerSlot{{Accessor: someKey, Digest: someDigest("a")}, {Accessor: someKey, Digest: someDigest("b")}}}
	user := BrokerUser{
		Realm: string(make([]byte, 64)), ID: 1<<64 - 1, Email: string(make([]byte, maxEmail)), Document: make([]byte, maxDocument), Coordinator: seat,
		EndedAt: 1<<64 - 1, DemotedAt: 1<<64 - 1, CreatedAt: time.Unix(1<<40, 0), UpdatedAt: time.Unix(1<<40, 0), UpdatedBy: string(make([]byte, 1000)),
	}
	for range maxAccesses {
		user.Accesses = append(user.Accesses, BrokerAccess{Policy: string(make([]byte, maxSlug)), Life: 1<<64 - 1, Seat: seat, CreatedAt: time.Unix(1<<40, 0)})
	}
	if data, err := encode(versionBrokerUser, user); err != nil || len(data) > 1<<20 {
		t.Errorf("a user has %d bytes, %v", len(data), err)
	}
}
