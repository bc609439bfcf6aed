package pda

import (
	"net/http"

	"github.com/gatehouse-auth/gatehouse/schemes"
)

// servePublicKey is GET /publickey: the account's signer, in PEM.
func (s *Scheme) servePublicKey(w http.ResponseWriter, call *schemes.Call) error {
	account, _, err := s.accountFor(call)
	if err != nil {
		return err
	}
	text, err := publicPEM(account.publics[len(account.publics)-1].Key)
	if err != nil {
		return err
	}
	s.sendPublic(w, call, "text/plain; charset=utf-8", []byte(text))
	return nil
}

// serveKeySet is GET /.well-known/jwks.json: all keys that tokens of the account may be
// signed with.
func (s *Scheme) serveKeySet(w http.ResponseWriter, call *schemes.Call) error {
	account, b, err := s.accountFor(call)
	if err != nil {
		return err
	}
	body, err := jwks(account.verifiers(b.Store.Now()))
	if err != nil {
		return err
	}
	s.sendPublic(w, call, "application/json", body)
	return nil
}

// keysAge lets nobody keep the keys of an account: a key that was given up must not be
// believed for longer than tokens of it are good.
const keysAge = "no-cache"

func (s *Scheme) sendPublic(w http.ResponseWriter, call *schemes.Call, contentType string, body []byte) {
	h := w.Header()
	s.dress(call, http.StatusOK, h)
	h.Set("Content-Type", contentType)
	h.Set("Cache-Control", keysAge)
	_, _ = w.Write(body) // the client is gone: nobody is left to tell
}
