package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
)

// broker is a gateway that serves a BitBroker's coordinator API, with policies that limit
// their consumers.
type broker struct {
	*server
	coordinator string   // its token
	accesses    []access // one in the place of each request
}

// access is a user's to a policy, with its token.
type access struct{ path, token string }

const (
	coordinatorPath = "/coordinator/v1"

	// accessesPerUser is how many policies there are, each of which every user may use. A
	// user's record holds them all.
	accessesPerUser = 3
	// limits of each policy, so wide that no request of the bench is refused.
	wideLimits = `{"enabled":true,"quota":{"max_number":1000000000,"interval_type":"day"},"rate":1000000}`
)

// startBroker makes users, policies and accesses as a coordinator does.
func (b *bench) startBroker(ctx context.Context) (*broker, error) {
	say("making %s accesses to %d policies", thousands(b.accesses), accessesPerUser)
	k := &broker{accesses: make([]access, b.accesses)}
	var err error
	if k.server, err = b.start(ctx, "broker", brokerSite, filepath.Join(b.directory, "broker-store")); err != nil {
		return nil, err
	}
	k.coordinator, err = k.printed(ctx, b.binary, "", "coordinator", "create", "bench@example.com", "--name", "Bench", "--organization", "Bench")
	if err != nil {
		return nil, err
	}
	if k.coordinator = tokenIn(k.coordinator); k.coordinator == "" {
		return nil, errors.New("coordinator create printed no token")
	}
	for n := range accessesPerUser {
		body := `{"name":"P","description":"A policy","policy":{"access_control":` + wideLimits + `,"data_segment":{"segment_query":{}},"legal_context":[]}}`
		if _, _, err := k.ask(ctx, http.MethodPost, policyPath(n), body); err != nil {
			return nil, err
		}
	}
	return k, k.grant(ctx, b.parallel)
}

func policyPath(n int) string { return fmt.Sprintf("%s/policy/policy-%d", coordinatorPath, n) }

// tokenIn is the one text of a token's length and shape among what was printed.
func tokenIn(printed string) string {
	for word := range strings.FieldsSeq(printed) {
		if len(word) == 110 && strings.Count(word, ".") == 2 {
			return word
		}
	}
	return ""
}

// grant makes the users, a few at a time since each takes the next number, and then their
// accesses.
func (k *broker) grant(ctx context.Context, parallel int) error {
	users := make([]string, (len(k.accesses)+accessesPerUser-1)/accessesPerUser)
	err := inParallel(ctx, len(users), 2, func(ctx context.Context, n int) error {
		body := fmt.Sprintf(`{"name":"U","email":"u%d@example.com","organization":"Bench"}`, n)
		_, location, err := k.ask(ctx, http.MethodPost, coordinatorPath+"/user", body)
		_, users[n], _ = strings.Cut(location, k.address)
		return err
	})
	if err != nil {
		return err
	}
	return inParallel(ctx, len(users), parallel, func(ctx context.Context, n int) error {
		first := n * accessesPerUser
		mine := k.accesses[first:min(first+accessesPerUser, len(k.accesses))]
		for i := range mine {
			path := fmt.Sprintf("%s/access/policy-%d", users[n], i)
			token, _, err := k.ask(ctx, http.MethodPost, path, "")
			if err != nil {
				return err
			}
			mine[i] = access{path, token}
		}
		return nil
	})
}

// inParallel calls fn for 0 to n-1, so many at a time, until one fails.
func inParallel(ctx context.Context, n, parallel int, fn func(context.Context, int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var (
		workers sync.WaitGroup
		taken   atomic.Int64
	)
	for range parallel {
		workers.Go(func() {
			for ctx.Err() == nil {
				i := int(taken.Add(1)) - 1
				if i >= n {
					return
				}
				if err := fn(ctx, i); err != nil {
					cancel(err)
				}
			}
		})
	}
	workers.Wait()
	return context.Cause(ctx)
}

// ask makes a call of the coordinator API, and returns the answer's body and its Location.
func (k *broker) ask(ctx context.Context, method, path, body string) (text, location string, err error) {
	r, err := http.NewRequestWithContext(ctx, method, "http://"+k.address+path, strings.NewReader(body))
	if err != nil {
		return "", "", err
	}
	r.Header.Set("x-bbk-auth-token", k.coordinator)
	r.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", "", err
	}
	defer response.Body.Close()
	all, err := io.ReadAll(response.Body)
	if err != nil {
		return "", "", err
	}
	if response.StatusCode >= http.StatusMultipleChoices {
		return "", "", fmt.Errorf("%s %s: %s: %s", method, path, response.Status, all)
	}
	return string(all), response.Header.Get("Location"), nil
}

// brokerPrefix begins the names of all that is measured of BitBrokers.
const brokerPrefix = "bitbroker: "

// works are what is measured of a BitBroker against bare Caddy.
func (k *broker) works() []work {
	count := uint64(len(k.accesses))
	return []work{
		{
			name: brokerPrefix + "repeated consumer token, limits on", limit: 1.10, status: http.StatusOK, to: k.server,
			request: func(host string, _ uint64) []byte { return consumerCall(host, k.accesses[0].token) },
		},
		{
			name: brokerPrefix + "another consumer token each time, of " + thousands(count) + ", limits on", limit: 1.25,
			status: http.StatusOK, once: count, to: k.server,
			request: func(host string, n uint64) []byte { return consumerCall(host, k.accesses[n%count].token) },
		},
		{
			name: brokerPrefix + "garbage: malformed", limit: 1, status: http.StatusUnauthorized, to: k.server,
			request: func(host string, _ uint64) []byte { return consumerCall(host, "4735d360-dc03-499c-91ce") },
		},
		{
			name: brokerPrefix + "garbage: well-formed, unknown", limit: 1, status: http.StatusUnauthorized, to: k.server,
			request: func(host string, n uint64) []byte { return consumerCall(host, unknownToken(n)) },
		},
	}
}

// unknownToken is of the right form, and nobody's.
func unknownToken(n uint64) string {
	part := fmt.Sprintf("%08x-0000-4000-8000-%012x", uint32(n*2654435761), n)
	return part + "." + part + "." + part
}

// reissue measures reissues of different accesses, and in turn what the driver can commit on
// the same disk.
func (b *bench) reissue(ctx context.Context) error {
	if b.broker == nil {
		return nil
	}
	count := uint64(len(b.broker.accesses))
	w := work{
		name: brokerPrefix + "reissues", status: http.StatusOK,
		request: func(host string, n uint64) []byte {
			// Neighbours are one user's: the numbers are spread so that few meet at one.
			n = n * accessesPerUser % count
			return reissue(host, b.broker.accesses[n].path, b.broker.coordinator)
		},
	}
	if !strings.Contains(w.name, b.only) {
		return nil
	}
	if err := b.broker.settle(ctx); err != nil {
		return err
	}
	return b.besideCommits(ctx, w, b.broker.server, "reissues")
}
