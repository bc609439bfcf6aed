package bitbroker

import (
	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/schemes"
)

// NewToken makes a token: its public id, and the text that only its holder gets, three random
// UUIDs with dots between them as in BitBroker's documentation. Together they have 366 random
// bits, all from the system's source.
func NewToken() (accessor string, token schemes.Credential) {
	text := uuid.NewString() + "." + uuid.NewString() + "." + uuid.NewString()
	return uuid.NewString(), schemes.NewCredential(text)
}

// tokenLength is the length of a token, in bytes.
const tokenLength = 3*36 + 2

// isToken tells whether a text can be a token of ours: three UUIDs of version 4 in lower case.
func isToken(text string) bool {
	if len(text) != tokenLength || text[36] != '.' || text[73] != '.' {
		return false
	}
	return isUUID(text[:36]) && isUUID(text[37:73]) && isUUID(text[74:])
}

func isUUID(text string) bool {
	for i := range len(text) {
		switch c := text[i]; {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return false
			}
		case !('0' <= c && c <= '9' || 'a' <= c && c <= 'f'):
			return false
		}
	}
	return text[14] == '4' && (text[19] >= '8' && text[19] <= 'b') && text[19] != '-'
}
