package tokenstore

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"
)

// Client is one caller of a token, as far as a gateway can tell callers apart.
type Client struct {
	IP        string    `cbor:"1,keyasint,omitempty"`
	UserAgent string    `cbor:"2,keyasint,omitempty"`
	First     time.Time `cbor:"3,keyasint"`
	Last      time.Time `cbor:"4,keyasint"`
}

// clientList is who used a token, the latest first. It is kept for tokens that an
// operator wants to see unused: imported ones, which many may share, and rotated ones.
type clientList struct {
	Clients []Client `cbor:"1,keyasint,omitempty"`
}

// Bounds of what is known of a token's callers.
const (
	// MaxClients is how many callers of one token are known: the latest of each address
	// first, so that none is pushed out by the many names of another.
	MaxClients = 200
	// maxAgents is how many User-Agents of one address are known, the latest.
	maxAgents = 5
	// maxPendingClients is how many callers, of all tokens, are noted in memory between
	// two writes; what is beyond is noted at its next call.
	maxPendingClients = 10_000
)

// clientsBatch is how many tokens' lists one transaction writes: a full list has some
// 50 KiB.
const clientsBatch = 50

func clientsKey(accessor string) []byte { return append([]byte{keyClients}, accessor...) }

// caller is what tells the clients of a token apart.
type caller struct{ ip, userAgent string }

// callers are clients of a token.
type callers map[caller]Client

// add notes a client that may be among them.
func (c callers) add(client Client) {
	who := caller{client.IP, client.UserAgent}
	if before, known := c[who]; known {
		client.First = earlier(before.First, client.First)
		if before.Last.After(client.Last) {
			client.Last = before.Last
		}
	}
	c[who] = client
}

// TouchBy notes, beside the use, who used a token. What a client writes into its
// User-Agent anew for each query is left out.
func (s *Store) TouchBy(accessor, clientIP, userAgent string) {
	s.Touch(accessor, clientIP, userAgent)
	now := s.now()
	client := Client{IP: clientIP, UserAgent: agentOf(userAgent), First: now, Last: now}
	s.usage.Lock()
	defer s.usage.Unlock()
	s.usage.note(accessor, client)
}

// note keeps a client in memory. More of one token than its list can hold are cut down
// to what it would hold.
func (u *usageBuffer) note(accessor string, client Client) {
	of := u.callers[accessor]
	if _, known := of[caller{client.IP, client.UserAgent}]; !known {
		if u.noted >= maxPendingClients {
			return
		}
		u.noted++
	}
	if of == nil {
		if u.callers == nil {
			u.callers = make(map[string]callers)
		}
		of = make(callers)
		u.callers[accessor] = of
	}
	of.add(client)
	if len(of) > 2*MaxClients {
		kept := mergeClients(nil, of)
		u.noted -= len(of) - len(kept)
		clear(of)
		for _, client := range kept {
			of.add(client)
		}
	}
}

// flushClients writes the callers noted since the last time. What could not be
// written is noted again.
func (s *Store) flushClients(ctx context.Context) error {
	s.usage.Lock()
	noted := s.usage.callers
	s.usage.callers, s.usage.noted = nil, 0
	s.usage.Unlock()
	for batch := range slices.Chunk(slices.Collect(maps.Keys(noted)), clientsBatch) {
		_, err := s.driver.Update(ctx, func(t Txn) error {
			for _, accessor := range batch {
				var list clientList
				if err := get(t, clientsKey(accessor), versionClients, &list); err != nil && !errors.Is(err, ErrNotFound) {
					return err
				}
				list.Clients = mergeClients(list.Clients, noted[accessor])
				if err := put(t, clientsKey(accessor), versionClients, list); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			s.noteAgain(noted)
			return err
		}
		for _, accessor := range batch {
			delete(noted, accessor)
		}
	}
	return nil
}

// noteAgain puts back what could not be written.
func (s *Store) noteAgain(noted map[string]callers) {
	s.usage.Lock()
	defer s.usage.Unlock()
	for accessor, of := range noted {
		for _, client := range of {
			s.usage.note(accessor, client)
		}
	}
}

// mergeClients adds callers to those that are known, the latest first, within the
// bounds of a list.
func mergeClients(known []Client, noted callers) []Client {
	all := make(callers, len(known)+len(noted))
	for _, client := range known {
		all.add(client)
	}
	for _, client := range noted {
		all.add(client)
	}
	var (
		ofAddress = make(map[string]int)
		firsts    []Client // the latest of each address
		others    []Client
	)
	for _, client := range slices.SortedFunc(maps.Values(all), latestFirst) {
		ofAddress[client.IP]++
		switch n := ofAddress[client.IP]; {
		case n == 1:
			firsts = append(firsts, client)
		case n <= maxAgents:
			others = append(others, client)
		}
	}
	merged := slices.Concat(firsts, others)
	merged = merged[:min(len(merged), MaxClients)]
	slices.SortFunc(merged, latestFirst)
	return merged
}

func latestFirst(a, b Client) int {
	return cmp.Or(b.Last.Compare(a.Last), cmp.Compare(a.IP, b.IP), cmp.Compare(a.UserAgent, b.UserAgent))
}

// Clients returns who is known to have used an imported or rotated token, the latest
// first; at most MaxClients, and then there may be more.
func (s *Store) Clients(ctx context.Context, accessor string) ([]Client, error) {
	var list clientList
	err := s.driver.View(ctx, func(r Reader) error {
		return get(r, clientsKey(accessor), versionClients, &list)
	})
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, err
	}
	s.usage.Lock()
	defer s.usage.Unlock()
	return mergeClients(list.Clients, s.usage.callers[accessor]), nil
}
