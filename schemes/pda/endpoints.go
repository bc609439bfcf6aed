package pda

import (
	"cmp"
	"net/http"
	"slices"

	"github.com/gatehouse-auth/gatehouse/schemes"
)

// ownEndpoint is an endpoint that the scheme serves itself, at a route of that pattern.
// Who may call it is said by the rules.
type ownEndpoint struct {
	method string // as the rule has it; empty: GET
	serve  schemes.Endpoint
	action string // as the audit names it
	// changes says that a replay would do harm.
	changes bool
}

func (s *Scheme) ownEndpoints() map[string]ownEndpoint {
	return map[string]ownEndpoint{
		patternSignIn:       {serve: s.serveSignIn, action: "signIn", changes: true},
		patternValidate:     {serve: s.serveValidate, action: "validateToken"},
		patternServiceJWT:   {serve: s.serveServiceToken, action: "issueServiceToken", changes: true},
		patternPublicKey:    {serve: s.servePublicKey, action: "getPublicKey"},
		patternKeySet:       {serve: s.serveKeySet, action: "getKeySet"},
		patternPassword:     {method: http.MethodPost, serve: s.servePassword, action: "changePassword", changes: true},
		patternSignOut:      {method: http.MethodPost, serve: s.serveSignOut, action: "signOut", changes: true},
		patternLogin:        {serve: s.serveHatLogin, action: "issueServiceToken", changes: true},
		patternApplications: {serve: s.serveApplications, action: "listApplications"},
		patternHMI:          {serve: s.serveApplications, action: "listApplications"},
		patternApplication:  {serve: s.serveApplication, action: "getApplication"},
		patternSetUp:        {serve: s.serveSetUp, action: "setUpApplication", changes: true},
		patternDisable:      {serve: s.serveDisable, action: "disableApplication", changes: true},
		patternAccessToken:  {serve: s.serveAccessToken, action: "issueApplicationToken", changes: true},
		patternPublicHMI:    {serve: s.servePublicHMI, action: "getApplication"},
	}
}

// Endpoints returns what the scheme serves itself, as methods and paths.
func (s *Scheme) Endpoints() []string {
	var all []string
	for pattern, endpoint := range s.own {
		all = append(all, cmp.Or(endpoint.method, http.MethodGet)+" "+pattern)
	}
	slices.Sort(all)
	return all
}

// reply answers with JSON and the headers that go with every answer.
func (s *Scheme) reply(w http.ResponseWriter, call *schemes.Call, body any) error {
	s.dress(call, http.StatusOK, w.Header())
	writeJSON(w, http.StatusOK, body)
	return nil
}

// message is the success shape of the contract.
type message struct {
	Message string `json:"message"`
}

// accessToken is the answer that hands out a token.
type accessToken struct {
	AccessToken string `json:"accessToken"`
	UserID      string `json:"userId"`
}
