package caddymodule

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/gatehouse-auth/gatehouse/schemes/bitbroker"
)

func TestBitBrokerConfigurationThatCannotWorkFailsToLoad(t *testing.T) {
	const earlier = `, "mode": "in_front", "earlier_tokens": {"keys": "https://auth.example.com/jwks.json", "until": "2027-03-31"}`
	for _, tc := range []struct{ name, options, want string }{
		{"an unknown mode", `, "mode": "infront"`, "mode: "},
		{"limits per something else", `, "limits_per": "user"`, "limits_per: "},
		{"a base path with a capital", `, "consumer": "/Consumer/v1"`, "consumer: "},
		{"a base path with a slash at the end", `, "consumer": "/consumer/v1/"`, "consumer: "},
		{"an API below another", `, "consumer": "/v1/consumer", "coordinator": "/v1"`, "/v1"},
		{"an overlap of months", `, "reissue_overlap": "60d"`, "reissue_overlap: "},
		{"an overlap in front", `, "mode": "in_front", "reissue_overlap": "1h"`, "reissue_overlap"},
		{"a secret in front", `, "mode": "in_front", "app_secret": "x"`, "app_secret"},
		{"a secret of a missing file", `, "app_secret": "{file./nowhere/app-secret}"`, "/nowhere/app-secret"},
		{"earlier tokens standalone", strings.Replace(earlier, `"mode": "in_front", `, "", 1), "earlier_tokens"},
		{"earlier tokens without keys", strings.Replace(earlier, `"keys": "https://auth.example.com/jwks.json", `, "", 1), "earlier_tokens"},
		{"earlier tokens for ever", strings.Replace(earlier, `, "until": "2027-03-31"`, "", 1), "until"},
		{"earlier tokens until no date", strings.Replace(earlier, "2027-03-31", "soon", 1), "until"},
		{"earlier tokens' keys without TLS", strings.Replace(earlier, "https:", "http:", 1), "earlier_tokens"},
		{"earlier tokens' keys in a missing file", `, "mode": "in_front", "earlier_tokens": {"key_file": "/nowhere/jwks.json", "until": "2027-03-31"}`, "earlier_tokens"},
		{"a realm with a slash", `, "realm": "a/b"`, "realm"},
		{"unknown rules", `, "rules": {"name": "broker"}`, `there is no set "broker"; there are: bitbroker`},
		{"a rule of an API that is not there", `, "consumer": "/consumer/v1", "rules": {"text": "allow GET /coordinator/v1 kind coordinator"}`, "none of the site's APIs"},
		{"a misspelt option", `, "modus": "in_front"`, "modus"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := validate(one(t, `"name": "bitbroker"`+tc.options))
			if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), "the site") {
				t.Errorf("got %v, want an error that names the site and %q", err, tc.want)
			}
		})
	}
	for name, options := range map[string]string{"least": "", "in front": earlier, "one API": `, "consumer": "/consumer/v1"`} {
		if err := validate(one(t, `"name": "bitbroker"`+options)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// provisioned is the module of an option's JSON.
func provisionedBroker(t *testing.T, text string) *BitBroker {
	t.Helper()
	b := new(BitBroker)
	if err := json.Unmarshal([]byte(text), b); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
	t.Cleanup(cancel)
	if err := b.Provision(ctx); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBitBrokerOptionsReachTheScheme(t *testing.T) {
	b := provisionedBroker(t, `{
		"coordinator": "/a", "contributor": "/b", "consumer": "/c", "token_lifetime": "90d", "reissue_overlap": "24h", "limits_per": "access",
		"allow_self_delete": true, "app_secret": "s", "rules": {"text": "allow GET /c kind consumer"}, "realm": "market"
	}`)
	if len(b.config.Rules) != 1 || b.config.Rules[0].Pattern != "/c" || b.config.AppSecret.Reveal() != "s" || b.config.Logger == nil {
		t.Errorf("rules %v, logger %v", b.config.Rules, b.config.Logger)
	}
	b.config.Rules, b.config.Logger = nil, nil
	const want = `{Realm:market InFront:false Coordinator:/a Contributor:/b Consumer:/c Rules:[] TokenLifetime:2160h0m0s ReissueOverlap:24h0m0s LimitPerAccess:true AllowSelfDelete:true AppSecret:[credential] Earlier:<nil> Logger:<nil>}`
	if got := fmt.Sprintf("%+v", b.config); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}

	b = provisionedBroker(t, `{"mode": "in_front", "earlier_tokens": {"key_file": "f", "keys": "", "until": "2027-03-31T18:00:00+02:00"}}`)
	if e := b.config.Earlier; !b.config.InFront || e == nil || e.File != "f" || e.Issuer != bitbroker.DefaultIssuer || !e.Until.Equal(time.Date(2027, 3, 31, 16, 0, 0, 0, time.UTC)) {
		t.Errorf("%+v %+v", b.config, b.config.Earlier)
	}
	b = provisionedBroker(t, `{"mode": "in_front", "earlier_tokens": {"keys": "https://a/jwks", "issuer": "x", "until": "2027-03-31"}}`)
	if e := b.config.Earlier; e.JWKS != "https://a/jwks" || e.Issuer != "x" || !e.Until.Equal(time.Date(2027, 3, 31, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("%+v", e)
	}
}

func TestEarlierTokensThatAreGoodNoMoreAreWarnedOf(t *testing.T) {
	until := time.Date(2027, 3, 31, 0, 0, 0, 0, time.UTC)
	for offset, want := range map[time.Duration]int{-time.Second: 0, 0: 1, time.Hour: 1} {
		logger, logs := observe(0)
		warnIfPast(logger, until, until.Add(offset))
		if got := logs.FilterMessageSnippet("good no more").Len(); got != want {
			t.Errorf("%v after it: %d warnings, want %d", offset, got, want)
		}
	}
}

func TestBitBrokerServesAllAPIsOrThoseThatAreNamed(t *testing.T) {
	for options, want := range map[string]string{
		`{}`:                         "/coordinator/v1 /contributor/v1 /consumer/v1",
		`{"consumer": "/v1"}`:        "  /v1",
		`{"coordinator": "/a/b/v1"}`: "/a/b/v1  ",
		`{"coordinator": "/a", "contributor": "/b"}`: "/a /b ",
	} {
		c := provisionedBroker(t, options).config
		if got := c.Coordinator + " " + c.Contributor + " " + c.Consumer; got != want {
			t.Errorf("%s: %q, want %q", options, got, want)
		}
	}
}

func TestSitesOfABitBrokerDifferInTheirPathsAlone(t *testing.T) {
	two := func(first, second string) []byte {
		return config(t, storeApp(t.TempDir())+","+httpApp(
			`{"match": [{"host": ["a"]}], "handle": [`+brokerJSON(first)+`]},
			 {"match": [{"host": ["b"]}], "handle": [`+strings.Replace(brokerJSON(second), "the broker", "the other", 1)+`]}`))
	}
	if err := validate(two(`, "coordinator": "/v1"`, `, "consumer": "/v1", "rules": {"text": "allow GET /v1 kind consumer"}`)); err != nil {
		t.Error(err)
	}
	for option, value := range map[string]string{"mode": `"in_front"`, "token_lifetime": `"1h"`, "reissue_overlap": `"1h"`, "limits_per": `"access"`, "allow_self_delete": `true`, "app_secret": `"s"`} {
		err := validate(two("", fmt.Sprintf(`, %q: %s`, option, value)))
		if err == nil || !strings.Contains(err.Error(), "another "+option+" at") {
			t.Errorf("%s: %v", option, err)
		}
	}
}

// The registry is of the realm: what one site made, the others know.
func TestSitesOfABitBrokerShareItsTokens(t *testing.T) {
	server := func(host, handlers string) string {
		return `{"listen": ["` + host + `:0"], "routes": [{"handle": [` + handlers + `, {"handler": "static_response", "body": "data"}]}]}`
	}
	b := &broker{gateway: startGatewayWith(t, `"http": {"servers": {
		"srv": `+server("127.0.0.1", brokerJSON(`, "coordinator": "/coordinator/v1"`))+`,
		"data": `+server("127.0.0.2", brokerJSON(`, "consumer": "/v1"`))+`}}`)}
	b.token = b.ok("POST", coordinatorsPath, `{"email": "ada@example.com", "name": "Ada", "organization": "Example"}`)["token"].(string)
	b.does(http.StatusCreated, "POST", "/policy/open", policyBody)
	token := b.does(http.StatusCreated, "POST", "/user/1/access/open", "").Body.String()
	data := serverNamed(t, "data")
	for _, want := range []int{http.StatusOK, http.StatusForbidden} {
		if w := callBroker(data, "GET", "/v1/catalog", token, ""); w.Code != want {
			t.Errorf("%d %s, want %d", w.Code, w.Body, want)
		}
		if want == http.StatusOK {
			b.does(http.StatusNoContent, "DELETE", "/user/1/access/open", "")
		}
	}
	if w := callBroker(data, "GET", "/coordinator/v1/user", b.token, ""); w.Code != http.StatusNotFound {
		t.Errorf("an API that the site does not have: %d", w.Code)
	}
}
