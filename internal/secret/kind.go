package secret

import "slices"

// Kind is the prefix of a secret and names what the secret is for. A secret of
// one kind is never accepted where another is asked for.
type Kind string

// The kinds of secrets. Every Kind is four bytes long; Parse, New and Redact
// know these and no others.
const (
	// DeltaToken is a recipient's bearer token.
	DeltaToken Kind = "ghd_"

	// ActivationCode is the code in a one-time link.
	ActivationCode Kind = "gha_"

	// ManagementKey is a recipient's key for the credentials API.
	ManagementKey Kind = "ghm_"

	// ClientSecret is what a recipient shows at the OAuth token endpoint.
	ClientSecret Kind = "ghs_"

	// AccessToken is what the OAuth token endpoint issues.
	AccessToken Kind = "gho_"

	// AdminToken is an operator's for administration over HTTP.
	AdminToken Kind = "ghk_"
)

const kindLen = 4

var kinds = [...]Kind{DeltaToken, ActivationCode, ManagementKey, ClientSecret, AccessToken, AdminToken}

func (k Kind) known() bool { return slices.Contains(kinds[:], k) }

// HasKnownPrefix tells whether a text begins like a secret of ours, whatever
// follows: then its checksum decides, and no other text is to be looked for.
func HasKnownPrefix(s string) bool {
	return len(s) >= kindLen && Kind(s[:kindLen]).known()
}
