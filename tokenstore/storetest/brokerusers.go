package storetest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

var brokerUserTests = []storeTest{
	{"users have ids that are never used again", brokerUsers},
	{"what no user can have is refused", refuseBrokerUser},
	{"a coordinator is promoted, demoted and promoted again", promoteAndDemote},
	{"who is promoted again gets a token only if the last one has ended", promoteAgain},
	{"one coordinator with a good token stays", lastCoordinator},
	{"a deleted user's tokens are over, and its address is free", deleteBrokerUser},
}

func brokerUsers(t *testing.T, s *site) {
	ann, ben := s.user(t, "ann"), s.user(t, "ben")
	if ann != 1 || ben != 2 {
		t.Errorf("the first ids are %d and %d", ann, ben)
	}
	_, err := s.CreateBrokerUser(t.Context(), home, "ann@example.com", nil, actor)
	wantErr(t, "an address that has a user", err, tokenstore.ErrExists)
	away, err := s.CreateBrokerUser(t.Context(), "away", "ann@example.com", nil, actor)
	must(t, err)
	if away.ID != 1 {
		t.Errorf("the first id of another realm is %d", away.ID)
	}
	s.clock.advance(time.Minute)
	changed, err := s.UpdateBrokerUser(t.Context(), home, ben, []byte("new"), "eve")
	must(t, err)
	found, err := s.BrokerUserByEmail(t.Context(), home, "ben@example.com")
	must(t, err)
	for _, user := range []tokenstore.BrokerUser{changed, found} {
		if user.ID != ben || user.Email != "ben@example.com" || string(user.Document) != "new" || user.UpdatedBy != "eve" ||
			!user.CreatedAt.Equal(dawn) || !user.UpdatedAt.Equal(dawn.Add(time.Minute)) {
			t.Errorf("the user is %+v", user)
		}
	}
	must(t, s.DeleteBrokerUser(t.Context(), home, ben, actor))
	if cleo := s.user(t, "cleo"); cleo != 3 {
		t.Errorf("the id after that of a deleted user is %d", cleo)
	}
	if again := s.user(t, "ben"); again != 4 {
		t.Errorf("a later user of the address has the id %d", again)
	}
	for _, limit := range []int{1, 2, 3, 10} {
		var ids []uint64
		for after := uint64(0); ; {
			page, next, err := s.BrokerUsers(t.Context(), home, after, limit)
			must(t, err)
			for _, user := range page {
				ids = append(ids, user.ID)
			}
			if after = next; next == 0 || len(ids) > 10 {
				break
			}
		}
		if got := fmt.Sprint(ids); got != "[1 3 4]" {
			t.Errorf("in pages of %d: %s", limit, got)
		}
	}
	for _, id := range []uint64{0, 2, 5, 1 << 63} {
		_, getErr := s.BrokerUser(t.Context(), home, id)
		_, updateErr := s.UpdateBrokerUser(t.Context(), home, id, nil, actor)
		_, promoteErr := s.Promote(t.Context(), home, id, brokerToken("none"), actor)
		for what, err := range map[string]error{
			"get": getErr, "update": updateErr, "promote": promoteErr, "demote": s.Demote(t.Context(), home, id, actor),
			"delete": s.DeleteBrokerUser(t.Context(), home, id, actor),
		} {
			wantErr(t, fmt.Sprint(what, " user ", id), err, tokenstore.ErrNotFound)
		}
	}
	for _, email := range []string{"", "Ann@example.com", "nobody@example.com", "ann@example.com\x00", strings.Repeat("a", 2000)} {
		_, err := s.BrokerUserByEmail(t.Context(), home, email)
		wantErr(t, fmt.Sprintf("address %.20q", email), err, tokenstore.ErrNotFound)
	}
}

func refuseBrokerUser(t *testing.T, s *site) {
	for name, email := range map[string]string{
		"none": "", "capitals": "Ann@example.com", "a zero byte": "a\x00@example.com", "a line": "a\n@example.com",
		"no text": "a\xff@example.com", "too long": strings.Repeat("a", 257),
	} {
		_, err := s.CreateBrokerUser(t.Context(), home, email, nil, actor)
		wantErr(t, "an address: "+name, err, tokenstore.ErrInvalid)
	}
	_, realmErr := s.CreateBrokerUser(t.Context(), "a/b", "ann@example.com", nil, actor)
	_, longErr := s.CreateBrokerUser(t.Context(), home, "ann@example.com", make([]byte, 512<<10+1), actor)
	wantErr(t, "a realm", realmErr, tokenstore.ErrInvalid)
	wantErr(t, "a long document", longErr, tokenstore.ErrInvalid)
	if users, _, err := s.BrokerUsers(t.Context(), home, 0, 10); len(users) != 0 || err != nil {
		t.Errorf("%d users are there, %v", len(users), err)
	}
	longest, err := s.CreateBrokerUser(t.Context(), home, strings.Repeat("a", 256), make([]byte, 512<<10), actor)
	must(t, err)
	_, err = s.UpdateBrokerUser(t.Context(), home, longest.ID, make([]byte, 512<<10+1), actor)
	wantErr(t, "a long document of a user that is there", err, tokenstore.ErrInvalid)
}

