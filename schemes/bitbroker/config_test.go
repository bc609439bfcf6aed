package bitbroker

import (
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/schemes"
)

func TestConfigIsChecked(t *testing.T) {
	earlier := func(change func(*Earlier)) *Earlier {
		e := &Earlier{JWKS: "https://broker.example.com/jwks", Until: noon}
		change(e)
		return e
	}
	for name, tc := range map[string]struct {
		change func(*Config)
		want   string // empty: good
	}{
		"nothing said":        {func(*Config) {}, ""},
		"no realm":            {func(c *Config) { c.Realm = "" }, "realm: "},
		"one API":             {func(c *Config) { c.Consumer = "/v1" }, ""},
		"no slash":            {func(c *Config) { c.Consumer = "consumer/v1" }, "consumer: "},
		"a slash at the end":  {func(c *Config) { c.Contributor = "/v1/" }, "contributor: "},
		"only a slash":        {func(c *Config) { c.Coordinator = "/" }, "coordinator: "},
		"doubled slash":       {func(c *Config) { c.Coordinator = "/a//b" }, "coordinator: "},
		"capitals":            {func(c *Config) { c.Coordinator = "/Coordinator/v1" }, "coordinator: "},
		"dots":                {func(c *Config) { c.Coordinator = "/a/../b" }, "coordinator: "},
		"a parameter":         {func(c *Config) { c.Coordinator = "/{a}/b" }, "coordinator: "},
		"not ASCII":           {func(c *Config) { c.Coordinator = "/données" }, "coordinator: "},
		"an escape":           {func(c *Config) { c.Coordinator = "/a%20b" }, "coordinator: "},
		"300 bytes":           {func(c *Config) { c.Coordinator = "/" + strings.Repeat("a", 300) }, "coordinator: "},
		"the same twice":      {func(c *Config) { c.Coordinator, c.Consumer = "/v1", "/v1" }, "/v1 holds /v1"},
		"one below another":   {func(c *Config) { c.Coordinator, c.Consumer = "/v1/admin", "/v1" }, "consumer: /v1 holds /v1/admin of coordinator"},
		"one beside another":  {func(c *Config) { c.Coordinator, c.Consumer = "/v1-admin", "/v1" }, ""},
		"negative lifetime":   {func(c *Config) { c.TokenLifetime = -1 }, "token_lifetime: "},
		"endless lifetime":    {func(c *Config) { c.TokenLifetime = MaxTokenLifetime + 1 }, "token_lifetime: "},
		"overlap":             {func(c *Config) { c.ReissueOverlap = MaxReissueOverlap }, ""},
		"too long an overlap": {func(c *Config) { c.ReissueOverlap = MaxReissueOverlap + 1 }, "reissue_overlap: "},
		"negative overlap":    {func(c *Config) { c.ReissueOverlap = -1 }, "reissue_overlap: "},
		"overlap in front":    {func(c *Config) { c.InFront, c.ReissueOverlap = true, time.Hour }, "reissue_overlap: "},
		"secret":              {func(c *Config) { c.AppSecret = schemes.NewCredential("x") }, ""},
		"secret in front":     {func(c *Config) { c.InFront, c.AppSecret = true, schemes.NewCredential("hidden") }, "app_secret: "},
		"earlier tokens":      {func(c *Config) { c.InFront, c.Earlier = true, earlier(func(*Earlier) {}) }, ""},
		"earlier, standalone": {func(c *Config) { c.Earlier = earlier(func(*Earlier) {}) }, "earlier_tokens: "},
		"earlier, no keys":    {func(c *Config) { c.InFront, c.Earlier = true, earlier(func(e *Earlier) { e.JWKS = "" }) }, "earlier_tokens: give one"},
		"earlier, two keys":   {func(c *Config) { c.InFront, c.Earlier = true, earlier(func(e *Earlier) { e.File = "x" }) }, "earlier_tokens: give one"},
		"earlier, for ever":   {func(c *Config) { c.InFront, c.Earlier = true, earlier(func(e *Earlier) { e.Until = time.Time{} }) }, "earlier_tokens until: "},
		"earlier, plain http": {func(c *Config) {
			c.InFront, c.Earlier = true, earlier(func(e *Earlier) { e.JWKS = "http://broker.example.com/jwks" })
		}, "earlier_tokens: "},
		"earlier, no file": {func(c *Config) {
			c.InFront, c.Earlier = true, earlier(func(e *Earlier) { e.JWKS, e.File = "", "/nowhere/keys.pem" })
		}, "earlier_tokens: "},
	} {
		t.Run(name, func(t *testing.T) {
			config := Config{Realm: realm}
			tc.change(&config)
			s, err := New(config, nil)
			switch {
			case tc.want == "" && err != nil:
				t.Error(err)
			case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "hidden")):
				t.Errorf("%v, want %q", err, tc.want)
			case tc.want == "" && config.Earlier != nil && (s.Config().Earlier.Issuer != DefaultIssuer || config.Earlier.Issuer != ""):
				t.Errorf("issuer %q", s.Config().Earlier.Issuer)
			}
		})
	}
}

func TestAllFaultsAreToldAtOnce(t *testing.T) {
	config := Config{Coordinator: "x", TokenLifetime: -1, ReissueOverlap: -1, Earlier: &Earlier{}}
	err := config.Check()
	for _, option := range []string{"realm", "coordinator", "token_lifetime", "reissue_overlap", "earlier_tokens", "earlier_tokens until"} {
		if !strings.Contains(err.Error(), option+": ") {
			t.Errorf("%s is not told: %v", option, err)
		}
	}
}

func TestDefaultPathsAreThoseOfAllThree(t *testing.T) {
	s, err := New(Config{Realm: realm}, nil)
	must(t, err)
	if c := s.Config(); c.Coordinator != DefaultCoordinator || c.Contributor != DefaultContributor || c.Consumer != DefaultConsumer {
		t.Errorf("%+v", c)
	}
	s, err = New(Config{Realm: realm, Consumer: "/v1"}, nil)
	must(t, err)
	if c := s.Config(); c.Coordinator != "" || c.Contributor != "" || c.Consumer != "/v1" {
		t.Errorf("%+v", c)
	}
}
