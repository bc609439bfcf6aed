package tokenstore_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

func brokerOf(name string) secret.Digest { return secret.DigestOf("broker token " + name) }

// brokerToken is a token of a BitBroker; n makes its accessor.
func brokerToken(name string, n byte) tokenstore.NewBrokerToken {
	accessor := []byte("00000000-0000-4000-8000-000000000000")
	accessor[0] = n
	return tokenstore.NewBrokerToken{Accessor: string(accessor), Digest: brokerOf(name), Lifetime: lifetime}
}

const contribution = "9f2feb0f1ef425b292f2f94bc8482494df430413"

// Whatever record of a BitBroker's registry is damaged or of a newer release: nobody is let in
// by it, and the error says that the store could not tell.
func TestDamagedRegistryFailsClosed(t *testing.T) {
	driver := newMemory()
	f := newFixture(t, driver)
	ctx := t.Context()
	_, annErr := f.CreateBrokerUser(ctx, realm, "ann@example.com", nil, "tester")
	_, benErr := f.CreateBrokerUser(ctx, realm, "ben@example.com", nil, "tester")
	_, policyErr := f.CreateBrokerPolicy(ctx, realm, "weather", nil, tokenstore.BrokerLimits{}, "tester")
	_, entityErr := f.CreateBrokerEntity(ctx, realm, "sensor", nil, "tester")
	_, coordinatorErr := f.Promote(ctx, realm, 1, brokerToken("ann", '1'), "tester")
	_, secondErr := f.Promote(ctx, realm, 2, brokerToken("ben", '2'), "tester")
	_, accessErr := f.CreateBrokerAccess(ctx, realm, 1, "weather", brokerToken("weather", '3'), "tester")
	_, connectorErr := f.CreateBrokerConnector(ctx, realm, "sensor", "met", contribution, nil, brokerToken("met", '4'), "tester")
	if err := errors.Join(
		annErr, benErr, policyErr, entityErr, coordinatorErr, secondErr, accessErr, connectorErr, f.RevokeRealm(ctx, "another", "tester"),
	); err != nil {
		t.Fatal(err)
	}
	holder := func(name string) func() error {
		return func() error { _, err := f.BrokerHolder(ctx, realm, brokerOf(name)); return err }
	}
	calls := map[string]func() error{
		"coordinator":  holder("ann"),
		"consumer":     holder("weather"),
		"contributor":  holder("met"),
		"user":         func() error { _, err := f.BrokerUser(ctx, realm, 1); return err },
		"by email":     func() error { _, err := f.BrokerUserByEmail(ctx, realm, "ann@example.com"); return err },
		"users":        func() error { _, _, err := f.BrokerUsers(ctx, realm, 0, 10); return err },
		"coordinators": func() error { _, err := f.Coordinators(ctx, realm); return err },
		"policy":       func() error { _, _, err := f.BrokerPolicy(ctx, realm, "weather"); return err },
		"policies":     func() error { _, _, err := f.BrokerPolicies(ctx, realm, "", 10); return err },
		"entity":       func() error { _, err := f.BrokerEntity(ctx, realm, "sensor"); return err },
		"entities":     func() error { _, _, err := f.BrokerEntities(ctx, realm, "", 10); return err },
		"connector":    func() error { _, err := f.BrokerConnector(ctx, realm, "sensor", "met"); return err },
		"connectors":   func() error { _, _, err := f.BrokerConnectors(ctx, realm, "sensor", "", 10); return err },
		"contribution": func() error { _, _, err := f.ContributionConnector(ctx, realm, contribution); return err },
		"shown":        func() error { _, err := f.TokenByAccessor(ctx, brokerToken("weather", '3').Accessor); return err },
		"create user":  func() error { _, err := f.CreateBrokerUser(ctx, realm, "ann@example.com", nil, "tester"); return err },
		"create access": func() error {
			_, err := f.CreateBrokerAccess(ctx, realm, 2, "weather", brokerToken("x", '5'), "tester")
			return err
		},
		"promote": func() error { _, err := f.Promote(ctx, realm, 1, brokerToken("x", '5'), "tester"); return err },
		"demote":  func() error { return f.Demote(ctx, realm, 1, "tester") },
		"reissue": func() error {
			return f.ReissueBrokerAccess(ctx, realm, 1, "weather", brokerToken("x", '5'), 0, "tester")
		},
		"rotate": func() error {
			return f.RotateBrokerConnector(ctx, realm, "sensor", "met", brokerToken("x", '5'), 0, "tester")
		},
		"create policy": func() error {
			_, err := f.CreateBrokerPolicy(ctx, realm, "weather", nil, tokenstore.BrokerLimits{}, "tester")
			return err
		},
		"create entity": func() error { _, err := f.CreateBrokerEntity(ctx, realm, "sensor", nil, "tester"); return err },
		"create connector": func() error {
			_, err := f.CreateBrokerConnector(ctx, realm, "sensor", "met", contribution, nil, brokerToken("x", '5'), "tester")
			return err
		},
		"delete user":      func() error { return f.DeleteBrokerUser(ctx, realm, 1, "tester") },
		"delete policy":    func() error { return f.DeleteBrokerPolicy(ctx, realm, "weather", "tester") },
		"delete connector": func() error { return f.DeleteBrokerConnector(ctx, realm, "sensor", "met", "tester") },
	}
	// Which calls read a kind of record, by the first byte of its keys.
	readers := map[byte][]string{
		't': {"coordinator", "consumer", "contributor", "shown", "promote", "demote", "reissue", "rotate", "delete user", "delete connector"},
		'B': {"coordinators", "demote", "delete user", "delete policy", "delete connector"},
		'U': {"coordinator", "consumer", "shown", "user", "by email", "users", "promote", "demote", "reissue", "create access", "delete user"},
		'M': {"by email", "create user"},
		'P': {"consumer", "shown", "user", "by email", "users", "policy", "policies", "create access", "reissue", "create policy", "delete policy"},
		'T': {"contributor", "entity", "entities", "connector", "connectors", "contribution", "rotate", "create entity", "create connector", "delete connector"},
		'C': {"contributor", "connector", "connectors", "contribution", "rotate", "create connector", "delete connector"},
		'D': {"contribution", "rotate"},
	}
	kinds := map[byte][]tokenstore.Entry{}
	read(t, driver, func(r tokenstore.Reader) error {
		all, err := r.Scan(nil, nil, 1000)
		for _, entry := range all {
			kinds[entry.Key[0]] = append(kinds[entry.Key[0]], entry)
		}
		return err
	})
	for kind, names := range readers {
		if len(kinds[kind]) == 0 {
			t.Errorf("there is no record of kind %c", kind)
		}
		for damage, value := range map[string][]byte{
			"empty": {}, "a newer version": {99, 0xa0}, "without fields": {1, 0xa0}, "garbage": []byte("garbage"),
		} {
			write(t, driver, kinds[kind], value)
			for _, name := range names {
				if err := calls[name](); !errors.Is(err, tokenstore.ErrRecord) {
					t.Errorf("records of kind %c are %s, %s: %v, want ErrRecord", kind, damage, name, err)
				}
			}
			write(t, driver, kinds[kind], nil)
		}
	}
	for name, call := range calls {
		if !slices.ContainsFunc([][]string{readers['B'], readers['U'], readers['M'], readers['P'], readers['T'], readers['C']}, func(names []string) bool {
			return slices.Contains(names, name)
		}) {
			t.Errorf("nothing reads a record for %s", name)
		}
		if err := call(); errors.Is(err, tokenstore.ErrRecord) {
			t.Errorf("%s, after the damage is repaired: %v", name, err)
		}
	}
}
