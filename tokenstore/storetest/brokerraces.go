package storetest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

var brokerRaces = []storeTest{
	{"of parallel promotions one gives a token", onePromotion},
	{"of parallel reissues one good token remains, and one in its overlap", oneReissue},
	{"of parallel rotations of a connector one good token remains", oneRotation},
	{"of parallel users of an address there is one, and ids are given once", oneBrokerUser},
	{"of parallel accesses, policies and connectors there is one", oneOfEach},
	{"beside a deletion nothing is left that is good", besideDeletion},
	{"beside a policy's deletion no access outlives it", besidePolicyDeletion},
	{"beside an entity type's deletion no connector outlives it", besideEntityDeletion},
	{"of two coordinators demoted at once one stays", demoteBoth},
	{"a token that is revoked beside a reissue is over", revokeBesideReissue},
}

const raceRounds = 4

// parallel runs operations at once and returns how many of them succeeded. Each error must be
// one of those that may be.
func parallel(t testing.TB, may []error, operations ...func() error) int {
	t.Helper()
	var (
		group sync.WaitGroup
		won   atomic.Int32
	)
	start := make(chan struct{})
	for i, operation := range operations {
		group.Go(func() {
			<-start
			err := again(operation)
			switch {
			case err == nil:
				won.Add(1)
			case !slices.ContainsFunc(may, func(one error) bool { return errors.Is(err, one) }):
				t.Errorf("operation %d: %v", i, err)
			}
		})
	}
	close(start)
	group.Wait()
	return int(won.Load())
}

// each makes an operation for each of the rivals, with a token's name.
func each(name string, operation func(token string) error) (operations []func() error, tokens []string) {
	for i := range rivals {
		token := fmt.Sprintf("%s by %d", name, i)
		operations = append(operations, func() error { return operation(token) })
		tokens = append(tokens, token)
	}
	return operations, tokens
}

func onePromotion(t *testing.T, s *site) {
	s.promote(t, s.user(t, "other"), "other")
	for round := range raceRounds {
		id := s.user(t, fmt.Sprint("ann-", round))
		operations, tokens := each(fmt.Sprint("promotion ", round), func(token string) error {
			_, err := s.Promote(t.Context(), home, id, brokerToken(token), actor)
			return err
		})
		won := parallel(t, []error{tokenstore.ErrExists}, operations...)
		if good := s.goodBrokers(t, tokens...); won != 1 || len(good) != 1 {
			t.Errorf("%d promotions succeeded, good are %q", won, good)
		}
		must(t, s.Demote(t.Context(), home, id, actor))
		if good := s.goodBrokers(t, tokens...); len(good) != 0 {
			t.Errorf("after the demotion good are %q", good)
		}
	}
}

func oneReissue(t *testing.T, s *site) {
	ann := s.user(t, "ann")
	for round := range raceRounds {
		policy := fmt.Sprint("policy-", round)
		overlap := time.Duration(round%2) * time.Hour
		s.addPolicy(t, policy)
		must(t, s.tryAccess(t, ann, policy, policy))
		operations, tokens := each(policy, func(token string) error {
			return s.ReissueBrokerAccess(t.Context(), home, ann, policy, brokerToken(token), overlap, actor)
		})
		tokens = append(tokens, policy)
		if won := parallel(t, nil, operations...); won != rivals {
			t.Errorf("%d reissues succeeded", won)
		}
		if good := s.goodBrokers(t, tokens...); len(good) != 1+round%2 {
			t.Errorf("with an overlap of %s good are %q", overlap, good)
		}
		s.clock.advance(overlap)
		if good := s.goodBrokers(t, tokens...); len(good) != 1 {
			t.Errorf("after an overlap of %s good are %q", overlap, good)
		}
		must(t, s.DeleteBrokerAccess(t.Context(), home, ann, policy, actor))
		if good := s.goodBrokers(t, tokens...); len(good) != 0 {
			t.Errorf("after the deletion good are %q", good)
		}
	}
}

