package dx

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/schemes/schemestest"
)

func TestWhereTheTokenIs(t *testing.T) {
	s := newSite(t)
	good, other := identityToken().signed(), identityToken("role", "provider").signed()
	for name, tc := range map[string]struct {
		headers []string
		status  int
		code    string
	}{
		"token":                        {[]string{"token", good}, 200, ""},
		"bearer":                       {[]string{"Authorization", "Bearer " + good}, 200, ""},
		"in small letters":             {[]string{"Authorization", "bearer " + good}, 200, ""},
		"in capitals":                  {[]string{"Authorization", "BEARER " + good}, 200, ""},
		"alone in Authorization":       {[]string{"Authorization", good}, 200, ""},
		"both the same":                {[]string{"token", good, "Authorization", "Bearer " + good}, 200, ""},
		"both the same, alone":         {[]string{"token", good, "Authorization", good}, 200, ""},
		"none":                         {nil, 401, "no_token"},
		"both, other ones":             {[]string{"token", good, "Authorization", "Bearer " + other}, 400, "two_tokens"},
		"both, one of no use":          {[]string{"token", good, "Authorization", "Basic eDp5"}, 400, "two_tokens"},
		"both, one empty":              {[]string{"token", "", "Authorization", "Bearer " + good}, 400, "two_tokens"},
		"both, the other empty":        {[]string{"token", good, "Authorization", ""}, 400, "two_tokens"},
		"token twice":                  {[]string{"token", good, "token", good}, 400, "two_tokens"},
		"Authorization twice":          {[]string{"Authorization", "Bearer " + good, "Authorization", "Bearer " + good}, 400, "two_tokens"},
		"token with a word":            {[]string{"token", "Bearer " + good}, 401, "malformed"},
		"token empty":                  {[]string{"token", ""}, 401, "malformed"},
		"two tokens in one":            {[]string{"token", good + ", " + other}, 401, "malformed"},
		"another word":                 {[]string{"Authorization", "Basic " + good}, 401, "not_bearer"},
		"two spaces":                   {[]string{"Authorization", "Bearer  " + good}, 401, "not_bearer"},
		"a tab":                        {[]string{"Authorization", "Bearer\t" + good}, 401, "not_bearer"},
		"three words":                  {[]string{"Authorization", "Bearer " + good + " x"}, 401, "not_bearer"},
		"the word alone":               {[]string{"Authorization", "Bearer "}, 401, "not_bearer"},
		"an empty Authorization":       {[]string{"Authorization", ""}, 401, "not_bearer"},
		"two joined by a comma":        {[]string{"Authorization", "Bearer " + good + ",Bearer " + other}, 401, "not_bearer"},
		"a header of another contract": {[]string{"X-Auth-Token", good}, 401, "no_token"},
		"a cookie":                     {[]string{"Cookie", "token=" + good}, 401, "no_token"},
		"delegationId":                 {[]string{"delegationId", alice}, 401, "no_token"},
	} {
		t.Run(name, func(t *testing.T) {
			a := s.serve(schemestest.Request("GET", basicPath, "", tc.headers...))
			a.wants(t, tc.status, tc.code)
			if tc.status == 200 && len(a.forwarded.Header) != len(tc.headers)/2 {
				t.Errorf("the server behind gets %d headers", len(a.forwarded.Header))
			}
			for i := 0; tc.status == 200 && i < len(tc.headers); i += 2 {
				if got := a.forwarded.Header.Get(tc.headers[i]); got != tc.headers[i+1] {
					t.Errorf("%s reaches the server behind as %q", tc.headers[i], got)
				}
			}
		})
	}
}

