package pda

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// errUsers says that the server behind answered with a list of users that cannot be
// understood. Nothing of it is passed on.
var errUsers = errors.New("the list of users of the server behind cannot be understood")

// stripHashes takes passwords and their hashes out of an answer in JSON: members of those
// names, at any depth. All else stays as it is, byte for byte. The error is errUsers.
func stripHashes(body []byte) ([]byte, error) {
	s := stripper{
		// A member that stands twice goes twice.
		Decoder: jsontext.NewDecoder(bytes.NewBuffer(body), jsontext.AllowDuplicateNames(true)),
		body:    body,
	}
	if s.value() != nil {
		return nil, errUsers
	}
	if _, err := s.ReadToken(); err != io.EOF { //nolint:errorlint // the decoder returns io.EOF itself
		return nil, errUsers
	}
	return append(s.kept, body[s.from:]...), nil
}

// stripper copies an answer but for what it cuts.
type stripper struct {
	*jsontext.Decoder
	body []byte
	kept []byte
	from int // what is before is in kept, or cut
}

// cut leaves out a part, which is behind all that were left out before.
func (s *stripper) cut(from, to int) {
	s.kept = append(s.kept, s.body[s.from:from]...)
	s.from = to
}

func (s *stripper) at() int { return int(s.InputOffset()) }

func (s *stripper) value() error {
	switch s.PeekKind() {
	case jsontext.KindBeginObject:
		return s.object()
	case jsontext.KindBeginArray:
		return s.array()
	default:
		return s.SkipValue()
	}
}

func (s *stripper) array() error {
	_, err := s.ReadToken()
	for err == nil && s.PeekKind() != jsontext.KindEndArray {
		err = s.value()
	}
	if err != nil {
		return err
	}
	_, err = s.ReadToken()
	return err
}

// object cuts members out together with the comma in front of them or, before the first
// that stays, behind them.
func (s *stripper) object() error {
	if _, err := s.ReadToken(); err != nil {
		return err
	}
	const none = -1
	leading := none // where the members begin that are cut in front of the first that stays
	stays := false  // whether there was one that does
	end := none     // of the member before
	for s.PeekKind() != jsontext.KindEndObject {
		name, err := s.ReadValue()
		if err != nil {
			return err
		}
		start := s.at() - len(name)
		switch secret := isSecretName(name); {
		case secret && stays:
			if err = s.SkipValue(); err == nil {
				s.cut(end, s.at())
			}
		case secret:
			if leading == none {
				leading = start
			}
			err = s.SkipValue()
		default:
			if leading != none {
				s.cut(leading, start)
				leading = none
			}
			stays, err = true, s.value()
		}
		if err != nil {
			return err
		}
		end = s.at()
	}
	if leading != none {
		s.cut(leading, end)
	}
	_, err := s.ReadToken()
	return err
}

// secretNames are those of members that hold a password or a hash of one. The original
// calls it pass.
var secretNames = []string{"pass", "password", "hash", "passhash", "passwordhash", "pass_hash", "password_hash"}

// isSecretName looks at the name of a member as it stands in the JSON text, in any case.
func isSecretName(quoted jsontext.Value) bool {
	name, err := jsontext.AppendUnquote(nil, quoted)
	return err != nil || slices.ContainsFunc(secretNames, func(secret string) bool { return strings.EqualFold(secret, string(name)) })
}