func promoteAndDemote(t *testing.T, s *site) {
	ann, ben := s.user(t, "ann"), s.user(t, "ben")
	s.addPolicy(t, "weather")
	must(t, s.tryAccess(t, ben, "weather", "access"))
	s.promote(t, ann, "ann")
	wantErr(t, "demoting who is none", s.Demote(t.Context(), home, ben, actor), tokenstore.ErrNoCoordinator)
	s.promote(t, ben, "ben")
	s.wantBroker(t, "ben", "coordinator 2")
	_, err := s.Promote(t.Context(), home, ben, brokerToken("another"), actor)
	wantErr(t, "promoting a coordinator", err, tokenstore.ErrExists)
	s.wantBroker(t, "another", "unknown")
	s.wantCoordinators(t, "[1 2]")
	must(t, s.Demote(t.Context(), home, ben, actor))
	s.wantBroker(t, "ben", "revoked")
	s.wantBroker(t, "access", "consumer 2 of weather")
	s.wantCoordinators(t, "[1]")
	wantErr(t, "demoting again", s.Demote(t.Context(), home, ben, actor), tokenstore.ErrNoCoordinator)
	s.promote(t, ben, "ben again")
	s.wantBroker(t, "ben again", "coordinator 2")
	s.wantBroker(t, "ben", "revoked")
	s.wantCoordinators(t, "[1 2]")
}

func (s *site) wantCoordinators(t testing.TB, want string) {
	t.Helper()
	if ids, err := s.Coordinators(t.Context(), home); fmt.Sprint(ids) != want || err != nil {
		t.Errorf("the coordinators are %v, %v, want %s", ids, err, want)
	}
}

func promoteAgain(t *testing.T, s *site) {
	ann := s.user(t, "ann")
	s.promote(t, ann, "expires")
	s.clock.advance(lifetime - time.Second)
	_, err := s.Promote(t.Context(), home, ann, brokerToken("too early"), actor)
	wantErr(t, "a second before the end", err, tokenstore.ErrExists)
	s.clock.advance(time.Second)
	s.wantBroker(t, "expires", "expired")
	s.promote(t, ann, "is revoked")
	_, err = s.RevokeToken(t.Context(), accessorOf("is revoked"), actor)
	must(t, err)
	s.promote(t, ann, "goes with all")
	must(t, s.RevokeRealm(t.Context(), home, actor))
	s.promote(t, ann, "is pruned")
	s.clock.advance(lifetime + tokenstore.KeepEnded)
	s.pass(t)
	s.wantBroker(t, "is pruned", "unknown")
	endless := brokerToken("endless")
	endless.Lifetime = 0
	_, err = s.Promote(t.Context(), home, ann, endless, actor)
	must(t, err)
	s.clock.advance(50 * 365 * 24 * time.Hour)
	s.wantBroker(t, "endless", "coordinator 1")
	s.wantCoordinators(t, "[1]")
}

func lastCoordinator(t *testing.T, s *site) {
	ann, ben := s.user(t, "ann"), s.user(t, "ben")
	s.promote(t, ann, "ann")
	last := func(id uint64) {
		t.Helper()
		wantErr(t, "demoting the last one", s.Demote(t.Context(), home, id, actor), tokenstore.ErrLastCoordinator)
		wantErr(t, "deleting the last one", s.DeleteBrokerUser(t.Context(), home, id, actor), tokenstore.ErrLastCoordinator)
	}
	last(ann)
	s.wantBroker(t, "ann", "coordinator 1")
	s.clock.advance(time.Hour)
	s.promote(t, ben, "ben")
	// Of one whose token has expired, the other does not live.
	s.clock.advance(lifetime - time.Hour)
	s.wantBroker(t, "ann", "expired")
	last(ben)
	must(t, s.Demote(t.Context(), home, ann, actor))
	last(ben)
	s.wantBroker(t, "ben", "coordinator 2")
	s.promote(t, ann, "ann again")
	must(t, s.DeleteBrokerUser(t.Context(), home, ben, actor))
	s.wantBroker(t, "ben", "revoked")
	s.wantCoordinators(t, "[1]")
	last(ann)
	must(t, s.DeleteBrokerUser(t.Context(), home, s.user(t, "cleo"), actor))
}

func deleteBrokerUser(t *testing.T, s *site) {
	ann, ben := s.user(t, "ann"), s.user(t, "ben")
	s.addPolicy(t, "weather")
	s.promote(t, ann, "ann")
	s.promote(t, ben, "ben")
	must(t, s.tryAccess(t, ben, "weather", "weather"))
	s.reissue(t, ben, "weather", "weather 2", time.Hour)
	must(t, s.DeleteBrokerUser(t.Context(), home, ben, actor))
	over := func() {
		t.Helper()
		for _, name := range []string{"ben", "weather", "weather 2"} {
			s.wantBroker(t, name, "revoked")
		}
		_, err := s.BrokerUser(t.Context(), home, ben)
		wantErr(t, "the deleted user", err, tokenstore.ErrNotFound)
		_, err = s.Promote(t.Context(), home, ben, brokerToken("late"), actor)
		wantErr(t, "promoting it", err, tokenstore.ErrNotFound)
		wantErr(t, "giving it access", s.tryAccess(t, ben, "weather", "late"), tokenstore.ErrNotFound)
	}
	over()
	if left := s.leftovers(t, "ben@example.com"); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
	next := s.user(t, "ben")
	must(t, s.tryAccess(t, next, "weather", "next"))
	s.promote(t, next, "next one")
	over()
	s.wantBroker(t, "next", fmt.Sprintf("consumer %d of weather", next))
}
