package caddymodule

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gatehouse-auth/gatehouse/internal/headers"
)

// headerChange is what becomes of a header on its way to the server behind. Values are told
// of the gateway's own headers only.
type headerChange struct {
	Name   string `json:"name"`
	Change string `json:"change"` // removed, replaced, set or kept
	Value  string `json:"value,omitempty"`
}

// What becomes of a header.
const (
	headerRemoved  = "removed"
	headerReplaced = "replaced"
	headerSet      = "set"
	headerKept     = "kept"
)

// probed are headers that a client may send besides its credential, and of which an
// operator wants to know whether they get through.
var probed = []string{
	"Accept", "Accept-Encoding", "Content-Type", "Cookie", "Forwarded", "If-None-Match", "Origin", "Range", "Referer",
	"Upgrade", "User-Agent", "X-Forwarded-For", "X-Forwarded-User", "X-Http-Method-Override", "X-Real-Ip", "X-Request-Id",
	"Authorization", "Proxy-Authorization",
}

// probe is the value of headers that nobody sent.
const probe = "probe"

// headerChanges tells what becomes of the headers of a call that is allowed: of those that
// came, and of those that could have.
func (p *passage) headerChanges(came http.Header, reads bool) ([]headerChange, *http.Request) {
	out := p.call.Request.Clone(p.call.Request.Context())
	p.prepareCopy(out)

	probing := out.Clone(out.Context())
	probing.Header, probing.URL = came.Clone(), &url.URL{Path: "/"}
	for _, name := range slices.Concat(probed, credentialHeaders, p.names.all()) {
		if probing.Header[name] == nil {
			probing.Header[name] = []string{probe}
		}
	}
	before := probing.Header.Clone()
	p.guard.Clean(probing.Header, false)
	p.prepareCopy(probing)
	if reads {
		for _, name := range unreadable {
			probing.Header.Del(name)
		}
	}
	names := maps.Clone(before)
	maps.Copy(names, probing.Header)
	var changes []headerChange
	for _, name := range slices.Sorted(maps.Keys(names)) {
		was, sent := before[name]
		is, goes := probing.Header[name]
		change := headerChange{Name: name}
		switch {
		case !goes:
			change.Change = headerRemoved
		case !sent, slices.Equal(was, []string{probe}) && !slices.Equal(was, is):
			change.Change = headerSet
		case !slices.Equal(was, is):
			change.Change = headerReplaced
		default:
			change.Change = headerKept
		}
		if goes && (slices.Contains(p.names.all(), name) || strings.HasPrefix(name, headers.Prefix)) {
			change.Value = strings.Join(is, ", ")
		}
		changes = append(changes, change)
	}
	return changes, out
}

// prepareCopy prepares a copy of the call's request, and leaves the call as it is.
func (p *passage) prepareCopy(out *http.Request) {
	call := p.call
	call.Request = out
	p.prepare(&call, out)
}

// all are the names of the identity headers.
func (n identityNames) all() []string { return []string{n.subject, n.kind, n.roles, n.token} }
