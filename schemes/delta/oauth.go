package delta

import (
	"encoding/base64"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/headers"
	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// The token endpoint is that of OAuth 2.0 for the grant of client credentials (RFC
// 6749 section 4.4). The client's id is the recipient's, its secret what the
// activation link delivered.

// tokenAnswer is a successful answer (RFC 6749 section 5.1).
type tokenAnswer struct {
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type"`
	ExpiresIn   int64  `json:"expires_in"` // seconds
}

// exchangeLimits bound how many access tokens a client gets: each is a record of the
// store for a day. A client needs one an hour; the burst is for a cluster whose
// machines all begin at once.
var exchangeLimits = schemes.Limits{Rate: 1, Burst: 120}

// serveToken answers the token endpoint.
func (s *Scheme) serveToken(w http.ResponseWriter, call *schemes.Call) error {
	call.Action = "issueAccessToken"
	r := call.Request
	switch {
	case r.Method != http.MethodPost:
		return schemes.MethodNotAllowed("POST") // RFC 6749 section 3.2
	case call.EarlyData:
		return schemes.TooEarly()
	case r.URL.RawQuery != "":
		// RFC 6749 section 2.3.1: credentials in a URL would reach the log of every
		// server on the way. Nothing else belongs there either.
		return badExchange("Send the parameters in the body, not in the URL.", nil)
	}
	client, refusal := clientOf(w, r)
	if refusal != nil {
		return refusal
	}
	return s.exchange(w, call, client)
}

// client is who asks for an access token.
type client struct {
	id     string
	secret schemes.Credential
}

// clientOf reads a request of the token endpoint. The parameter scope is not looked
// at: what a token may do is what its recipient is granted, neither more nor less,
// and clients send scopes that other servers asked them for.
func clientOf(w http.ResponseWriter, r *http.Request) (client, *schemes.Refusal) {
	mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || mediaType != "application/x-www-form-urlencoded" || len(r.Header.Values("Content-Type")) != 1 {
		return client{}, badExchange("Send a form: Content-Type: application/x-www-form-urlencoded.", err)
	}
	data, err := io.ReadAll(schemes.OwnBody(w, r, maxForm))
	if err != nil {
		return client{}, badExchange("The body is too long, or was not received.", err)
	}
	form, err := formOf(string(data))
	if err != nil {
		return client{}, badExchange("The body is not a form in which each parameter stands once.", err)
	}
	switch form["grant_type"] {
	case "client_credentials":
	case "":
		return client{}, badExchange("The parameter grant_type is missing.", nil)
	default:
		return client{}, badExchange("The only grant_type here is client_credentials.", errGrantType)
	}
	authorization, present, err := headers.Single(r.Header, "Authorization")
	if err != nil {
		return client{}, badExchange("Send exactly one Authorization header.", err)
	}
	found := client{form["client_id"], schemes.NewCredential(form["client_secret"])}
	if present {
		byHeader, err := basicOf(authorization)
		switch {
		case err != nil:
			return client{}, unknownClient(err)
		case !found.secret.IsZero() || found.id != "" && found.id != byHeader.id:
			return client{}, badExchange("Authenticate in one way: by the Authorization header or by parameters.", nil)
		}
		found = byHeader
	}
	return found, nil
}

var (
	errRepeated  = errors.New("a parameter stands in the form twice")
	errSemicolon = errors.New("a semicolon stands in the form, where some servers part parameters")
	errBasic     = errors.New("the Authorization header holds no id and secret of the scheme Basic")
)

// formOf reads a form in which no parameter occurs twice (RFC 6749 section 3.2). One
// without a value is as good as absent. The value of scope is left out: clients send it
// as it stands in their profile, not encoded.
func formOf(body string) (map[string]string, error) {
	form := make(map[string]string)
	for parameter := range strings.SplitSeq(body, "&") {
		if parameter == "" {
			continue
		}
		name, value, _ := strings.Cut(parameter, "=")
		name, err := url.QueryUnescape(name)
		if err != nil {
			return nil, err
		}
		if _, twice := form[name]; twice {
			return nil, errRepeated
		}
		switch {
		case name == "scope":
			value = ""
		case strings.Contains(parameter, ";"):
			return nil, errSemicolon
		}
		if form[name], err = url.QueryUnescape(value); err != nil {
			return nil, err
		}
	}
	return form, nil
}

// basicOf reads an Authorization header of the scheme Basic. Both halves are encoded
// like values of a form inside of it (RFC 6749 section 2.3.1).
func basicOf(authorization string) (client, error) {
	scheme, encoded, _ := strings.Cut(authorization, " ")
	if !strings.EqualFold(scheme, "Basic") {
		return client{}, errBasic
	}
	encoded = strings.TrimLeft(encoded, " ")
	if strings.ContainsAny(encoded, "\r\n") { // which the decoder passes over
		return client{}, errBasic
	}
	decoded, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return client{}, errBasic // its text might quote the secret
	}
	id, password, ok := strings.Cut(string(decoded), ":")
	if !ok {
		return client{}, errBasic
	}
	id, badID := url.QueryUnescape(id)
	password, badPassword := url.QueryUnescape(password)
	if badID != nil || badPassword != nil {
		return client{}, errBasic
	}
	return client{id, schemes.NewCredential(password)}, nil
}

