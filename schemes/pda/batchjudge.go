package pda

import (
	"context"
	"net/http"
	"time"

	"github.com/gatehouse-auth/gatehouse/schemes"
)

// holdsBatch tells whether the body of a call says which namespaces it writes to.
func holdsBatch(method, pattern string) bool {
	return pattern == patternBatch || pattern == patternRecords && method == http.MethodPut
}

// namespaces are those that a batch writes to.
type namespaces []string

// unread is noted of a batch whose caller may write anywhere: nobody looked what it says.
type unread struct{}

// What batches may take of the memory, all together and those of one account.
const (
	batchMemory     = 256 << 20 // bytes
	accountsBatches = 16
)

// holdBatch makes sure that there is room for a batch, until the call is over: clients
// that send slowly must not fill the memory.
func (s *Scheme) holdBatch(call *schemes.Call) *schemes.Refusal {
	ctx := call.Request.Context()
	b, err := s.open(ctx)
	if err != nil {
		return schemes.Unavailable(err)
	}
	// Reading takes up to twice the body, as it grows.
	room := min(2*s.config.BatchLimit, batchMemory)
	if length := call.Request.ContentLength; length >= 0 {
		room = min(room, 2*length)
	}
	id := call.Identity
	lease, retryAfter, ok := b.Limiter.Take(schemes.LimitKey{Realm: id.Realm, Subject: id.Subject, Purpose: "batch"}, schemes.Limits{Concurrent: accountsBatches})
	if !ok {
		return schemes.TooMany(retryAfter)
	}
	batches := partOf(b).batches
	if !batches.TryAcquire(room) {
		lease.Release()
		return &schemes.Refusal{
			Status: http.StatusServiceUnavailable, Reason: schemes.Limited, RetryAfter: time.Second,
			Public: "Too many batches are being received. Try again shortly.",
		}
	}
	context.AfterFunc(ctx, func() {
		batches.Release(room)
		lease.Release()
	})
	return nil
}

// judgeBatch denies a batch with a record in a namespace that is not granted. The body is
// read once: when the rules are asked again, what it says is known. Who could write
// anywhere then and cannot now is denied: the body is on its way, and who is asked for it
// again would ask the rules again.
func (s *Scheme) judgeBatch(call *schemes.Call) *schemes.Refusal {
	if actsAsOwner(call.Identity) {
		if call.State == nil {
			call.State = unread{}
		}
		return nil
	}
	if call.OnTrial() {
		call.Trial.LeaveOpen("whether each record of the batch is in a namespace that may be written")
		return nil
	}
	if call.State == (unread{}) {
		return batchDenied()
	}
	may := func(namespace string) bool { return isGranted(call.Identity, privilegeWrite, namespace) }
	if known, ok := call.State.(namespaces); ok {
		for _, namespace := range known {
			if !may(namespace) {
				return batchDenied()
			}
		}
		return nil
	}
	if refusal := s.holdBatch(call); refusal != nil {
		return refusal
	}
	body, err := readBatch(call.Writer, call.Request, s.config.BatchLimit)
	if err != nil {
		return asRefusal(err)
	}
	found := make(map[string]bool)
	if err := checkBatch(body, func(namespace string) bool {
		found[namespace] = true
		return may(namespace)
	}); err != nil {
		return asRefusal(err)
	}
	known := make(namespaces, 0, len(found))
	for namespace := range found {
		known = append(known, namespace)
	}
	call.State = known
	return nil
}
