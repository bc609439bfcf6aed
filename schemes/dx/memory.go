package dx

import (
	"errors"
	"sync"

	"github.com/gatehouse-auth/gatehouse/schemes"
)

const (
	// webhookMemory bounds what the webhooks of a site take of the memory at a time, in bytes.
	webhookMemory = 32 << 20
	// networkMemory bounds what those from one network take of it.
	networkMemory = webhookMemory / 16
	// freeBytes of each webhook are not counted, in bytes: no more than a connection costs
	// anyway, and more than the payment provider sends.
	freeBytes = 16 << 10
)

// errNoMemory says that too much of the memory is taken at the moment.
var errNoMemory = errors.New("the memory of webhooks is taken")

// webhooks counts the bytes of webhooks that are in memory, beyond the first of each.
// Anybody can send some, and must not leave no room for the payment provider.
type webhooks struct {
	mu  sync.Mutex
	all int64
	// byNetwork has those that took something, as schemes.WiderNetwork says them.
	byNetwork map[string]int64
}

func newWebhooks() *webhooks { return &webhooks{byNetwork: make(map[string]int64)} }

// share is what one call takes.
type share struct {
	*webhooks
	network string
	taken   int64
	over    bool
}

func (w *webhooks) share(clientIP string) *share {
	return &share{webhooks: w, network: schemes.WiderNetwork(schemes.NetworkOf(clientIP))}
}

// take takes so many bytes more, or none.
func (s *share) take(bytes int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	// A call that is over would give nothing back.
	if s.over || s.all+bytes > webhookMemory || s.byNetwork[s.network]+bytes > networkMemory {
		return false
	}
	s.all += bytes
	s.byNetwork[s.network] += bytes
	s.taken += bytes
	return true
}

// giveBack gives back all that was taken. Nothing is taken after it.
func (s *share) giveBack() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all -= s.taken
	if s.byNetwork[s.network] -= s.taken; s.byNetwork[s.network] == 0 {
		delete(s.byNetwork, s.network)
	}
	s.taken, s.over = 0, true
}
