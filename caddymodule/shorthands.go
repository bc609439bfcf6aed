package caddymodule

import (
	"regexp"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
)

// shorthands are words in braces that a Caddyfile takes for placeholders although they
// are good parameters of a pattern: it rewrites them before a directive sees them, so
// that {path} arrives as {http.request.uri.path}.
var shorthands = []string{
	"host", "hostport", "port",
	"orig_method", "orig_uri", "orig_path", "orig_dir", "orig_file", "orig_query",
	"method", "uri", "path", "dir", "file", "query",
	"remote", "remote_host", "remote_port", "scheme", "uuid",
	"tls_cipher", "tls_version", "tls_client_fingerprint", "tls_client_issuer", "tls_client_serial",
	"tls_client_subject", "tls_client_certificate_pem", "tls_client_certificate_der_base64",
	"upstream_hostport", "client_ip",
	// Beginnings of placeholders whose names may hold dots, as a parameter's end may.
	"re...", "rp...", "resp...", "err...",
}

// rewritten are what the Caddyfile makes of them, and what was written. It is Caddy
// itself that is asked, so that another version of it is followed.
var rewritten = func() *strings.Replacer {
	var pairs []string
	for _, name := range shorthands {
		written := "{" + name + "}"
		if made := afterCaddy(written); made != written {
			pairs = append(pairs, made, written)
		}
	}
	return strings.NewReplacer(pairs...)
}()

// afterCaddy does to a word what the Caddyfile does to those of a site.
func afterCaddy(word string) string {
	segment := caddyfile.Segment{{Text: word}}
	httpcaddyfile.NewShorthandReplacer().ApplyToSegment(&segment)
	return segment[0].Text
}

// asWritten returns a word of a pattern as it was written. A placeholder that nobody
// rewrote, such as {http.request.host}, cannot be told from its shorthand, and becomes
// the parameter that the shorthand is.
func asWritten(word string) string { return rewritten.Replace(word) }

// caddyPlaceholder is what the Caddyfile makes of a shorthand, whichever.
var caddyPlaceholder = regexp.MustCompile(`\{http\.[^{}]*\}`)