func oneRotation(t *testing.T, s *site) {
	s.connector(t, "sensor", "met", "first")
	operations, tokens := each("rotation", func(token string) error {
		return s.RotateBrokerConnector(t.Context(), home, "sensor", "met", brokerToken(token), 0, actor)
	})
	won := parallel(t, nil, operations...)
	if good := s.goodBrokers(t, append(tokens, "first")...); won != rivals || len(good) != 1 {
		t.Errorf("%d rotations succeeded, good are %q", won, good)
	}
}

func oneBrokerUser(t *testing.T, s *site) {
	var (
		mutex sync.Mutex
		ids   []uint64
	)
	create := func(email string) func() error {
		return func() error {
			user, err := s.CreateBrokerUser(t.Context(), home, email, nil, actor)
			if err == nil {
				mutex.Lock()
				defer mutex.Unlock()
				ids = append(ids, user.ID)
			}
			return err
		}
	}
	var operations []func() error
	for i := range rivals {
		operations = append(operations, create("ann@example.com"), create(fmt.Sprintf("%d@example.com", i)))
	}
	won := parallel(t, []error{tokenstore.ErrExists}, operations...)
	slices.Sort(ids)
	if unique := slices.Compact(slices.Clone(ids)); won != rivals+1 || len(unique) != won || ids[won-1] != uint64(won) {
		t.Errorf("%d users were made, of the ids %v", won, ids)
	}
}

func oneOfEach(t *testing.T, s *site) {
	ann := s.user(t, "ann")
	s.addPolicy(t, "weather")
	s.entity(t, "sensor", "city")
	accesses, tokens := each("access", func(token string) error { return s.tryAccess(t, ann, "weather", token) })
	won := parallel(t, []error{tokenstore.ErrExists}, accesses...)
	if good := s.goodBrokers(t, tokens...); won != 1 || len(good) != 1 {
		t.Errorf("%d accesses were given, good are %q", won, good)
	}
	connectors, tokens := each("connector", func(token string) error {
		entity := "sensor"
		if token[len(token)-1]%2 == 0 {
			entity = "city"
		}
		_, err := s.tryConnector(t, entity, "met", token)
		return err
	})
	won = parallel(t, []error{tokenstore.ErrExists}, connectors...)
	if good := s.goodBrokers(t, tokens...); won != 1 || len(good) != 1 {
		t.Errorf("%d connectors were made, good are %q", won, good)
	}
	policies, _ := each("policy", func(string) error {
		_, err := s.CreateBrokerPolicy(t.Context(), home, "energy", nil, tokenstore.BrokerLimits{}, actor)
		return err
	})
	if won := parallel(t, []error{tokenstore.ErrExists}, policies...); won != 1 {
		t.Errorf("%d policies were made", won)
	}
}

func besideDeletion(t *testing.T, s *site) {
	gone := []error{tokenstore.ErrNotFound, tokenstore.ErrExists}
	s.promote(t, s.user(t, "other"), "other")
	for round := range raceRounds {
		name := fmt.Sprint("ann-", round)
		id := s.user(t, name)
		s.addPolicy(t, name)
		must(t, s.tryAccess(t, id, name, name))
		reissues, tokens := each("reissue for "+name, func(token string) error {
			return s.ReissueBrokerAccess(t.Context(), home, id, name, brokerToken(token), time.Hour, actor)
		})
		promotions, more := each("promotion of "+name, func(token string) error {
			_, err := s.Promote(t.Context(), home, id, brokerToken(token), actor)
			return err
		})
		tokens = append(append(tokens, more...), name)
		deletion := func() error { return s.DeleteBrokerUser(t.Context(), home, id, actor) }
		if round%2 == 0 {
			deletion = func() error {
				return errors.Join(
					again(func() error { return s.DeleteBrokerAccess(t.Context(), home, id, name, actor) }),
					again(func() error { return s.DeleteBrokerUser(t.Context(), home, id, actor) }),
				)
			}
		}
		operations := slices.Insert(append(reissues[:4], promotions[:4]...), 4, deletion)
		parallel(t, gone, operations...)
		if good := s.goodBrokers(t, tokens...); len(good) != 0 {
			t.Errorf("after the deletion good are %q", good)
		}
		s.wantCoordinators(t, "[1]")
	}
}