// exchange gives a client that is who it says an access token.
func (s *Scheme) exchange(w http.ResponseWriter, call *schemes.Call, c client) error {
	presented, err := secret.Parse(secret.ClientSecret, c.secret.Reveal())
	if err != nil {
		return unknownClient(err) // garbage: the checksum tells, without the store
	}
	ctx := call.Request.Context()
	backend, err := s.open(ctx)
	if err != nil {
		return schemes.Unavailable(err)
	}
	holder, err := backend.Store.ClientSecretHolder(ctx, s.config.Realm, presented.Digest())
	if err == nil && holder.Recipient.ID != c.id {
		err = tokenstore.ErrNotFound
	}
	if err != nil {
		return exchangeRefusal(err, c.id)
	}
	// For the audit: the credential is the secret.
	call.Identity = &schemes.Identity{
		Scheme: s.Name(), Realm: s.config.Realm, Kind: kindRecipient,
		Subject: holder.Recipient.ID, Name: holder.Recipient.Name, Accessor: holder.Token.Accessor,
	}
	if err := mayCallFrom(&holder.Recipient, call.ClientIP); err != nil {
		return err
	}
	// Counted only now: a stranger who knows the id must not be able to use up what
	// the client may do.
	key := schemes.LimitKey{Realm: s.config.Realm, Subject: holder.Recipient.ID, Purpose: "token endpoint"}
	lease, retryAfter, ok := backend.Limiter.Take(key, exchangeLimits)
	if !ok {
		return schemes.TooMany(retryAfter)
	}
	defer lease.Release()

	token := secret.New(secret.AccessToken)
	issued, err := backend.Store.IssueAccessToken(ctx, s.config.Realm, c.id, presented.Digest(), tokenstore.NewAccessToken{
		Accessor: secret.NewAccessor(), Digest: token.Digest(), Lifetime: s.config.AccessTokenLifetime,
	})
	if err != nil {
		return exchangeRefusal(err, c.id)
	}
	touch := backend.Store.Touch
	if !holder.Token.RotatedAt.IsZero() {
		touch = backend.Store.TouchBy
	}
	touch(holder.Token.Accessor, call.ClientIP, call.Request.UserAgent())
	oauthHeaders(w.Header())
	writeJSON(w, http.StatusOK, "application/json", tokenAnswer{
		AccessToken: token.Reveal(), TokenType: "Bearer",
		ExpiresIn: max(0, int64(issued.Token.ExpiresAt.Sub(issued.Token.IssuedAt)/time.Second)),
	})
	return nil
}

// exchangeRefusal says why a client gets no access token. Reasons are told only to
// who presents a secret that was issued to the client.
func exchangeRefusal(err error, clientID string) *schemes.Refusal {
	var (
		over     *tokenstore.EndedError
		disabled *tokenstore.DisabledError
	)
	switch {
	case errors.As(err, &over) && over.Token.Subject == clientID:
		return &schemes.Refusal{
			Status: http.StatusUnauthorized, Reason: schemes.EndedCredential, Cause: err,
			Public: endedText("client secret", over),
		}
	case errors.As(err, &disabled) && disabled.Recipient.ID == clientID:
		refusal := disabledRefusal(errors.Join(errClientDisabled, err))
		refusal.Status = http.StatusBadRequest // RFC 6749 section 5.2: unauthorized_client
		return refusal
	case errors.Is(err, tokenstore.ErrNotFound), over != nil, disabled != nil:
		return unknownClient(err)
	default:
		return schemes.Unavailable(err)
	}
}

// unknownClient is what a stranger is told: nothing.
func unknownClient(cause error) *schemes.Refusal {
	return &schemes.Refusal{
		Status: http.StatusUnauthorized, Reason: schemes.BadCredential, Cause: cause,
		Public: "The client id or the client secret is not valid.",
	}
}

func badExchange(public string, cause error) *schemes.Refusal {
	return &schemes.Refusal{Status: http.StatusBadRequest, Reason: schemes.BadRequest, Public: public, Cause: cause}
}

// Causes that have words of their own in RFC 6749.
var (
	errGrantType      = errors.New("another grant type than client_credentials")
	errClientDisabled = errors.New("the client is disabled")
)

// oauthError is an error of the token endpoint (RFC 6749 section 5.2).
type oauthError struct {
	Error       string `json:"error"`
	Description string `json:"error_description"`
}

// oauthCode is the word for a refusal. For what section 5.2 has no word for, those
// of section 4.1.2.1 are used, as other servers do.
func oauthCode(refusal *schemes.Refusal) string {
	switch {
	case errors.Is(refusal.Cause, errGrantType):
		return "unsupported_grant_type"
	case errors.Is(refusal.Cause, errClientDisabled):
		return "unauthorized_client"
	}
	switch refusal.Status {
	case http.StatusUnauthorized:
		return "invalid_client"
	case http.StatusForbidden:
		return "access_denied"
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return "temporarily_unavailable"
	case http.StatusInternalServerError:
		return "server_error"
	default:
		return "invalid_request"
	}
}

// writeOAuthError writes a refusal of the token endpoint.
func writeOAuthError(w http.ResponseWriter, refusal *schemes.Refusal) {
	refusalHeaders(w.Header(), refusal)
	oauthHeaders(w.Header())
	w.Header().Del("WWW-Authenticate")
	if refusal.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Basic realm="delta-sharing", charset="UTF-8"`)
	}
	writeJSON(w, refusal.Status, "application/json", oauthError{oauthCode(refusal), refusal.Public})
}

// oauthHeaders are those that RFC 6749 section 5.1 wants with every answer.
func oauthHeaders(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("Pragma", "no-cache")
}
