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
)

const kindLen = 4

var kinds = [...]Kind{DeltaToken, ActivationCode, ManagementKey}

func (k Kind) known() bool { return slices.Contains(kinds[:], k) }
