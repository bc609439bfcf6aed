package schemes

import (
	"io"
	"sync"
)

// Parts are what single schemes keep for as long as the store is open: caches and
// counts that outlive a configuration. All methods may be called concurrently.
type Parts struct {
	mu  sync.RWMutex // each call asks
	all map[string]io.Closer
}

// Of returns a scheme's part, and makes it at the first call.
func (p *Parts) Of(scheme string, make func() io.Closer) io.Closer {
	p.mu.RLock()
	part, ok := p.all[scheme]
	p.mu.RUnlock()
	if ok {
		return part
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if part, ok := p.all[scheme]; ok {
		return part
	}
	if p.all == nil {
		p.all = map[string]io.Closer{}
	}
	part = make()
	p.all[scheme] = part
	return part
}

// Close ends all parts. No scheme may be called afterwards.
func (p *Parts) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, part := range p.all {
		_ = part.Close() // they hold nothing that could be lost
	}
	p.all = nil
}
