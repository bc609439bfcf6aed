package bitbroker

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// What a BitBroker forgot to guard is guarded in front of it: no coordinator ends its own
// being one, and one is always left.

// checkChange refuses what is not to reach a BitBroker's coordinator server.
func (s *Scheme) checkChange(call *schemes.Call, v *visit) *schemes.Refusal {
	call.Action = actions[v.change.verb]
	switch {
	case call.Request.Method == http.MethodOptions:
		return nil // a browser's question changes nothing, and is answered for every path
	case isNothing(call.Request.Method, v.below):
		return missing(nil)
	case v.change.verb == noChange:
		return nil
	case call.EarlyData:
		return schemes.TooEarly()
	case v.change.verb == demote, v.change.verb == deleteUser:
		return s.guardCoordinator(call, v)
	}
	return nil
}

var (
	errSelf            = errors.New("a coordinator cannot do that to itself")
	errLastCoordinator = errors.New("the last coordinator stays one")
)

// guardCoordinator refuses to end a coordinator's own being one, and the last one's. While
// earlier tokens are good, nobody here knows who else is a coordinator by one of them.
func (s *Scheme) guardCoordinator(call *schemes.Call, v *visit) *schemes.Refusal {
	user := v.change.user
	if holderOf(call.Identity).user == user && (v.change.verb == demote || !s.config.AllowSelfDelete) {
		return notAllowed(errSelf)
	}
	if call.Offline() {
		call.Trial.LeaveOpen("whether that is the last coordinator")
		return nil
	}
	ctx := call.Request.Context()
	b, err := s.open(ctx)
	if err != nil {
		return schemes.Unavailable(err)
	}
	now := b.Store.Now()
	if s.earlier.areGood(now) {
		return nil
	}
	others, err := partOf(b).removals.begin(ctx, b.Store, s.config.Realm, v, call.OnTrial())
	switch {
	case err != nil:
		return schemes.Unavailable(err)
	case !others:
		return conflict(errLastCoordinator)
	}
	return nil
}

// removal is a call that is about to remove a coordinator.
type removal struct {
	realm string
	user  uint64
	until time.Time
}

// removals are the coordinators that calls are about to remove. A call that nothing is heard
// of any more may have removed its one, so it counts for as long as such a call can take.
type removals struct {
	mu   sync.Mutex
	list []*removal
}

// removalTime is longer than a call has that goes on without its client, which is half a minute.
const removalTime = 40 * time.Second

// begin notes that a call is about to remove a coordinator, unless nobody else would be one
// then. Calls that come together are asked one by one, so that not each of two counts on the
// other's. A trial notes nothing.
func (r *removals) begin(ctx context.Context, store *tokenstore.Store, realm string, v *visit, trial bool) (others bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	coordinators, err := store.Coordinators(ctx, realm)
	if err != nil {
		return false, err
	}
	now, user := store.Now(), v.change.user
	r.list = slices.DeleteFunc(r.list, func(old *removal) bool { return !now.Before(old.until) })
	others = !slices.Contains(coordinators, user)
	for _, id := range coordinators {
		leaves := func(one *removal) bool { return one.realm == realm && one.user == id }
		if others || id == user || slices.ContainsFunc(r.list, leaves) {
			continue
		}
		if others, err = canCoordinate(ctx, store, realm, id); err != nil {
			return false, err
		}
	}
	if !others {
		return false, nil
	}
	if !trial && v.removal == nil { // a call is asked again when its body has come
		v.removal = &removal{realm, user, now.Add(removalTime)}
		r.list = append(r.list, v.removal)
	}
	return true, nil
}

// canCoordinate tells whether a user is a coordinator whose token is good.
func canCoordinate(ctx context.Context, store *tokenstore.Store, realm string, id uint64) (bool, error) {
	user, err := store.BrokerUser(ctx, realm, id)
	if errors.Is(err, tokenstore.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	for _, slot := range user.Coordinator.Slots {
		var digest secret.Digest
		copy(digest[:], slot.Digest)
		_, err := store.BrokerHolder(ctx, realm, digest)
		var ended *tokenstore.EndedError
		switch {
		case err == nil:
			return true, nil
		case !errors.Is(err, tokenstore.ErrNotFound) && !errors.As(err, &ended):
			return false, err
		}
	}
	return false, nil
}

// end forgets a removal, which is over; nil is none.
func (r *removals) end(over *removal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = slices.DeleteFunc(r.list, func(one *removal) bool { return one == over })
}
