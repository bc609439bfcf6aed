package policies

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestParseReadsEveryForm(t *testing.T) {
	t.Parallel()
	text := "\ufeff# a comment\r\n" +
		"\n" +
		"   \t \n" +
		"allow GET /apis public # trailing comment\r\n" +
		"allow * /me authenticated\n" +
		"\tallow   GET,POST\t/provider/{id}  role provider,admin\n" +
		"allow POST /verify kind aaa-server #x\n" +
		"allow GET /data/{namespace}/{endpoint...} grant namespace-read {namespace} literal {endpoint}\n" +
		"allow M-SEARCH /{$} grant search"
	rules, err := Parse("file.rules", text)
	if err != nil {
		t.Fatal(err)
	}
	want := []struct{ position, rule string }{
		{"file.rules:4", "allow GET /apis public"},
		{"file.rules:5", "allow * /me authenticated"},
		{"file.rules:6", "allow GET,POST /provider/{id} role provider,admin"},
		{"file.rules:7", "allow POST /verify kind aaa-server"},
		{"file.rules:8", "allow GET /data/{namespace}/{endpoint...} grant namespace-read {namespace} literal {endpoint}"},
		{"file.rules:9", "allow M-SEARCH /{$} grant search"},
	}
	if len(rules) != len(want) {
		t.Fatalf("got %d rules, want %d", len(rules), len(want))
	}
	for i, w := range want {
		if got := rules[i].String(); got != w.rule || rules[i].Position() != w.position {
			t.Errorf("got %s %q, want %s %q", rules[i].Position(), got, w.position, w.rule)
		}
	}
	if _, err := Compile(rules, ""); err != nil {
		t.Errorf("Compile: %v", err)
	}
}

func TestParseSaysWhatToWrite(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, line, want string }{
		{"deny", "deny GET /a public", "the only one is allow"},
		{"capital", "Allow GET /a public", "the only one is allow"},
		{"incomplete", "allow GET /a", "incomplete"},
		{"comment in place of the condition", "allow GET /a # public", "incomplete"},
		{"not utf-8", "allow GET /\xff public", "save the file as utf-8"},
		{"unknown class", "allow GET /a everyone", "does not say who"},
		{"public with a word", "allow GET /a public yes", "leave it out"},
		{"authenticated with a word", "allow GET /a authenticated or public", "leave it out"},
		{"role without name", "allow GET /a role", "takes one word"},
		{"roles with a space", "allow GET /a role a, b", "without spaces"},
		{"empty role", "allow GET /a role a,,b", "single commas"},
		{"comma behind a kind", "allow GET /a kind a,", "single commas"},
		{"parameter as a role", "allow GET /{a} role {a}", "without spaces or braces"},
		{"grant without privilege", "allow GET /a grant", "names no privilege"},
		{"privileges in a list", "allow GET /a grant read,write", "another rule"},
		{"parameter as a privilege", "allow GET /{a} grant {a}", "without commas or braces"},
		{"unknown parameter", "allow GET /a/{b} grant read {c}", "{c} is no parameter of /a/{b}"},
		{"end marker as a parameter", "allow GET /a/{$} grant read {$}", "no parameter"},
		{"dots in an argument", "allow GET /a/{b...} grant read {b...}", "no parameter"},
		{"brace not closed in an argument", "allow GET /a/{b} grant read {b", "no parameter"},
		{"brace inside an argument", "allow GET /a/{b} grant read x{b}", "no argument of a grant"},
		{"small method", "allow get /a public", "in capitals"},
		{"empty method", "allow GET, /a public", "in capitals"},
		{"method with a digit", "allow G3T /a public", "in capitals"},
		{"star beside a method", "allow GET,* /a public", "write * alone"},
		{"host", "allow GET example.com/a public", "without a host"},
		{"query", "allow GET /a?b=c public", "match the path only"},
		{"fragment", "allow GET /a#b public", "match the path only"},
		{"trailing slash", "allow GET /a/ public", "write /a/{name...} for everything below it, or /a/{$} for that path alone"},
		{"root", "allow GET / public", "write /{name...}"},
		{"doubled slash", "allow GET /a//b public", "no request can match"},
		{"dot segment", "allow GET /a/../b public", "no request can match"},
		{"single dot", "allow GET /./b public", "no request can match"},
		{"encoded slash", "allow GET /a%2Fb public", "no request can match"},
		{"encoded control character", "allow GET /a%00 public", "no request can match"},
		{"semicolon", "allow GET /a;b public", "no request can match"},
		{"encoded latin-1", "allow GET /caf%e9 public", "no request can match"},
		{"double encoding", "allow GET /a%252fb public", "no request can match"},
		{"bad escape", "allow GET /100% public", "write a percent sign as %25"},
		{"star in a path", "allow GET /a/* public", "{name...} for all that follow"},
		{"rest in the middle", "allow GET /{a...}/b public", "before its end"},
		{"end marker in the middle", "allow GET /{$}/b public", "before its end"},
		{"empty parameter", "allow GET /{} public", "no parameter"},
		{"empty rest", "allow GET /{...} public", "no parameter"},
		{"dash in a parameter", "allow GET /{a-b} public", "no parameter"},
		{"digit first", "allow GET /{1a} public", "no parameter"},
		{"nested braces", "allow GET /{{a}} public", "mixes braces and text"},
		{"prefix before a parameter", "allow GET /v{n} public", "fills a whole segment"},
		{"parameter twice", "allow GET /{a}/{a} public", "a name of its own"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			rules, err := Parse("r", "# first\n"+tt.line)
			if err == nil {
				t.Fatalf("accepted as %v", rules)
			}
			var fault *Fault
			if !errors.As(err, &fault) || fault.Source != "r" || fault.Line != 2 || !errors.Is(err, ErrSyntax) || errors.Is(err, ErrOverlap) {
				t.Errorf("fault is %#v", fault)
			}
			if !strings.HasPrefix(err.Error(), "r:2: ") || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %q, want %q in it", err, tt.want)
			}
		})
	}
}

