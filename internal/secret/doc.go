// Package secret makes, parses, hashes, compares and seals the secrets that the
// gateway hands out, and takes secrets out of text that is about to be logged.
//
// Its one invariant: a value of this package never prints what it holds. The
// only ways to the clear text are the methods named Reveal and Sealer.Open, so
// a search for those two names finds every place where a secret leaves.
//
// It imports nothing of ours and may be imported by every package except
// policies and web.
//
// # Format of a secret
//
// A secret is a four-character kind ("ghd_", "gha_", "ghm_") and 56 characters
// of lower-case base32 (RFC 4648, section 6, without padding). They spell 35
// bytes: 32 random ones and the first 3 bytes of SHA-256 over the kind and the
// random bytes. The checksum is no protection against a forger; it lets Parse
// refuse typing errors, truncated copies and random garbage without a store
// read. 280 bits fill 56 characters exactly, so that each secret has one
// spelling only.
package secret
