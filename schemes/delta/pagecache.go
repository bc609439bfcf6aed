package delta

import "sync"

// Bounds of a pageCache: 16 MiB of text, and about as much of what it was read into.
const (
	maxCachedPages = 64
	maxCachedItems = 2_000
	maxCachedPage  = 256 << 10 // bytes of a page
	maxCachedKey   = 1 << 10
)

// pageCache keeps pages of the server behind as they were read, since reading costs
// more than everything else about a listing, and listings change seldom. The server is
// asked each time all the same: a page is used again only if the same bytes come, and
// what of it is visible is decided anew. The zero pageCache is ready.
type pageCache struct {
	mu    sync.Mutex
	pages map[string]*page // by path and query
}

// read is readPage for what came in answer to key.
func (c *pageCache) read(key string, body []byte) (*page, error) {
	if len(body) > maxCachedPage || len(key) > maxCachedKey {
		return readPage(body)
	}
	c.mu.Lock()
	known := c.pages[key]
	c.mu.Unlock()
	if known != nil && known.text == string(body) {
		return known, nil
	}
	fresh, err := readPage(body)
	if err != nil {
		return nil, err
	}
	if len(fresh.items) > maxCachedItems {
		return fresh, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pages == nil {
		c.pages = make(map[string]*page)
	}
	if _, ok := c.pages[key]; !ok && len(c.pages) >= maxCachedPages {
		for other := range c.pages { // any: those in use come back
			delete(c.pages, other)
			break
		}
	}
	c.pages[key] = fresh
	return fresh, nil
}
