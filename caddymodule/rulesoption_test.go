package caddymodule

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"

	"github.com/gatehouse-auth/gatehouse/policies"
)

// pdaSite is a Caddyfile with a site whose gate has some options.
func pdaSite(options string) string {
	return ":80 {\n\tgatehouse pda {\n" + options + "\n\t}\n}\n"
}

// adaptRules adapts a Caddyfile of a folder, with one gate, and returns the gate's rules.
func adaptRules(t *testing.T, folder, text string) (*Rules, error) {
	t.Helper()
	adapted, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(text), map[string]any{"filename": filepath.Join(folder, "Caddyfile")})
	if err != nil {
		return nil, err
	}
	var found *Rules
	var look func(any)
	look = func(value any) {
		switch value := value.(type) {
		case []any:
			for _, one := range value {
				look(one)
			}
		case map[string]any:
			if rules, ok := value["rules"]; ok && value["name"] == "pda" {
				again, _ := json.Marshal(rules)
				found = new(Rules)
				if err := json.Unmarshal(again, found); err != nil {
					t.Fatal(err)
				}
				return
			}
			for _, one := range value {
				look(one)
			}
		}
	}
	var config any
	if err := json.Unmarshal(adapted, &config); err != nil {
		t.Fatal(err)
	}
	look(config)
	return found, nil
}

// textOf is what inline rules became, one a line, each with its position.
func textOf(t *testing.T, folder string, rules *Rules) string {
	t.Helper()
	read, err := rules.read(nil)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, rule := range read {
		b.WriteString(strings.TrimPrefix(rule.Position(), folder+"/") + " " + rule.String() + "\n")
	}
	return b.String()
}

