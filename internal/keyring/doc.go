// Package keyring verifies tokens of a foreign issuer, of OpenID Connect or with keys
// of its own ways, with keys that it fetches from that issuer and keeps fresh.
//
// Its one invariant: what a token says of itself never decides how it is
// checked. The algorithm comes from the configured list and must fit the type
// of the key; the key comes from the configured issuer; the token's header only
// chooses among those.
//
// An Issuer has three states. Before the first successful fetch, and when the
// last one is longer ago than the bound, Verify answers ErrUnavailable. In
// between it uses the set of the last successful fetch and nothing older: each
// fetch replaces all keys, so that a key which the issuer withdrew stops
// working (CVE-2025-22149), at once or after the overlap that was asked for.
// Fetches happen in Run only; Verify never waits. Where keys are kept for the
// next start, the last successful fetch may be one of the process before.
//
// An answer that holds no set of keys is no fetch, whatever else it is. A set
// that is empty is one: its issuer has withdrawn all keys.
//
// Keys come from a key set, from certificates or from a file. What else is said of
// a key than its own numbers, name, use and algorithm is not looked at: neither
// dates nor chains of certificates, nor thumbprints.
//
// What an issuer elsewhere leads to is not fetched from this machine or its link, and a
// token for which more than a few keys could be meant is refused: issuers are chosen by
// whoever administers the gateway, but what they publish is outside input.
//
// A Pool holds the issuers that administration adds and drops while the gateway
// runs. What is remembered of their tokens hangs on Pool.Generation.
//
// It imports nothing of ours. caddymodule and the schemes may import it.
package keyring