func besidePolicyDeletion(t *testing.T, s *site) {
	for round := range raceRounds {
		policy := fmt.Sprint("policy-", round)
		s.addPolicy(t, policy)
		var operations []func() error
		var tokens []string
		for i := range rivals {
			name := fmt.Sprintf("user-%d-%d", round, i)
			id := s.user(t, name)
			tokens = append(tokens, name)
			operations = append(operations, func() error { return s.tryAccess(t, id, policy, name) })
		}
		deletion := func() error { return s.DeleteBrokerPolicy(t.Context(), home, policy, actor) }
		parallel(t, []error{tokenstore.ErrNotFound}, slices.Insert(operations, rivals/2, deletion)...)
		for range 2 {
			if good := s.goodBrokers(t, tokens...); len(good) != 0 {
				t.Errorf("after the deletion good are %q", good)
			}
			if _, _, err := s.BrokerPolicy(t.Context(), home, policy); errors.Is(err, tokenstore.ErrNotFound) {
				s.addPolicy(t, policy)
			}
		}
	}
}

func besideEntityDeletion(t *testing.T, s *site) {
	for round := range raceRounds {
		entity := fmt.Sprint("entity-", round)
		s.entity(t, entity)
		var operations []func() error
		var tokens []string
		for i := range rivals {
			name := fmt.Sprintf("connector-%d-%d", round, i)
			tokens = append(tokens, name)
			operations = append(operations, func() error { _, err := s.tryConnector(t, entity, name, name); return err })
		}
		deletion := func() error { return s.DeleteBrokerEntity(t.Context(), home, entity, actor) }
		parallel(t, []error{tokenstore.ErrNotFound}, slices.Insert(operations, rivals/2, deletion)...)
		for range 2 {
			if good := s.goodBrokers(t, tokens...); len(good) != 0 {
				t.Errorf("after the deletion good are %q", good)
			}
			if _, err := s.BrokerEntity(t.Context(), home, entity); errors.Is(err, tokenstore.ErrNotFound) {
				s.entity(t, entity)
			}
		}
	}
}

func demoteBoth(t *testing.T, s *site) {
	ann, ben := s.user(t, "ann"), s.user(t, "ben")
	for round := range 2 * raceRounds {
		for _, id := range []uint64{ann, ben} {
			_, err := s.Promote(t.Context(), home, id, brokerToken(fmt.Sprint(round, " of ", id)), actor)
			if !errors.Is(err, tokenstore.ErrExists) {
				must(t, err)
			}
		}
		end := func(id uint64) func() error {
			if round%4 == 3 && id == ben {
				return func() error { return s.DeleteBrokerUser(t.Context(), home, id, actor) }
			}
			return func() error { return s.Demote(t.Context(), home, id, actor) }
		}
		won := parallel(t, []error{tokenstore.ErrLastCoordinator}, end(ann), end(ben))
		left, err := s.Coordinators(t.Context(), home)
		if won != 1 || len(left) != 1 || err != nil {
			t.Fatalf("%d were ended, left are %v, %v", won, left, err)
		}
		if _, err := s.BrokerUser(t.Context(), home, ben); errors.Is(err, tokenstore.ErrNotFound) {
			ben = s.user(t, fmt.Sprint("ben-", round))
		}
	}
}

func revokeBesideReissue(t *testing.T, s *site) {
	ann := s.user(t, "ann")
	for round := range raceRounds {
		policy := fmt.Sprint("policy-", round)
		s.addPolicy(t, policy)
		must(t, s.tryAccess(t, ann, policy, policy))
		parallel(
			t, nil,
			func() error { _, err := s.RevokeToken(t.Context(), accessorOf(policy), actor); return err },
			func() error {
				return s.ReissueBrokerAccess(t.Context(), home, ann, policy, brokerToken(policy+" anew"), time.Hour, actor)
			},
		)
		if good := s.goodBrokers(t, policy, policy+" anew"); !slices.Equal(good, []string{policy + " anew"}) {
			t.Errorf("good are %q", good)
		}
	}
}