// What is written in a block is what a file would say: nothing that a Caddyfile does to
// words changes a rule.
func TestInlineRulesSurviveTheCaddyfile(t *testing.T) {
	t.Setenv("GATEHOUSE_TEST_ROLE", "consumer")
	t.Setenv("HOME", "/home/of-somebody")
	for _, tc := range []struct{ name, rules, want string }{
		{"words", `allow GET /a public`, "allow GET /a public"},
		{"spaces and tabs", "allow  GET\t/a   role   a,b", "allow GET /a role a,b"},
		{"every kind of segment", `allow GET /a/{x}/{y...} grant read a {x} {y}`, "allow GET /a/{x}/{y...} grant read a {x} {y}"},
		{"a slash at the end", `allow GET /a/{$} public`, "allow GET /a/{$} public"},
		{"a parameter at the end of the line", `allow GET /a/{x...} grant read {x}`, "allow GET /a/{x...} grant read {x}"},
		{"the base path", `allow GET {base}/a public`, "allow GET {base}/a public"},
		{"a comment", `allow GET /a public # role admin`, "allow GET /a public"},
		{"a comment of its own", "# allow GET /b public\nallow GET /a public", "allow GET /a public"},
		{"an environment variable", `allow GET /a role {$GATEHOUSE_TEST_ROLE}`, "allow GET /a role consumer"},
		{"an environment variable's default", `allow GET /a role {$GATEHOUSE_TEST_UNSET:provider}`, "allow GET /a role provider"},
		{"two lines that are one", "allow GET /a \\\nrole a", "allow GET /a role a"},
		{"words in quotes", "allow \"GET\" `/a` \"public\"", "allow GET /a public"},
		{"shorthands", `allow GET /{host}/{path}/{file}/{query}/{method}/{dir}/{remote}/{uri} grant read {path} {uri}`, "allow GET /{host}/{path}/{file}/{query}/{method}/{dir}/{remote}/{uri} grant read {path} {uri}"},
		{"a shorthand of all that follows", `allow GET /a/{re...} public`, "allow GET /a/{re...} public"},

		{"a condition", `allow GET /a public when name == "x"`, `allow GET /a public when name == "x"`},
		{"a condition in quotes", `allow GET /a public when "name == 'x  y' # z"`, ""},
		{"a condition in backticks", "allow GET /a public when `name == 'x  y'`", `allow GET /a public when name == 'x  y'`},
		{"a hash within backticks", "allow GET /a public when `name == 'x # y'`", `allow GET /a public when name == 'x # y'`},
		{"a condition in double quotes", `allow GET /a public when "name == \"x  y\" || name == 'z'"`, `allow GET /a public when name == "x  y" || name == 'z'`},
		{"a text in quotes with spaces", `allow GET /a public when name == "x  y # z"`, `allow GET /a public when name == "x  y # z"`},
		{"a text in quotes at the beginning", `allow GET /a public when "x" == name`, `allow GET /a public when "x" == name`},
		{"a text in quotes before a bracket", `allow GET /a public when name in ["x y", "z"]`, ``},
		{"quotes in quotes", `allow GET /a public when name == "say \"x\""`, `allow GET /a public when name == "say \"x\""`},
		{"a backslash", `allow GET /a public when name == "a\\b"`, `allow GET /a public when name == "a\\b"`},
		{"a backslash before a quote", `allow GET /a public when name == "a\\\"b"`, `allow GET /a public when name == "a\\\"b"`},
		{"an expression", "allow GET /a public when name.matches(r'^\\d+$')", `allow GET /a public when name.matches(r'^\d+$')`},
		{"braces", `allow GET /a public when claims == {'a': {'b':1}}`, `allow GET /a public when claims == {'a': {'b':1}}`},
		{"a brace in quotes", `allow GET /a public when name == "}" || name == "{"`, `allow GET /a public when name == "}" || name == "{"`},
		{"an unknown placeholder", `allow GET /a public when name == "{env.HOME}"`, `allow GET /a public when name == "{env.HOME}"`},
		{"a comment behind a condition", `allow GET /a public when name == "x" # for now`, `allow GET /a public when name == "x"`},
		{"when twice", `allow GET /a public when params["when"] == "when"`, `allow GET /a public when params["when"] == "when"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			folder := t.TempDir()
			rules, err := adaptRules(t, folder, pdaSite("rules {\n"+tc.rules+"\n}"))
			if tc.want == "" {
				if err == nil {
					t.Fatalf("it is taken, as %s", textOf(t, folder, rules))
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			_, got, _ := strings.Cut(strings.TrimSpace(textOf(t, folder, rules)), " ")
			if got != tc.want {
				t.Errorf("got:\n%s\nwant:\n%s", got, tc.want)
			}
		})
	}
}

func TestInlineRulesKeepTheirLines(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "more"), []byte("# of another file\nallow GET /more public\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	rules, err := adaptRules(t, folder, `(table) {
	allow GET /{args[0]}/{path} role {args[1]}

	{block}
}
:80 {
	gatehouse pda {
		rules {
			# a comment
			allow GET /a public

			allow GET /b \
				public
			allow GET /c public when `+"`name == 'x'`"+`
			import table data admin {
				allow GET /d public
			}
			import more
			allow GET /e public
			`+strings.Repeat("#\n", 200)+`
			allow GET /f public
		}
	}
}
`)
	if err != nil {
		t.Fatal(err)
	}
	const want = `Caddyfile:10 allow GET /a public
Caddyfile:12 allow GET /b public
Caddyfile:14 allow GET /c public when name == 'x'
Caddyfile:2 allow GET /data/{path} role admin
Caddyfile:16 allow GET /d public
more:2 allow GET /more public
Caddyfile:19 allow GET /e public
Caddyfile:221 allow GET /f public
`
	if got := textOf(t, folder, rules); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

// A site's other options, and other sites, are not touched by what a rule holds.
func TestRulesEndWhereTheirBlockEnds(t *testing.T) {
	folder := t.TempDir()
	rules, err := adaptRules(t, folder, pdaSite("rules {\nallow GET /a public when name == \"}\"\n}\nidentity_headers X-A X-B X-C X-D\nrealm other"))
	if err != nil {
		t.Fatal(err)
	}
	if got := textOf(t, folder, rules); got != "Caddyfile:4 allow GET /a public when name == \"}\"\n" {
		t.Error(got)
	}
}

func TestFaultyRulesAreNamedWhereTheyStand(t *testing.T) {
	folder := t.TempDir()
	for name, text := range map[string]string{
		"good.rules":  "allow GET /a public\n",
		"bad.rules":   "# first\nallow GET /a\nallow GET /b publik\n",
		"latin.rules": "# first\nallow GET /caf\xe9 public\n",
		"empty.rules": "# nothing\n",
		"huge.rules":  strings.Repeat("# a long comment\n", policies.MaxText/16),
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(folder, "folder.rules"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, option string
		want         []string // all of these in the error
	}{
		{"no value", "rules", []string{"name of a set, a file, or a block", "Caddyfile:3"}},
		{"an empty block", "rules {\n}", []string{"name of a set, a file, or a block"}},
		{"an empty block in one word", "rules {}", []string{"'{}'"}},
		{"a block of comments", "rules {\n# allow GET /a public\n}", []string{"name of a set, a file, or a block"}},
		{"twice", "rules pda\nrules pda", []string{"given twice", "Caddyfile:4"}},
		{"two names", "rules pda delta", []string{"one name", "Caddyfile:3"}},
		{"a name and a block", "rules pda {\nallow GET /a public\n}", []string{"a name or a block, not both"}},
		{"an unknown set", "rules dmp-apd", []string{`no set "dmp-apd"`, "there are: pda", "Caddyfile:3"}},
		{"an empty name", "rules \"\"", []string{`no set ""`}},
		{"a name and an empty block", "rules pda {\n}", []string{"a name or a block, not both"}},
		{"an empty block behind a rule", "rules {\nallow GET /a role a {\n}\n}", []string{"Caddyfile:4", "no block"}},
		{"a file that is not there", "rules ./none.rules", []string{"none.rules", "no such file", "Caddyfile:3"}},
		{"a folder", "rules folder.rules", []string{"folder.rules is no file"}},
		{"a huge file", "rules huge.rules", []string{"longer than the 1 MiB"}},
		{"a file that is not utf-8", "rules latin.rules", []string{"latin.rules:2", "utf-8"}},
		{"a faulty file", "rules bad.rules", []string{"bad.rules:2: ", "bad.rules:3: ", "publik"}},
		{"another word", "rules {\ndeny GET /a public\n}", []string{"Caddyfile:4: ", `"deny"`}},
		{"two faults", "rules {\nallow GET /a\n\nallow get /b public\n}", []string{"Caddyfile:4: ", "Caddyfile:6: ", `"get"`}},
		{"a block in a rule", "rules {\nallow GET /a role a {\nallow GET /b public\n}\n}", []string{"Caddyfile:4", "no block"}},
		{"a comment with a backslash", "rules {\nallow GET /a grant read a # see c:\\d\nallow GET /b public\n}", []string{`"allow" behind a rule`, "backslash"}},
		{"the same before the end", "rules {\nallow GET /a public # see c:\\d\n}\nrealm x", []string{`"}" behind a rule`}},
		{"a space in a pattern", "rules {\nallow GET \"/a b\" public\n}", []string{"Caddyfile:4", `"/a b" is not one word`}},
		{"a line break in a word", "rules {\nallow GET \"/a public\nallow * /{x...}\" public\n}", []string{"is not one word"}},
		{"a comment in quotes", "rules {\nallow GET /a role \"#a\"\n}", []string{`"#a" cannot be a word`}},
		{"a word when in quotes", "rules {\nallow GET /a role \"when\" x\n}", []string{`"when" cannot be a word`}},
		{"nothing behind when", "rules {\nallow GET /a public when\n}", []string{"Caddyfile:4", "no condition"}},
		{"nothing in quotes behind when", "rules {\nallow GET /a public when \" \"\n}", []string{"no condition"}},
		{"a condition on two lines", "rules {\nallow GET /a public when `name ==\n'x'`\n}", []string{"on one line"}},
		{"a text in single quotes with a space", "rules {\nallow GET /a public when name == 'x  y'\n}", []string{"'x opens a text", "backticks", "Caddyfile:4"}},
		{"a text in quotes that a word begins", "rules {\nallow GET /a public when name==\"x y\"\n}", []string{`name=="x opens a text`}},
		{"a comment that cuts a text", "rules {\nallow GET /a public when name == 'x #y'\n}", []string{"'x opens a text"}},
		{"a comment that quotes hid", "rules {\nallow GET /a public when `name == 'x' # || true`\n}", []string{"another one"}},
		{"a placeholder in a pattern", "rules {\nallow GET /{env.HOME} public\n}", []string{"Caddyfile:4", "{env.HOME} is no parameter"}},
		{"a header's shorthand", "rules {\nallow GET /{header.x} public\n}", []string{"Caddyfile:4", "{http.request.header.x}", "no placeholders"}},
		{"a shorthand of no name", "rules {\nallow GET /{%path} public\n}", []string{"no placeholders"}},
		{"a shorthand in a condition", "rules {\nallow GET /a public when `name == '{path}'`\n}", []string{"{http.request.uri.path} in a condition", "put the rules in a file"}},
		{"an argument outside of a snippet", "rules {\nallow GET /a role {args[0]}\n}", []string{"Caddyfile:4", "{args[0]}"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			rules, err := adaptRules(t, folder, pdaSite(tc.option))
			if err == nil {
				t.Fatalf("it is taken, as %+v", rules)
			}
			for _, want := range tc.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error does not say %q: %v", want, err)
				}
			}
		})
	}
}

