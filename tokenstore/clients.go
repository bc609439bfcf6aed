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

// maxClients is how many callers of one token are known; of more, the latest.
const maxClients = 200

// maxPendingClients bounds the callers noted in memory between two writes; what is
// beyond is noted at its next call.
const maxPendingClients = 10_000

// clientsBatch is how many tokens' lists one transaction writes: a full list has some
// 50 KiB.
const clientsBatch = 50

func clientsKey(accessor string) []byte { return append([]byte{keyClients}, accessor...) }

// caller is what tells the clients of tokens apart.
type caller struct{ accessor, ip, userAgent string }

// TouchBy notes, beside the use, who used a token.
func (s *Store) TouchBy(accessor, clientIP, userAgent string) {
	s.Touch(accessor, clientIP, userAgent)
	who := caller{accessor, clientIP, printable(userAgent)}
	s.usage.Lock()
	defer s.usage.Unlock()
	if s.usage.callers == nil {
		s.usage.callers = make(map[caller]time.Time)
	}
	if _, known := s.usage.callers[who]; known || len(s.usage.callers) < maxPendingClients {
		s.usage.callers[who] = s.now()
	}
}

// flushClients writes the callers noted since the last time. What could not be
// written is noted again.
func (s *Store) flushClients(ctx context.Context) error {
	s.usage.Lock()
	noted := s.usage.callers
	s.usage.callers = nil
	s.usage.Unlock()
	byToken := make(map[string][]Client)
	for who, at := range noted {
		byToken[who.accessor] = append(byToken[who.accessor], who.client(at))
	}
	for batch := range slices.Chunk(slices.Collect(maps.Keys(byToken)), clientsBatch) {
		_, err := s.driver.Update(ctx, func(t Txn) error {
			for _, accessor := range batch {
				var list clientList
				if err := get(t, clientsKey(accessor), versionClients, &list); err != nil && !errors.Is(err, ErrNotFound) {
					return err
				}
				list.Clients = mergeClients(list.Clients, byToken[accessor])
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
			for _, client := range byToken[accessor] {
				delete(noted, caller{accessor, client.IP, client.UserAgent})
			}
		}
	}
	return nil
}

// noteAgain puts back what could not be written.
func (s *Store) noteAgain(noted map[caller]time.Time) {
	s.usage.Lock()
	defer s.usage.Unlock()
	if s.usage.callers == nil {
		s.usage.callers = make(map[caller]time.Time, len(noted))
	}
	for who, at := range noted {
		if latest, newer := s.usage.callers[who]; !newer && len(s.usage.callers) < maxPendingClients || newer && latest.Before(at) {
			s.usage.callers[who] = at
		}
	}
}

func (c caller) client(at time.Time) Client {
	return Client{IP: c.ip, UserAgent: c.userAgent, First: at, Last: at}
}

// mergeClients adds callers to those that are known, the latest first.
func mergeClients(known, noted []Client) []Client {
	all := make(map[caller]Client, len(known)+len(noted))
	for _, client := range slices.Concat(known, noted) {
		who := caller{ip: client.IP, userAgent: client.UserAgent}
		if before, twice := all[who]; twice {
			client.First = earlier(before.First, client.First)
			if before.Last.After(client.Last) {
				client.Last = before.Last
			}
		}
		all[who] = client
	}
	merged := slices.SortedFunc(maps.Values(all), func(a, b Client) int {
		return cmp.Or(b.Last.Compare(a.Last), cmp.Compare(a.IP, b.IP), cmp.Compare(a.UserAgent, b.UserAgent))
	})
	return merged[:min(len(merged), maxClients)]
}

// Clients returns who is known to have used an imported or rotated token, the latest
// first; at most 200.
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
	var noted []Client
	for who, at := range s.usage.callers {
		if who.accessor == accessor {
			noted = append(noted, who.client(at))
		}
	}
	return mergeClients(list.Clients, noted), nil
}
