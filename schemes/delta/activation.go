package delta

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
	"github.com/gatehouse-auth/gatehouse/web"
)

// An activation link is opened by two kinds of callers. A program follows it and
// receives the profile at once, as in Zalando's usage notes. A person's
// browser, and most of what previews links in mails and chats, asks for
// text/html and receives a page, which consumes nothing; the page's button posts
// the code, and that delivers the file.

// formField holds the code in the page's form: a body, unlike a URL, is in no log.
const formField = "code"

// maxForm is enough for the form, in bytes.
const maxForm = 4 << 10

func (s *Scheme) serveActivation(w http.ResponseWriter, call *schemes.Call) error {
	r := call.Request
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		code, err := codeFromQuery(r.URL.RawQuery)
		if err != nil {
			return linkRefusal(err)
		}
		// HEAD never consumes: link checkers use it.
		if r.Method == http.MethodHead || s.config.PageOnly || wantsPage(r) {
			return s.showPage(w, call, code)
		}
		return s.deliver(w, call, code)
	case http.MethodPost:
		r.Body = schemes.OwnBody(w, r, maxForm)
		if err := r.ParseForm(); err != nil {
			return &schemes.Refusal{
				Status: http.StatusBadRequest, Reason: schemes.BadRequest,
				Public: "Send the form of the activation page.",
			}
		}
		code, err := secret.Parse(secret.ActivationCode, r.PostForm.Get(formField))
		if err != nil {
			return linkRefusal(err)
		}
		return s.deliver(w, call, code)
	default:
		return schemes.MethodNotAllowed("GET, HEAD, POST")
	}
}

// codeFromQuery takes the code that is the whole query. What clients and mail
// programs append is cut off: a "=", or parameters of their own.
func codeFromQuery(query string) (secret.Token, error) {
	code, _, _ := strings.Cut(query, "&")
	return secret.Parse(secret.ActivationCode, strings.TrimSuffix(code, "="))
}

// wantsPage tells whether the caller accepts HTML by name; "*/*" does not count,
// programs send it.
func wantsPage(r *http.Request) bool {
	for _, line := range r.Header.Values("Accept") {
		for part := range strings.SplitSeq(line, ",") {
			mediaType, _, _ := strings.Cut(part, ";")
			switch strings.ToLower(strings.TrimSpace(mediaType)) {
			case "text/html", "application/xhtml+xml":
				return true
			}
		}
	}
	return false
}

// usableLink returns a link that can be used by the caller. To others it tells
// nothing, neither for whom the link is nor that it is one.
func (s *Scheme) usableLink(ctx context.Context, call *schemes.Call, code secret.Token) (*schemes.Backend, tokenstore.LinkInfo, error) {
	backend, err := s.open(ctx)
	if err != nil {
		return nil, tokenstore.LinkInfo{}, schemes.Unavailable(err)
	}
	info, err := backend.Store.Link(ctx, s.config.Realm, code.Digest())
	if disabled := (*tokenstore.DisabledError)(nil); errors.As(err, &disabled) {
		info.Recipient = disabled.Recipient
	} else if err != nil {
		return nil, tokenstore.LinkInfo{}, linkRefusal(err)
	}
	if elsewhere := mayCallFrom(&info.Recipient, call.ClientIP); elsewhere != nil {
		return nil, tokenstore.LinkInfo{}, elsewhere
	}
	if err != nil {
		return nil, tokenstore.LinkInfo{}, linkRefusal(err)
	}
	return backend, info, nil
}

// mayCallFrom refuses callers outside of a recipient's networks.
func mayCallFrom(recipient *tokenstore.Recipient, clientIP string) error {
	networks, err := recipient.Prefixes()
	switch {
	case err != nil:
		return schemes.Unavailable(err)
	case len(networks) > 0 && !schemes.Within(networks, clientIP):
		return schemes.AddressRefused()
	}
	return nil
}

// showPage shows the page of a link and consumes nothing.
func (s *Scheme) showPage(w http.ResponseWriter, call *schemes.Call, code secret.Token) error {
	call.Action = "getActivationUrlInfo"
	backend, info, err := s.usableLink(call.Request.Context(), call, code)
	if err != nil {
		return err
	}
	var page bytes.Buffer
	if err := pages.Activation(&page, web.Activation{
		Recipient:  info.Recipient.Name,
		Sharer:     s.config.sharer(),
		Shares:     sharesOf(info.Recipient.Grants),
		ExpiresAt:  info.Link.ExpiresAt,
		WorksUntil: worksUntil(info, backend.Store.Now(), s.config.TokenLifetime),
		OAuth:      info.Recipient.Auth == tokenstore.ClientCredentials,
		Code:       code.Reveal(),
		Action:     ActivationPath,
	}); err != nil {
		return err
	}
	return writePage(w, http.StatusOK, page.Bytes())
}

