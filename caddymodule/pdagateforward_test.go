package caddymodule

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/schemes/pda"
)

// everyTrick are headers of a client that means to be somebody, or to tell tokens.
func everyTrick(r *http.Request, token string) {
	for name, value := range map[string]string{
		"X-Gatehouse-Subject": "bob", "X-Gatehouse-Kind": "owner", "X-Gatehouse-Roles": "owner", "X-Gatehouse-Token-Id": "x",
		"X-Gatehouse-Application": "evil", "X-Gatehouse-Anything": "evil", "X_Gatehouse_Subject": "evil", "X_Auth_Token": token, "X.Auth.Token": token,
		"Authorization": "Bearer " + token, "Proxy-Authorization": "Bearer " + token, "Cookie": "token=" + token,
		"X-Bbk-Auth-Token": token, "Token": token, "Username": "alice", "Password": alicePassword,
		"Referer": "https://app.example.com/?token=" + token, "Connection": "close, X-Gatehouse-Subject, X-Auth-Token", "Trailer": "X-Auth-Token",
	} {
		r.Header[name] = []string{value}
	}
}

func TestServerBehindGetsIdentityAndNoToken(t *testing.T) {
	h := newHousehold(t)
	owner := h.signIn()
	application := h.application(owner, "notes-app", "namespace-read:notes", "manage-files:photos")
	for _, tc := range []struct {
		name, path, token        string
		subject, kind, roles, of string
	}{
		{"owner", "/api/v2.6/data/notes/daily", owner, alice, "owner", "owner", ""},
		{"application", "/api/v2/data/notes/daily", application, alice, "application", "manage-files:photos,namespace-read:notes", "notes-app"},
		{"public", "/system/update", owner, "", "", "", ""},
		{"public with a token", "/api/v2.6/files/content/x", owner, alice, "owner", "owner", ""},
		{"public by nobody", "/api/v2.6/files/content/x", "", "", "", "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h.t = t
			r := askAlice("GET", tc.path, tc.token)
			everyTrick(r, owner)
			a := h.send(r).want(200, fromServer)
			got := a.forwarded.Header
			for name, want := range map[string]string{
				"X-Gatehouse-Subject": tc.subject, "X-Gatehouse-Kind": tc.kind, "X-Gatehouse-Roles": tc.roles, "X-Gatehouse-Application": tc.of,
			} {
				if strings.Join(got[name], "|") != want {
					t.Errorf("%s: %q, want %q", name, got[name], want)
				}
			}
			if (got.Get("X-Gatehouse-Token-Id") != "") != (tc.kind != "") {
				t.Errorf("token id %q", got["X-Gatehouse-Token-Id"])
			}
			for name, values := range got {
				text := name + fmt.Sprint(values)
				if strings.Contains(text, "eyJ") || strings.Contains(text, alicePassword) || strings.Contains(text, "evil") {
					t.Errorf("forwarded: %s", text)
				}
			}
		})
	}
}

func TestServerThatChecksTokensGetsExactlyOneOfItsOwnAccount(t *testing.T) {
	h := newHousehold(t, func(c *pda.Config) { c.UpstreamToken = true })
	owner := h.signIn()
	application := h.application(owner, "notes-app", "namespace-read:notes")
	h.advance(5 * time.Minute)
	for name, token := range map[string]string{"owner": owner, "application": application} {
		t.Run(name, func(t *testing.T) {
			h.t = t
			r := askAlice("GET", "/api/v2.6/data/notes/daily", token)
			everyTrick(r, owner)
			a := h.send(r).want(200, fromServer)
			lines := a.forwarded.Header["X-Auth-Token"]
			if len(lines) != 1 || lines[0] != a.fresh() || lines[0] == token {
				t.Fatalf("forwarded %d tokens, of which the first is the fresh one: %t", len(lines), len(lines) > 0 && lines[0] == a.fresh())
			}
			if !isSignedBy(lines[0], &householdKeys()[0].PublicKey) {
				t.Error("it does not verify with the imported key")
			}
			claims := said(t, lines[0])
			if got := decrypted(t, claims["sub"].(string), aliceCrypter); got != `{"providerID":"`+alice+`","providerKey":"alice"}` {
				t.Errorf("sub is %s", got)
			}
			if claims["jti"] != said(t, token)["jti"] {
				t.Error("another family")
			}
			for name, values := range a.forwarded.Header {
				if name != "X-Auth-Token" && strings.Contains(fmt.Sprint(values), "eyJ") {
					t.Errorf("a token in %s", name)
				}
			}
		})
	}
	h.t = t
	for _, path := range []string{"/system/update", "/healthz", "/control/v2/auth/passwordReset"} {
		method := map[bool]string{true: "POST", false: "GET"}[strings.HasSuffix(path, "Reset")]
		r := askAlice(method, path, owner)
		everyTrick(r, owner)
		if a := h.send(r).want(200, fromServer); len(a.forwarded.Header["X-Auth-Token"]) != 0 {
			t.Errorf("%s: a token was forwarded", path)
		}
	}
}