func TestVerifyTakesBearerTokensOnly(t *testing.T) {
	s := newSite(t)
	good := serverToken().signed()
	for name, tc := range map[string]struct {
		headers []string
		status  int
		code    string
	}{
		"bearer":                 {[]string{"Authorization", "bearer " + good}, 200, ""},
		"with the same as token": {[]string{"Authorization", "Bearer " + good, "token", good}, 200, ""},
		"with another as token":  {[]string{"Authorization", "Bearer " + good, "token", identityToken().signed()}, 400, "two_tokens"},
		"none":                   {nil, 400, "no_token"},
		"as token":               {[]string{"token", good}, 400, "no_token"},
		"alone in Authorization": {[]string{"Authorization", good}, 401, "not_bearer"},
		"two spaces":             {[]string{"Authorization", "Bearer  " + good}, 401, "not_bearer"},
		"another word":           {[]string{"Authorization", "Basic " + good}, 401, "not_bearer"},
		"another word and token": {[]string{"Authorization", "Basic " + good, "token", good}, 400, "two_tokens"},
	} {
		t.Run(name, func(t *testing.T) {
			s.serve(schemestest.Request("POST", verifyPath, "{}", tc.headers...)).wants(t, tc.status, tc.code)
		})
	}
}

// Where nobody is asked for a token, whatever is sent as one is neither looked at nor
// passed on.
func TestPublicRoutesLookAtNobody(t *testing.T) {
	s := newSite(t)
	for name, headers := range map[string][]string{
		"bad":       {"token", "x", "Authorization", "Basic eDp5"},
		"good":      {"token", identityToken().signed()},
		"twice":     {"token", "a", "token", "b"},
		"strangers": {"Authorization", "Bearer " + signES256(strangerKey(), header.text(), identityToken().text())},
	} {
		t.Run(name, func(t *testing.T) {
			a := s.serve(schemestest.Request("GET", "/apis", "", headers...))
			a.wants(t, http.StatusOK, "")
			if a.call.Identity != nil || len(a.forwarded.Header) != 0 {
				t.Errorf("identity %v, headers %v", a.call.Identity, a.forwarded.Header)
			}
			s.serve(schemestest.Request("GET", "/nothing", "", headers...)).wants(t, http.StatusNotFound, "")
			s.serve(schemestest.Request("PATCH", basicPath, "", headers...)).wants(t, http.StatusMethodNotAllowed, "")
		})
	}
}

func TestOtherCredentialsStayHere(t *testing.T) {
	s := newSite(t)
	a := s.serve(schemestest.Request("GET", basicPath, "", "token", identityToken().signed(), "Cookie", "a=b", "X-Auth-Token", "a",
		"X-Bbk-Auth-Token", "a", "Proxy-Authorization", "Basic eDp5", "Upgrade", "websocket", "Accept", "*/*"))
	if a.forwarded == nil || len(a.forwarded.Header) != 2 {
		t.Fatalf("the server behind gets %v", a.forwarded.Header)
	}
}

func FuzzCredential(f *testing.F) {
	s := newSite(f)
	good := identityToken().signed()
	for _, seed := range []struct{ token, authorization string }{
		{good, ""}, {"", "Bearer " + good}, {good, "Bearer " + good}, {good, good}, {"", "Bearer  " + good}, {"x", "Basic eDp5"},
	} {
		f.Add(seed.token, seed.authorization, false)
	}
	f.Fuzz(func(t *testing.T, token, authorization string, verify bool) {
		s.t = t
		r := schemestest.Request("GET", basicPath, "")
		if verify {
			r = schemestest.Request("POST", verifyPath, "{}")
		}
		if token != "" {
			r.Header["Token"] = []string{token}
		}
		if authorization != "" {
			r.Header["Authorization"] = []string{authorization}
		}
		a := s.serve(r)
		if a.forwarded == nil {
			return
		}
		// What passes is the one good token, in every header that has one.
		word, bearer, _ := strings.Cut(authorization, " ")
		bare := authorization == good || strings.EqualFold(word, "bearer") && bearer == good
		if token != "" && token != good || authorization != "" && !bare || verify {
			t.Errorf("token %q and authorization %q pass", token, authorization)
		}
	})
}