func TestParseReportsEveryLine(t *testing.T) {
	t.Parallel()
	rules, err := Parse("r", "deny x\nallow GET /a public\nallow GET /b nobody\nallow GET /{x public")
	if err == nil || rules != nil {
		t.Fatal("accepted")
	}
	var lines []string
	for line := range strings.Lines(err.Error()) {
		lines = append(lines, line[:4])
	}
	if !slices.Equal(lines, []string{"r:1:", "r:3:", "r:4:"}) {
		t.Errorf("got %q", err)
	}
}

func TestCompileChecksRulesMadeByHand(t *testing.T) {
	t.Parallel()
	public := Who{Class: Public}
	for name, r := range map[string]Rule{
		"zero":             {},
		"no methods":       {Pattern: "/a", Who: public},
		"no pattern":       {Methods: []string{"GET"}, Who: public},
		"no class":         {Methods: []string{"GET"}, Pattern: "/a"},
		"unknown class":    {Methods: []string{"GET"}, Pattern: "/a", Who: Who{Class: Grant + 1}},
		"role of nobody":   {Methods: []string{"GET"}, Pattern: "/a", Who: Who{Class: Role}},
		"empty kind":       {Methods: []string{"GET"}, Pattern: "/a", Who: Who{Class: Kind, Names: []string{""}}},
		"kind with space":  {Methods: []string{"GET"}, Pattern: "/a", Who: Who{Class: Kind, Names: []string{"a b"}}},
		"role called when": {Methods: []string{"GET"}, Pattern: "/a", Who: Who{Class: Role, Names: []string{"when"}}},
		"empty privilege":  {Methods: []string{"GET"}, Pattern: "/a", Who: Who{Class: Grant}},
		"empty argument":   {Methods: []string{"GET"}, Pattern: "/a", Who: Who{Class: Grant, Privilege: "p", Args: []string{""}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r.Source, r.Line = "hand", 7
			good := Rule{Methods: []string{"*"}, Pattern: "/{x...}", Who: public}
			p, err := Compile([]Rule{good, r}, "")
			if p != nil || !errors.Is(err, ErrSyntax) || !strings.HasPrefix(err.Error(), "hand:7: ") {
				t.Errorf("got %v %v", p, err)
			}
		})
	}
}

// FuzzParse: no text takes Parse or Compile down, and what Parse reads is what String
// writes. A rule of conditions, cut anywhere, is still no reason to panic.
func FuzzParse(f *testing.F) {
	f.Add("# c\nallow GET /a/{b}/{c...} grant p {b} x {c}\nallow * /{$} public", "/a/b/c/", "")
	f.Add("allow GET,POST /caf%C3%A9 role a,b\r\nallow HEAD /{x} kind k", "/café", "/")
	f.Add("allow GET /a/{x} public\nallow GET /{y}/b public", "/a/b", "/a")
	f.Add("allow GET {base}/a public\nallow GET {base} public when kind == '' # c", "/b/a", "/b")
	f.Add(`allow GET /{a} public when params.a == r"\" && "\" # " != name # "`, "/a", "/x/{y}")
	f.Add(`allow GET /{a...} kind k when claims.x[0]["y"].all(z, z.matches("^a+$")) || now < timestamp("2026-01-01T00:00:00Z")`, "/a", "")
	f.Add("# \u202e\nallow GET /a\u200b public\r\r\n# \u2028allow GET /b public", "/a", "")
	f.Add("allow GET /a public\nallow GET /a public\nallow HEAD /a role r", "/a", "")
	f.Fuzz(func(t *testing.T, text, path, base string) {
		rules, err := Parse("f", text)
		if err != nil {
			return
		}
		for i := range rules {
			again, err := Parse("f", rules[i].String())
			if err != nil || len(again) != 1 {
				t.Fatalf("%q is read as %v: %v", rules[i].String(), again, err)
			}
			again[0].Line = rules[i].Line
			if !reflect.DeepEqual(again[0], rules[i]) {
				t.Fatalf("%q is read as %#v, not as %#v", rules[i].String(), again[0], rules[i])
			}
		}
		p, err := Compile(rules, base)
		if err != nil {
			if p != nil {
				t.Fatalf("a policy in spite of %v", err)
			}
			return
		}
		segments, trailing := split(path)
		d := p.Decide("GET", segments, trailing, Subject{Facts: someFacts{}})
		if d.Allow != (d.Reason == AllowedPublic) || d.Allow && d.Rule.Who.Class != Public {
			t.Fatalf("a caller without credential gets %v by %v", d.Reason, d.Rule)
		}
		p.Decide("GET", segments, trailing, Subject{Authenticated: true, Kind: "k", Roles: []string{"a"}, Grants: everything{}, Facts: callFacts})
	})
}

// split does for tests what the gateway's canonical path does.
func split(path string) (segments []string, trailingSlash bool) {
	for s := range strings.SplitSeq(path, "/") {
		if s != "" {
			segments = append(segments, s)
		}
	}
	return segments, strings.HasSuffix(path, "/")
}
