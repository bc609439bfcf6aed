package pda

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gatehouse-auth/gatehouse/internal/canonpath"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// What a browser is told that asks on behalf of another origin (Fetch standard, section
// CORS protocol). A sign-in needs the headers username and password, which are not among
// those that it may send: pages of other origins never see the owner's password.
const (
	corsMethods = "GET, HEAD, POST, PUT, PATCH, DELETE"
	corsHeaders = "Accept, Accept-Language, Cache-Control, Content-Language, Content-Type, X-Auth-Token"
	corsMaxAge  = "259200" // three days, in seconds
)

// maxOrigins bounds the origins of a site.
const maxOrigins = 100

// CheckOrigins checks the origins of the option cors: each as browsers send it, such as
// https://app.example.com or http://localhost:3000, without a path. None stands for
// several. The error is tokenstore.ErrInvalid.
func CheckOrigins(origins []string) error {
	if len(origins) > maxOrigins {
		return fmt.Errorf("%w: there are more than %d origins", tokenstore.ErrInvalid, maxOrigins)
	}
	for _, origin := range origins {
		if err := checkOrigin(origin); err != nil {
			return err
		}
	}
	return nil
}

func checkOrigin(origin string) error {
	if strings.Contains(origin, "*") || origin == "null" {
		return fmt.Errorf("%w: %q stands for pages of anybody, who could use a token that they find; name each origin", tokenstore.ErrInvalid, origin)
	}
	u, err := url.Parse(origin)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || origin != u.Scheme+"://"+u.Host {
		return fmt.Errorf("%w: %q is no origin: write scheme, host and, if it is not the usual one, port, as in https://app.example.com",
			tokenstore.ErrInvalid, origin)
	}
	host, err := canonpath.Host(u.Host)
	if err != nil {
		return fmt.Errorf("%w: %q has no host name or address", tokenstore.ErrInvalid, origin)
	}
	want := u.Scheme + "://" + host
	if p := u.Port(); p != "" && (u.Scheme != "https" || p != "443") && (u.Scheme != "http" || p != "80") {
		want += ":" + p
	}
	if origin != want {
		return fmt.Errorf("%w: %q is not as browsers send it; write %s", tokenstore.ErrInvalid, origin, want)
	}
	return nil
}

// answersBrowsers tells whether other origins may call a path, if the site names any.
// What changes the password is not among it.
func (s *Scheme) answersBrowsers(path canonpath.Path) bool {
	segments := path.Segments()
	if len(s.config.Origins) == 0 || len(segments) == 0 {
		return false
	}
	switch segments[0] {
	case "users", "publickey":
		return true
	case "api":
		return len(segments) > 1 && slices.Contains(mounts, segments[1])
	default:
		return path.String() == "/.well-known/jwks.json" || path.String() == "/system/update"
	}
}

// isPreflight tells whether a browser asks whether a page may call.
func isPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Origin") != "" && r.Header.Get("Access-Control-Request-Method") != ""
}

// servePreflight says what the pages of the site's origins may call. Others are told
// nothing.
func (s *Scheme) servePreflight(w http.ResponseWriter, call *schemes.Call) error {
	h := w.Header()
	s.shareWithOrigin(call, h)
	if h.Get("Access-Control-Allow-Origin") != "" {
		h.Set("Access-Control-Allow-Methods", corsMethods)
		h.Set("Access-Control-Allow-Headers", corsHeaders)
		h.Set("Access-Control-Max-Age", corsMaxAge)
	}
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// shareWithOrigin lets pages of the site's origins read an answer and the fresh token in
// it, and takes away what the server behind says of that. It does nothing if the site
// names no origin.
func (s *Scheme) shareWithOrigin(call *schemes.Call, header http.Header) {
	if len(s.config.Origins) == 0 {
		return
	}
	for name := range header {
		if strings.HasPrefix(http.CanonicalHeaderKey(name), "Access-Control-") {
			delete(header, name)
		}
	}
	if !s.answersBrowsers(call.Path) {
		return
	}
	if !varies(header, "Origin") {
		header.Add("Vary", "Origin")
	}
	origin := originOf(call)
	if len(origin) != 1 || !slices.Contains(s.config.Origins, origin[0]) {
		return
	}
	header.Set("Access-Control-Allow-Origin", origin[0])
	header.Set("Access-Control-Allow-Credentials", "true")
	header.Set("Access-Control-Expose-Headers", tokenField)
}

// varies tells whether a header's Vary names another one.
func varies(header http.Header, name string) bool {
	for _, line := range header.Values("Vary") {
		for field := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(field), name) {
				return true
			}
		}
	}
	return false
}
