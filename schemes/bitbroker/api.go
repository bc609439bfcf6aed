package bitbroker

import (
	"slices"
	"strings"

	"github.com/gatehouse-auth/gatehouse/internal/canonpath"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// The kinds of callers. Each has an API of its name.
const (
	kindCoordinator = "coordinator"
	kindContributor = "contributor"
	kindConsumer    = "consumer"
)

var knownKinds = []string{kindCoordinator, kindContributor, kindConsumer}

// kindOf is the kind of who holds a token; empty for a token of another contract.
func kindOf(kind tokenstore.TokenKind) string {
	switch kind {
	case tokenstore.CoordinatorToken:
		return kindCoordinator
	case tokenstore.ContributorToken:
		return kindContributor
	case tokenstore.ConsumerToken:
		return kindConsumer
	}
	return ""
}

// api is one of the three, where a site serves it.
type api struct {
	kind     string
	base     string
	segments []string // of base
}

// apis are those that the site serves.
func (c *Config) apis() []api {
	var list []api
	for _, a := range []api{{kind: kindCoordinator, base: c.Coordinator}, {kind: kindContributor, base: c.Contributor}, {kind: kindConsumer, base: c.Consumer}} {
		if a.base != "" {
			a.segments = strings.Split(a.base[1:], "/")
			list = append(list, a)
		}
	}
	return list
}

// cut returns the segments below the API's base of a path that is there or below it.
func (a *api) cut(folded []string) (below []string, ok bool) {
	n := len(a.segments)
	if len(folded) < n || !slices.Equal(folded[:n], a.segments) {
		return nil, false
	}
	return folded[n:], true
}

// place is what a call is for.
type place struct {
	// api that the path is in; nil for a path that is in none.
	api *api
	// segments are what the rules see, and whether a slash ends them: in an API in lower case
	// and without it, as a BitBroker's servers read paths; elsewhere as they came.
	segments []string
	slash    bool
	// below the API's base, in lower case, and came as they came.
	below, came []string
}

// placeOf finds out what a path is for. Only the letters A to Z have a case, as in
// Express's comparison of paths, which is made before they are decoded.
func (s *Scheme) placeOf(path canonpath.Path) place {
	folded := foldAll(path.Segments())
	for i := range s.apis {
		if below, ok := s.apis[i].cut(folded); ok {
			came := path.Segments()
			return place{api: &s.apis[i], segments: folded, below: below, came: came[len(came)-len(below):]}
		}
	}
	return place{segments: path.Segments(), slash: path.TrailingSlash()}
}

// is tells whether the place is in an API.
func (p *place) is(kind string) bool { return p.api != nil && p.api.kind == kind }

// foldAll returns segments in lower case; the very same if they are so already.
func foldAll(segments []string) []string {
	if !slices.ContainsFunc(segments, hasCapital) {
		return segments
	}
	folded := make([]string, len(segments))
	for i, segment := range segments {
		folded[i] = fold(segment)
	}
	return folded
}

// fold writes the letters A to Z small, and leaves every other as it is: the Kelvin sign is no
// k here.
func fold(text string) string {
	if !hasCapital(text) {
		return text
	}
	folded := []byte(text)
	for i, c := range folded {
		if 'A' <= c && c <= 'Z' {
			folded[i] = c + 'a' - 'A'
		}
	}
	return string(folded)
}
