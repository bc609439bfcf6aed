package services

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/internal/strictjson"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// findAuth finds an endpoint of the auth service.
func (a *API) findAuth(method string, segments []string) (serve endpoint, action string) {
	switch path := strings.Join(segments, "/"); {
	case path == "token" && method == http.MethodPost:
		return a.mint, "mintToken"
	case path == "token" && method == http.MethodDelete:
		return a.rescind, "rescindTokens"
	case path == "token/check" && method == http.MethodPost:
		return a.check("x-auth-jti", ""), "checkToken"
	case len(segments) == 3 && strings.HasPrefix(path, "token/check/") && method == http.MethodGet:
		return a.check("", segments[2]), "checkToken"
	case path == ".well-known/jwks.json" && method == http.MethodGet:
		return showKeys, "showKeys"
	}
	return nil, ""
}

// The auth service's words for what it does not take.
const (
	invalidValues = "Invalid values"
	invalidValue  = "Invalid value"
)

// minted is the answer to whoever had a token made. There is no refresh token: a BitBroker
// gives it to nobody.
type minted struct {
	Token string `json:"token"`
	JTI   string `json:"jti"`
}

// mint makes a token that is nobody's yet.
func (a *API) mint(w http.ResponseWriter, r *http.Request, store *tokenstore.Store) *schemes.Refusal {
	body, refusal := readBody(w, r)
	if refusal != nil {
		return refusal
	}
	if !isJSON(r) {
		return invalid(invalidValues)
	}
	order, ok := readOrder(body)
	if !ok || !order.NotAfter.IsZero() && !order.NotAfter.After(store.Now()) {
		return invalid(invalidValues)
	}
	ctx := r.Context()
	own := order.Accessor != ""
	if own {
		switch over, err := a.isCutOff(ctx, store, order.Accessor); {
		case err != nil:
			return schemes.Unavailable(err)
		case over:
			return invalid(invalidValues) // it was another token's
		}
	}
	accessor, token := a.config.NewToken()
	if !own {
		order.Accessor = accessor
	}
	order.Digest, order.Lifetime = secret.DigestOf(token.Reveal()), a.config.TokenLifetime
	switch err := store.MintBrokerToken(ctx, a.config.Realm, order, actor); {
	case own && errors.Is(err, tokenstore.ErrExists), errors.Is(err, tokenstore.ErrInvalid):
		return invalid(invalidValues)
	case err != nil:
		return schemes.Unavailable(err)
	}
	writeJSON(w, http.StatusOK, authJSON, minted{token.Reveal(), order.Accessor})
	return nil
}

// The scopes of a BitBroker's tokens. The original signs any text.
var kinds = map[string]tokenstore.TokenKind{
	"coordinator": tokenstore.CoordinatorToken,
	"contributor": tokenstore.ContributorToken,
	"consumer":    tokenstore.ConsumerToken,
}

// readOrder reads what a token is to be: {"scope": …, "aud": …, "exp": …, "jti": …}, of which
// exp and jti may be missing, and aud where the scope has none. Whether a scope goes with an
// audience, the store knows.
func readOrder(body []byte) (order tokenstore.NewMint, ok bool) {
	fields, err := strictjson.Fields(body)
	if err != nil {
		return order, false
	}
	var scope string
	if json.Unmarshal(fields["scope"], &scope) != nil {
		return order, false
	}
	if order.Kind, ok = kinds[scope]; !ok {
		return order, false
	}
	if aud := fields["aud"]; aud != nil && json.Unmarshal(aud, &order.Audience) != nil {
		return order, false
	}
	if jti := fields["jti"]; jti != nil {
		if json.Unmarshal(jti, &order.Accessor) != nil || tokenstore.ValidBrokerKey(order.Accessor) != nil {
			return order, false
		}
	}
	if exp := fields["exp"]; exp != nil {
		order.NotAfter, ok = readTime(exp)
	}
	return order, ok
}

// maxTime is the last second that RFC 3339 can write.
const maxTime = 253402300799