// decrypted is what a subject holds, as the server behind decrypts it.
func decrypted(t *testing.T, subject, key string) string {
	t.Helper()
	text, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(subject, "1-"))
	if err != nil || !strings.HasPrefix(subject, "1-") || len(text) < aes.BlockSize {
		t.Fatalf("%q is no subject: %v", subject, err)
	}
	sum := sha256.Sum256([]byte(key))
	block, err := aes.NewCipher(sum[:])
	if err != nil {
		t.Fatal(err)
	}
	cipher.NewCTR(block, text[:aes.BlockSize]).XORKeyStream(text[aes.BlockSize:], text[aes.BlockSize:])
	return string(text[aes.BlockSize:])
}

// What a proxy passes on besides the final status line and its headers: interim answers
// and trailers, both ways.
func TestTokensOfTheServerBehindStayBehindOnTheWire(t *testing.T) {
	trailers := make(chan http.Header, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		trailers <- r.Trailer
		w.Header().Set("X-Auth-Token", notTheirs)
		w.Header().Set("Link", "</x>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Set("Trailer", "X-Auth-Token, X-Sum")
		w.WriteHeader(http.StatusOK)
		_, _ = io.WriteString(w, "text")
		w.Header().Set("X-Sum", "1")
		w.Header().Add("X-Auth-Token", notTheirs)
		w.Header().Set(http.TrailerPrefix+"X-Auth-Token", notTheirs)
	}))
	defer server.Close()
	g := startGatewayWith(t, httpApp(`{"handle": [`+pdaJSON("")+`, {"handler": "reverse_proxy", "upstreams": [{"dial": "`+
		strings.TrimPrefix(server.URL, "http://")+`"}]}]}`))
	g.account(bob)
	token := signIn(t, g.site, bob, bobPassword)
	gate := httptest.NewServer(g.site)
	defer gate.Close()

	for _, path := range []string{"/api/v2.6/data/notes/daily", "/control/v2/auth/passwordReset"} {
		body := struct{ io.Reader }{strings.NewReader("{}")} // without a length, so in chunks
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, gate.URL+path, body)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = bob
		r.Header.Set("X-Auth-Token", token)
		r.Trailer = http.Header{"X-Auth-Token": {token}, "X-Gatehouse-Subject": {"evil"}}
		interim := 0
		r = r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{
			Got1xxResponse: func(code int, header textproto.MIMEHeader) error {
				interim++
				if values := header["X-Auth-Token"]; len(values) > 0 {
					t.Errorf("%s: a %d carries %d tokens", path, code, len(values))
				}
				return nil
			},
		}))
		answer, err := gate.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.Copy(io.Discard, answer.Body)
		answer.Body.Close()
		if err != nil || answer.StatusCode != 200 || interim == 0 {
			t.Fatalf("%s: %d, %v, %d interim answers", path, answer.StatusCode, err, interim)
		}
		if lines := answer.Header["X-Auth-Token"]; len(lines) > 1 || len(lines) == 1 && lines[0] == notTheirs {
			t.Errorf("%s: X-Auth-Token %q", path, lines)
		}
		for name, values := range answer.Trailer {
			if strings.EqualFold(name, "X-Auth-Token") && len(values) > 0 {
				t.Errorf("%s: X-Auth-Token as trailer: %q", path, values)
			}
		}
		if got := <-trailers; len(got) > 0 {
			t.Errorf("%s: trailers reached the server behind: %v", path, got)
		}
	}
}
