package secret

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

const exampleJWT = "eyJhbGciOiJFUzI1NiIsImtpZCI6IjEifQ.eyJzdWIiOiJhY21lIn0.c2lnbmF0dXJl-_"

// A token of a BitBroker, and its parts.
const (
	uuidA, uuidB, uuidC = "3f0f3e4e-5c3c-4b0f-9a6b-0d6c2b1f7a11", "6c796c29-fa9e-4678-9c0b-e48956f22bcc", "0b4e7f9c-8f6e-4f7e-a1c8-4b1f3f6d2e10"
	exampleUUIDs        = uuidA + "." + uuidB + "." + uuidC
)

func TestRedact(t *testing.T) {
	tok := golden[DeltaToken]
	code := golden[ActivationCode]
	tests := map[string]struct{ in, want string }{
		"nothing":                  {"", ""},
		"plain text":               {"GET /delta-sharing/shares 200", "GET /delta-sharing/shares 200"},
		"a token alone":            {tok, "REDACTED"},
		"a token in text":          {`{"a":"` + tok + `"}`, `{"a":"REDACTED"}`},
		"two tokens":               {tok + "," + golden[ManagementKey], "REDACTED,REDACTED"},
		"upper case":               {strings.ToUpper(tok), "REDACTED"},
		"with a wrong checksum":    {tok[:len(tok)-1] + "7!", "REDACTED!"},
		"after a letter":           {"x" + tok, "xREDACTED"},
		"after an escape":          {"%20" + tok + `\n`, `%20REDACTED\n`},
		"truncated":                {tok[:kindLen+16] + "…", "REDACTED…"},
		"truncated beyond harm":    {tok[:kindLen+15] + "…", tok[:kindLen+15] + "…"},
		"longer than a token":      {tok + "aaaa.", "REDACTED."},
		"a kind begun twice":       {"ghd_" + tok, "ghd_REDACTED"},
		"accessor":                 {"tok_abcdefghijklmnopqrst", "tok_abcdefghijklmnopqrst"},
		"words that begin alike":   {"ghost ghd_ ghx_" + tok[4:], "ghost ghd_ ghx_" + tok[4:]},
		"JWT":                      {"t=" + exampleJWT + "&u", "t=REDACTED&u"},
		"unsigned JWT":             {"eyJhbGciOiJub25lIn0.e30.", "REDACTED"},
		"JWE with five parts":      {exampleJWT + ".aa.bb)", "REDACTED)"},
		"JWT after an escape":      {"%20" + exampleJWT + ` \n` + exampleJWT, `%20REDACTED \nREDACTED`},
		"JWT glued to a word":      {"token" + exampleJWT, "tokenREDACTED"},
		"JWT behind a false start": {"eyJ eyJa.b eyJ." + exampleJWT, "eyJ eyJa.b REDACTED"},
		"words with eyJ":           {"keyJar.Open.now monkeyJump", "keyJar.Open.now monkeyJump"},
		"Bearer value":             {"Authorization: Bearer xyz", "Authorization: Bearer REDACTED"},
		"bearer in any case":       {"[bEARER \t dapi:ab,c=]", "[bEARER \t REDACTED"},
		"bearer in JSON":           {`{"Authorization":["Bearer abc="],"b":1}`, `{"Authorization":["Bearer REDACTED"],"b":1}`},
		"bearer in a query":        {"?a=Bearer%20abc", "?a=Bearer%20REDACTED"},
		"bearer with our token":    {"Bearer " + tok + " end", "Bearer REDACTED end"},
		"bearer challenge":         {`Bearer realm="x", error="invalid_token"`, `Bearer realm="x", error="invalid_token"`},
		"bearer in prose":          {"bearer token is missing", "bearer token is missing"},
		"bearer without a value":   {"Bearer", "Bearer"},
		"three UUIDs":              {"t=" + exampleUUIDs + ";", "t=REDACTED;"},
		"three UUIDs in capitals":  {strings.ToUpper(exampleUUIDs), "REDACTED"},
		"three UUIDs in JSON":      {`{"token":"` + exampleUUIDs + `"}`, `{"token":"REDACTED"}`},
		"UUIDs after an escape":    {"%20" + exampleUUIDs, "%20REDACTED"},
		"three UUIDs among others": {uuidA + "." + uuidB + " " + exampleUUIDs + " " + uuidC, uuidA + "." + uuidB + " REDACTED " + uuidC},
		"three UUIDs at a word":    {"a." + exampleUUIDs + ".b", "a.REDACTED.b"},
		"three UUIDs glued":        {"abc" + exampleUUIDs + "abc", "abcREDACTED"},
		"three UUIDs cut off":      {exampleUUIDs[:80] + "…", "REDACTED…"},
		"UUIDs behind Bearer":      {"Bearer " + exampleUUIDs, "Bearer REDACTED"},
		"four UUIDs":               {exampleUUIDs + "." + uuidA, "REDACTED." + uuidA},
		"twice three UUIDs":        {exampleUUIDs + exampleUUIDs, "REDACTEDREDACTED"},
		"two UUIDs":                {uuidA + "." + uuidB + ".", uuidA + "." + uuidB + "."},
		"a UUID":                   {uuidA, uuidA},
		"UUIDs of a wrong form":    {strings.Replace(exampleUUIDs, "-", "0", 1), strings.Replace(exampleUUIDs, "-", "0", 1)},
		"activation link": {
			"https://h/delta_sharing/retrieve_config.html?" + code + " 1.1",
			"https://h/delta_sharing/retrieve_config.html?REDACTED 1.1",
		},
		"activation link, foreign or mangled code": {
			`"/delta_sharing/Retrieve_Config.html?a=short&b#c"`, `"/delta_sharing/Retrieve_Config.html?REDACTED"`,
		},
		"access_token in a query":        {"/a?x=1&access_token=opaque%2B&y=2", "/a?x=1&access_token=REDACTED&y=2"},
		"access_token at the end":        {`"/a?ACCESS_TOKEN=a"`, `"/a?ACCESS_TOKEN=REDACTED"`},
		"access_token without a value":   {"/a?access_token=&y=2", "/a?access_token=&y=2"},
		"access_token as a word":         {"send access_token in the body", "send access_token in the body"},
		"activation page without a code": {"/delta_sharing/retrieve_config.html", "/delta_sharing/retrieve_config.html"},
		"activation code in a path":      {"/public/data_sharing_activation/" + code, "/public/data_sharing_activation/REDACTED"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := Redact(test.in)
			if got != test.want {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
			if again := Redact(got); again != got {
				t.Errorf("redacting twice gives %q", again)
			}
		})
	}
}