// readTime reads a time in seconds since 1970, as a number or a text of one.
func readTime(value json.RawMessage) (time.Time, bool) {
	text := string(value)
	if strings.HasPrefix(text, `"`) && json.Unmarshal(value, &text) != nil {
		return time.Time{}, false
	}
	seconds, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || !(seconds >= 1 && seconds <= maxTime) {
		return time.Time{}, false
	}
	return time.Unix(int64(math.Round(seconds)), 0).UTC(), true
}

// maxKeys is how many keys the store takes at once.
const maxKeys = 100

// fulfilled is what is said of each token that ended.
type fulfilled struct {
	Status string `json:"status"`
}

// rescind ends tokens by their key ids: [id, …]. What is none is passed over, as the original
// does.
func (a *API) rescind(w http.ResponseWriter, r *http.Request, store *tokenstore.Store) *schemes.Refusal {
	body, refusal := readBody(w, r)
	if refusal != nil {
		return refusal
	}
	var list []any
	if !isJSON(r) || json.Unmarshal(body, &list) != nil || list == nil {
		return invalid(invalidValues)
	}
	done := []fulfilled{}
	var keys []string
	for _, item := range list {
		if key, ok := keyOf(item); ok {
			keys, done = append(keys, key), append(done, fulfilled{"fulfilled"})
		}
	}
	for chunk := range slices.Chunk(keys, maxKeys) {
		if err := store.RescindKeys(r.Context(), a.config.Realm, chunk, actor); err != nil {
			return failedUnheeded(err)
		}
	}
	writeJSON(w, http.StatusOK, authJSON, done)
	return nil
}

// keyOf reads a key id, in whatever case.
func keyOf(value any) (key string, ok bool) {
	text, _ := value.(string)
	if len(text) != 36 {
		return "", false
	}
	key = strings.ToLower(text)
	return key, tokenstore.ValidBrokerKey(key) == nil
}

// check answers whether a key id was rescinded: that of the header, or of the path. It does
// not say that a token is good: nobody may call anything with one that was minted and is not
// bound, nor with one that never was.
func (a *API) check(header, said string) endpoint {
	return func(w http.ResponseWriter, r *http.Request, store *tokenstore.Store) *schemes.Refusal {
		if header != "" {
			said = r.Header.Get(header)
		}
		key, ok := keyOf(said)
		if !ok {
			return invalid(invalidValue)
		}
		over, err := a.isOver(r.Context(), store, key)
		switch {
		case err != nil:
			return schemes.Unavailable(err)
		case over:
			return &schemes.Refusal{Status: http.StatusForbidden, Reason: schemes.EndedCredential, Public: "Denied"}
		}
		write(w, http.StatusOK, bareText, []byte("OK"))
		return nil
	}
}

// isOver tells whether the token of a key id has ended: one of the gateway's, or one that a
// BitBroker issued before it came.
func (a *API) isOver(ctx context.Context, store *tokenstore.Store, key string) (bool, error) {
	info, err := store.TokenByAccessor(ctx, key)
	switch {
	case err == nil && info.Realm == a.config.Realm:
		return info.Status == string(tokenstore.Revoked) || info.Status == string(tokenstore.Expired), nil
	case err != nil && !errors.Is(err, tokenstore.ErrNotFound):
		return false, fmt.Errorf("token %s: %w", key, err)
	}
	return a.isCutOff(ctx, store, key)
}

// isCutOff tells whether a key id that is none of the gateway's was rescinded.
func (a *API) isCutOff(ctx context.Context, store *tokenstore.Store, key string) (bool, error) {
	// What else could have ended a token, such as the end of its policy, is not asked: a
	// token that is issued later than all that is over by nothing but its key id.
	standing, err := store.ForeignStanding(ctx, a.config.Realm, key, tokenstore.CoordinatorToken, "", store.Now().Add(time.Hour))
	return !standing.Rescinded.IsZero(), err
}

// showKeys answers with the keys with which tokens are signed: none.
func showKeys(w http.ResponseWriter, _ *http.Request, _ *tokenstore.Store) *schemes.Refusal {
	writeJSON(w, http.StatusOK, authJSON, struct {
		Keys []struct{} `json:"keys"`
	}{[]struct{}{}})
	return nil
}