// deliver uses the link: it mints the credential and sends the profile. Of two
// callers at once, exactly one gets here past Activate.
func (s *Scheme) deliver(w http.ResponseWriter, call *schemes.Call, code secret.Token) error {
	call.Action = "retrieveRecipientToken"
	if call.EarlyData {
		return schemes.TooEarly()
	}
	// A caller that leaves must not leave a used link without a delivered token
	// more often than the network makes unavoidable.
	ctx := context.WithoutCancel(call.Request.Context())
	// Networks and kind are those of the recipient as it is now. A list that changes
	// before the link is used is judged again when the credential is; the kind never
	// changes.
	backend, info, err := s.usableLink(ctx, call, code)
	if err != nil {
		return err
	}
	kind, prefix := info.Recipient.CredentialKind(), secret.DeltaToken
	if kind == tokenstore.ClientSecret {
		prefix = secret.ClientSecret
	}
	minted := secret.New(prefix)
	holder, err := backend.Store.Activate(ctx, s.config.Realm, code.Digest(), minted.Digest(), kind, s.config.TokenLifetime)
	if err != nil {
		return linkRefusal(err)
	}
	call.Identity = &schemes.Identity{
		Scheme: s.Name(), Realm: s.config.Realm, Kind: kindRecipient,
		Subject: holder.Recipient.ID, Name: holder.Recipient.Name, Accessor: holder.Token.Accessor,
	}
	var file any = newProfile(&s.config, minted.Reveal(), holder.Token.ExpiresAt)
	if kind == tokenstore.ClientSecret {
		file = newClientProfile(&s.config, holder.Recipient.ID, minted.Reveal())
	}
	web.SecurityHeaders(w.Header())
	w.Header().Set("Content-Disposition", `attachment; filename="`+ProfileFilename+`"`)
	writeJSON(w, http.StatusOK, "application/json; charset=utf-8", file)
	return nil
}

// linkRefusal says what became of a link. Used and expired are told only to who
// holds a code that was given out.
func linkRefusal(err error) *schemes.Refusal {
	var (
		over     *tokenstore.LinkOverError
		disabled *tokenstore.DisabledError
	)
	refusal := &schemes.Refusal{Status: http.StatusGone, Reason: schemes.EndedCredential, Cause: err}
	switch {
	case errors.As(err, &over) && over.Used:
		refusal.Public = "This activation link has been used; it delivers its credential once. Ask the data provider for a new link if you do not have the file."
	case errors.As(err, &over):
		refusal.Public = "This activation link has expired, was revoked or was replaced. Ask the data provider for a new one."
	case errors.As(err, &disabled):
		return disabledRefusal(err)
	case errors.Is(err, tokenstore.ErrNotFound), errors.Is(err, secret.ErrMalformed):
		refusal.Status, refusal.Reason = http.StatusNotFound, schemes.BadCredential
		refusal.Public = "This is not a valid activation link. Check that it was copied completely, or ask the data provider for a new one."
	default:
		return schemes.Unavailable(err)
	}
	return refusal
}

// pages are the pages of a link; they hold nothing of a site.
var pages = web.New()

// refuseActivation writes a refusal as a page for people, else as the protocol's
// error.
func (s *Scheme) refuseActivation(w http.ResponseWriter, call *schemes.Call, refusal *schemes.Refusal) {
	var over *tokenstore.LinkOverError
	show := pages.Unavailable
	switch {
	case errors.As(refusal.Cause, &over) && over.Used:
		show = pages.Used
	case refusal.Reason == schemes.WrongAddress:
		show = pages.Elsewhere
	case refusal.Status == http.StatusForbidden:
		show = pages.Disabled
	case refusal.Status == http.StatusGone:
		show = pages.Expired
	case refusal.Status == http.StatusNotFound, refusal.Status == http.StatusBadRequest:
		show = pages.Unknown
	}
	var page bytes.Buffer
	// The page of a failure says that the link was not used up, which after a POST
	// nobody may know.
	unsure := refusal.Status >= http.StatusInternalServerError && call.Request.Method == http.MethodPost
	if !wantsPage(call.Request) || unsure || show(&page, s.config.sharer()) != nil {
		web.SecurityHeaders(w.Header())
		writeProtocolError(w, refusal)
		return
	}
	refusalHeaders(w.Header(), refusal)
	_ = writePage(w, refusal.Status, page.Bytes())
}

func writePage(w http.ResponseWriter, status int, page []byte) error {
	web.SecurityHeaders(w.Header())
	w.Header().Set("Content-Type", web.ContentType)
	w.WriteHeader(status)
	_, _ = w.Write(page) // the client is gone: nobody is left to tell
	return nil
}