func TestRedactAllocatesNothingWithoutSecrets(t *testing.T) {
	line := `{"method":"GET","uri":"/delta-sharing/shares/bear/schemas?g=1","Authorization":["REDACTED"],"e":"keyJar.a","id":"` + uuidA + "." + uuidB + `"}`
	if n := testing.AllocsPerRun(100, func() { _ = Redact(line) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestRedactIsLinear feeds what makes a careless scanner go back and forth. At
// quadratic cost each would take minutes.
func TestRedactIsLinear(t *testing.T) {
	for name, unit := range map[string]string{
		"eyJ": "eyJ", "eyJ.": "eyJ.", "eyJa.b": "eyJa.b ", "eyJ run": "aeyJ", "Bearer": "Bearer ", "Bearer+": "Bearer+",
		"bearer%20": "bearer%20", "ghd_": "ghd_", "gha body": "ghd_aaaaaaaaaaaaaaa", "link": "retrieve_config.html?", "r": "r", "UUID": uuidA, "UUID.": uuidA + ".", "two UUIDs": uuidA + "." + uuidB + ". ", ".": ".",
	} {
		t.Run(name, func(t *testing.T) {
			for _, s := range []string{
				strings.Repeat(unit, 1<<20/len(unit)), unit + strings.Repeat("a", 1<<20), unit + strings.Repeat(" ", 1<<20),
			} {
				start := time.Now()
				Redact(s)
				if d := time.Since(start); d > 5*time.Second {
					t.Errorf("took %v", d)
				}
			}
		})
	}
}

func FuzzRedact(f *testing.F) {
	f.Add("Bearer " + golden[DeltaToken])
	f.Add(exampleJWT + "." + exampleJWT)
	f.Add("x retrieve_config.html?gha_ eyJ.eyJa.b")
	f.Add("ghA_22222222eyJ0aaaaaaaaaaaaaaa.a.")
	f.Add("retrieve_config.html?\v")
	f.Add("gha_" + exampleUUIDs + ".a " + exampleUUIDs[:75] + " Bearer" + exampleUUIDs)
	// The word that hides is made of letters that secrets are made of: behind the harmless
	// beginning of one it looks like the rest.
	const hidden = "\u2026"
	left := []*regexp.Regexp{
		regexp.MustCompile(`[Gg][Hh][DAMdam]_[A-Za-z2-7]{16}`),
		regexp.MustCompile(`(^|[^\w-])eyJ[\w-]*\.[\w-]+\.`),
		regexp.MustCompile(`(?i)([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.){2}[0-9a-f-]`),
		regexp.MustCompile(`retrieve_config\.html\?[^` + hidden + `\s\v\x00"'\\<>` + "`]"),
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := Redact(s)
		// Where the text has that word of itself, it is no mark that something was hidden.
		text := strings.ReplaceAll(Redact(strings.ReplaceAll(s, redacted, strings.ToLower(redacted))), redacted, hidden)
		for _, re := range left {
			if m := re.FindString(text); m != "" {
				t.Errorf("%q is left in %q", m, text)
			}
		}
		if s != got && !strings.Contains(got, redacted) {
			t.Errorf("text changed without a trace: %q", got)
		}
		// Whatever surrounds it, a secret between spaces does not survive.
		for _, hide := range []string{golden[ActivationCode], exampleJWT, exampleUUIDs} {
			if strings.Contains(Redact(s+" "+hide+" "+s), hide) {
				t.Errorf("a secret survives beside %q", s)
			}
		}
	})
}

func BenchmarkRedact(b *testing.B) {
	clean := strings.Repeat(`{"uri":"/delta-sharing/shares/sales/schemas/emea/tables"},`, 20)
	b.Run("clean", func(b *testing.B) {
		b.SetBytes(int64(len(clean)))
		for b.Loop() {
			Redact(clean)
		}
	})
}
