package delta

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/schemes"
)

const (
	// DefaultPageSize is the reference server's own limit.
	DefaultPageSize = 500
	// maxPageSize bounds what a site may ask of its server.
	maxPageSize = 10_000
	// readingTime is after how long no further page of the server behind is read
	// for one request: what is there is answered, with a token.
	readingTime = 5 * time.Second
	// maxPageBytes bounds a page, unless its first item alone is longer.
	maxPageBytes = 16 << 20
)

// filling is one page of a listing while it is filled: pages of the server behind
// are read until it has as many items as asked for, and it is known whether more
// follow. So neither the number of pages nor their lengths tell of what is hidden.
type filling struct {
	listing *listing
	strip   bool
	want    int
	from    position // of the page that is read

	body  []byte
	count int
	more  *position // where the next page begins
}

// list makes the Compose of a listing.
func (s *Scheme) list(call *schemes.Call, l *listing, names []string) schemes.Compose {
	return func(ctx context.Context, read schemes.Read) (schemes.Recorded, error) {
		backend, err := s.open(ctx)
		if err != nil {
			return schemes.Recorded{}, schemes.Unavailable(err)
		}
		query, refusal := parsePageQuery(call.Request.URL.RawQuery, s.config.PageSize)
		if refusal != nil {
			return schemes.Recorded{}, refusal
		}
		started := backend.Store.Now()
		scope := s.pageScope(call.Identity.Subject, names, l.grants.revision)
		f := &filling{listing: l, strip: s.config.StripLocations, want: query.want}
		if l.scope.isEmpty() && query.token == "" {
			f.begin(0) // and the server behind has no work
			header := http.Header{"Content-Type": {"application/json; charset=utf-8"}}
			return schemes.Recorded{Status: http.StatusOK, Header: header, Body: f.end(backend.Sealer, scope, started)}, nil
		}
		if query.token != "" {
			if f.from, err = openPosition(backend.Sealer, query.token, scope, started); err != nil {
				return schemes.Recorded{}, stalePage(err)
			}
		}
		for reads := 1; ; reads++ {
			asked := query.upstream(f.from.token, s.config.PageSize)
			answer, err := read(asked)
			if err != nil {
				return schemes.Recorded{}, err
			}
			if answer.Status == http.StatusBadRequest && f.from.token != "" {
				err := fmt.Errorf("%w: the server behind refuses its own page token", errListing)
				if reads == 1 { // an old one
					return schemes.Recorded{}, stalePage(err)
				}
				return schemes.Recorded{}, err
			}
			if answer.Status != http.StatusOK || call.Request.Method == http.MethodHead {
				return answer, nil
			}
			page, err := s.pages.read(strings.Join(names, "/")+"?"+asked, answer.Body)
			if err != nil {
				return schemes.Recorded{}, err
			}
			if f.body == nil {
				f.begin(len(answer.Body))
			}
			over, err := f.add(page)
			if err != nil {
				return schemes.Recorded{}, err
			}
			if !over && (reads == schemes.MaxReads || backend.Store.Now().Sub(started) >= readingTime) {
				f.more, over = &f.from, true
			}
			if over {
				answer.Header.Set("Content-Type", "application/json; charset=utf-8")
				answer.Body = f.end(backend.Sealer, scope, started)
				return answer, nil
			}
		}
	}
}

// add takes a page of the server behind, and tells whether the page that is filled
// is ready. Else from is the page to read next.
func (f *filling) add(p *page) (over bool, err error) {
	for at := int(min(f.from.skip, uint32(len(p.items)))); at < len(p.items) && f.more == nil; at++ {
		if i := &p.items[at]; i.to > 0 && f.listing.visible(i) {
			f.put(p.text[i.from:i.to], at)
		}
	}
	switch {
	case f.more != nil || p.next == "":
		return true, nil
	case p.next == f.from.token:
		return false, fmt.Errorf("%w: the page token leads to its own page", errListing)
	case f.from.chain+1 >= maxChain:
		return false, fmt.Errorf("%w: it has more than %d pages", errListing, maxChain)
	}
	f.from = position{token: p.next, chain: f.from.chain + 1}
	return false, nil
}

// put takes an item that is visible, if there is room; else the next page begins
// with it.
func (f *filling) put(item string, at int) {
	if f.strip {
		item = withoutLocations(item)
	}
	if f.count == f.want || f.count > 0 && len(f.body)+len(item) > maxPageBytes {
		f.more = &position{token: f.from.token, skip: uint32(at), chain: f.from.chain}
		return
	}
	if f.count++; f.count > 1 {
		f.body = append(f.body, ',')
	}
	f.body = append(f.body, item...)
}

// begin is the answer's body before its items, with room for all of a page and a page
// token.
func (f *filling) begin(length int) {
	f.body = append(make([]byte, 0, length+1024), `{"items":[`...)
}

// end completes the answer's body. It always has items, and no page token at the end:
// an empty one makes Spark's reader ask for ever (delta-io/delta-sharing issue 526).
// Nothing else of the server's pages is kept: a count would tell of what is hidden.
func (f *filling) end(sealer *secret.Sealer, scope []byte, now time.Time) []byte {
	f.body = append(f.body, ']')
	if f.more != nil {
		f.body = append(f.body, `,"nextPageToken":"`...)
		f.body = append(f.body, sealPosition(sealer, *f.more, scope, now)...)
		f.body = append(f.body, '"')
	}
	return append(f.body, '}')
}

// stalePage is the refusal of a page token.
func stalePage(cause error) *schemes.Refusal {
	refusal := badParameter("The pageToken is not valid here, or not any more. List again without it.")
	refusal.Cause = cause
	return refusal
}
