// Package canonpath gives every request path and every host exactly one
// spelling, or refuses it.
//
// Its one invariant: what is decided on is what is forwarded. A Path holds the
// decoded segments that rules and endpoints look at and the percent-encoding
// that goes upstream, both made from the same bytes in one pass. Gateways that
// judge one spelling and forward another are the largest family of published
// bypasses (CVE-2026-33494, CVE-2026-42274, CVE-2021-29492, CVE-2025-66490), so
// nothing ambiguous is repaired here: a path that two servers could read
// differently is refused, with the single exception that Options names.
//
// It is pure: no I/O, no state, no goroutines. It imports only the standard
// library and may be imported by caddymodule and by schemes.
package canonpath