func TestRulesOfAFileBecomeATextOfTheConfiguration(t *testing.T) {
	folder := t.TempDir()
	if err := os.MkdirAll(filepath.Join(folder, "rules", "inner"), 0o700); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{
		"rules/own.rules":   "\ufeff# own\r\nallow GET /{http.x} public # {env.HOME}\r\n",
		"rules/inner/table": "allow GET /inner public",
		"rules/site":        "rules inner/table",
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := adaptRules(t, folder, pdaSite("rules rules/own.rules")); err == nil || !strings.Contains(err.Error(), "own.rules:2: ") || !strings.Contains(err.Error(), "{http.x}") {
		t.Errorf("a placeholder in a file: %v", err)
	}
	if err := os.WriteFile(filepath.Join(folder, "rules/own.rules"), []byte("\ufeff# own\r\nallow GET /a public when name == '{http.request.host} {env.HOME} {path}'\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for option, want := range map[string]string{
		"rules rules/own.rules":                             "rules/own.rules:2 allow GET /a public when name == '{http.request.host} {env.HOME} {path}'\n",
		"rules " + filepath.Join(folder, "rules/own.rules"): "rules/own.rules:2 allow GET /a public when name == '{http.request.host} {env.HOME} {path}'\n",
		"import rules/site":                                 "rules/inner/table:1 allow GET /inner public\n", // as an import finds it
	} {
		rules, err := adaptRules(t, folder, pdaSite(option))
		if err != nil {
			t.Fatal(err)
		}
		if got := textOf(t, folder, rules); got != want {
			t.Errorf("%s: got %s, want %s", option, got, want)
		}
	}
}

// A rule in a block is held against the same rule in a file: where both are taken, they
// must be the same rule. The rules are put together at random, of what a lexer, the
// shorthands or a condition could stumble upon.
func TestInlineRulesAreThoseOfAFile(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 5))
	some := func(words ...string) string { return words[random.IntN(len(words))] }
	segment := func() string {
		return "/" + some("a", "{path}", "{x}", "{host}", "{$}", "{re...}", "{path...}", "{y...}", "%20", "{env.HOME}", "{header.x}", "{http.request.host}", "\\", "#", "a\"b", "'", "{%path}", "{}")
	}
	both, refused := 0, 0
	for range 50_000 {
		line := "allow " + some("GET", "GET,POST", "*", "\"GET\"") + some(" ", "  ", "\t", " \\ ") + some("{base}", "") + segment()
		for random.IntN(2) == 0 {
			line += segment()
		}
		line += " " + some("public", "authenticated", "role a,b", "kind when", "grant read {path}", "grant read {x} b", "grant read {host} {y}")
		if random.IntN(4) > 0 {
			space := func() string { return some(" ", " ", "  ", "", "\t") }
			term := func() string {
				return some("name", "\"x\"", "'x'", "params['when']") + space() + some("==", "!=") + space() +
					some(`"x  y"`, `"x # y"`, `"x"`, `'x'`, `'x  y'`, `'#'`, `"}"`, `'{'`, `"a\"b  c"`, `'a\'b'`, `'a\'b  c'`, `r'\d'`, `r"a\"`, `r"\  "`, `"\\"`, `"\\\""`, `'\\'`, `"'"`, `'"'`,
						`"{path}"`, `'{header.x}'`, `"{env.HOME}"`, `'when'`, `"<<E"`, `string(claims)`, `{'a': "b c"}['a']`, `["x", "y  z"][1]`, `"""x"""`, "'`'")
			}
			line += some(" when ", "  when ", " when\t") + some("", "", "", "! ( ") + term()
			for random.IntN(2) == 0 {
				line += space() + some("&&", "||") + space() + term()
			}
			line += some("", "", "", " )", " {", "}", " }", " allow", " // x", " # x", "#x", " `")
		}
		line += some("", "", " # comment", " #", "\t", " # c:\\d")
		want, err := policies.Parse("", line)
		if err != nil || len(want) != 1 {
			continue
		}
		if _, err := policies.Compile(want, "/base"); err != nil {
			continue
		}
		rules, err := adaptRules(t, "", pdaSite("rules {\n"+line+"\n}"))
		if err != nil {
			refused++
			continue
		}
		got, err := rules.read(nil)
		if err != nil || len(got) != 1 {
			t.Fatalf("%q became %+v: %v", line, rules, err)
		}
		if when := want[0].When; len(when) > 1 && strings.Contains("\"`", when[:1]) && when[0] == when[len(when)-1] {
			continue // quotes around a whole condition are the Caddyfile's
		}
		both++
		a, b := got[0], want[0]
		a.Source, a.Line, b.Line = "", 0, 0
		a.When, b.When = spaceless(a.When), spaceless(b.When)
		if !reflect.DeepEqual(a, b) {
			t.Errorf("%q became %+v, and is %+v in a file", line, a, b)
		}
	}
	if both < 1000 || refused < 100 {
		t.Errorf("only %d rules were good in both, and %d in a file alone", both, refused)
	}
}

// spaceless is a condition without the space between its words, which is not kept and has
// no meaning; that within quotes stays.
func spaceless(condition string) string {
	var b strings.Builder
	var quote, before rune
	raw, escaped := false, false
	for _, c := range condition {
		switch {
		case escaped:
			escaped = false
		case quote == 0 && (c == '"' || c == '\'' || c == '`'):
			quote, raw = c, before == 'r' || c == '`'
		case quote == 0 && (c == ' ' || c == '\t'):
			continue
		case quote != 0 && c == '\\' && !raw:
			escaped = true
		case c == quote:
			quote = 0
		}
		b.WriteRune(c)
		before = c
	}
	return b.String()
}
