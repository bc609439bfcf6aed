package pda

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// serveValidate is GET /users/access_token/validate.
func (s *Scheme) serveValidate(w http.ResponseWriter, call *schemes.Call) error {
	return s.reply(w, call, message{"Authenticated"})
}

// serveSignOut ends the caller's own tokens; those of applications go on. There is no
// such endpoint in the original.
func (s *Scheme) serveSignOut(w http.ResponseWriter, call *schemes.Call) error {
	ctx := call.Request.Context()
	b, err := s.open(ctx)
	if err != nil {
		return schemes.Unavailable(err)
	}
	err = b.Store.SignOut(ctx, s.config.Realm, familyOf(call.Identity).digest, actorOf(call))
	if err != nil && !errors.Is(err, tokenstore.ErrNotFound) {
		return schemes.Unavailable(err)
	}
	call.Renewed = schemes.Credential{}
	w.Header().Set("Cache-Control", "no-store")
	return s.reply(w, call, message{"Signed out"})
}

// serveAccessToken is GET /applications/{id}/access-token: a token for an application
// in the body, the caller's own in the header.
func (s *Scheme) serveAccessToken(w http.ResponseWriter, call *schemes.Call) error {
	id := s.routeOf(call).Param("application")
	account, b, application, err := s.applicationOf(call, id)
	if errors.Is(err, tokenstore.ErrNotFound) {
		return unknownApplication(http.StatusNotFound, id)
	}
	if err != nil {
		return err
	}
	if application.Disabled {
		return controllerRefusal(http.StatusBadRequest, schemes.Conflict, "Bad Request", "The operator has disabled this application")
	}
	parent := familyOf(call.Identity).digest
	text, err := s.begin(call.Request.Context(), b, account, call, tokenstore.NewFamily{
		Scope: tokenstore.ApplicationScope, Application: application.ID, Parent: &parent, CapByParent: s.config.CapApplications,
	}, claims{Application: application.ID})
	if err != nil {
		return err
	}
	return s.reply(w, call, accessToken{text, account.UserID})
}

// serveServiceToken is GET /users/application_token?name=&resource=: a token that proves
// to a service whose it is.
func (s *Scheme) serveServiceToken(w http.ResponseWriter, call *schemes.Call) error {
	query := call.Request.URL.Query()
	if query.Get("name") == "" || query.Get("resource") == "" {
		return badRequest("Name the service: ?name=…&resource=…", nil)
	}
	text, userID, err := s.serviceToken(call, query.Get("resource"))
	if err != nil {
		return err
	}
	return s.reply(w, call, accessToken{text, userID})
}

// maxResource bounds what a service token is for, in bytes.
const maxResource = 1024

func (s *Scheme) serviceToken(call *schemes.Call, resource string) (text, userID string, err error) {
	if len(resource) > maxResource || strings.ContainsFunc(resource, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\uFFFD' }) {
		return "", "", badRequest("The name of the resource is not acceptable.", nil)
	}
	account, b, err := s.accountFor(call)
	if err != nil {
		return "", "", err
	}
	parent := familyOf(call.Identity).digest
	text, err = s.begin(call.Request.Context(), b, account, call, tokenstore.NewFamily{
		Scope: tokenstore.ValidateScope, Parent: &parent, CapByParent: s.config.CapApplications,
	}, claims{Resource: resource, Scope: string(tokenstore.ValidateScope)})
	return text, account.UserID, err
}

// serveHatLogin is GET /control/v2/auth/hatlogin?name=&redirect=: where a browser is to
// go with a token. It goes nowhere that the application is not registered with.
func (s *Scheme) serveHatLogin(w http.ResponseWriter, call *schemes.Call) error {
	query := call.Request.URL.Query()
	name, redirect := query.Get("name"), query.Get("redirect")
	_, _, application, err := s.applicationOf(call, name)
	if errors.Is(err, tokenstore.ErrNotFound) || err == nil && (application.Disabled || !slices.Contains(application.RedirectURIs, redirect)) {
		return controllerRefusal(http.StatusBadRequest, schemes.Forbidden, "Bad Request", "The redirect URI is not registered for this application")
	}
	if err != nil {
		return err
	}
	target, err := url.Parse(redirect)
	if err != nil {
		return badRequest("The redirect URI is not acceptable.", err)
	}
	text, _, err := s.serviceToken(call, redirect)
	if err != nil {
		return err
	}
	if target.RawQuery != "" {
		target.RawQuery += "&"
	}
	target.RawQuery += "token=" + text
	return s.reply(w, call, message{target.String()})
}
