package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/e2e/harness"
)

// block is a fenced block of a document.
type block struct {
	lang, text string
	line       int    // of the opening fence
	mark       string // NAME of a line <!-- test: NAME --> before it
}

// blocks returns the fenced blocks of a document at the root of the checkout.
func blocks(t *testing.T, name string) []block {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(harness.Root(t), name))
	if err != nil {
		t.Fatal(err)
	}
	var (
		found []block
		open  *block
		mark  string
	)
	for i, line := range strings.Split(string(text), "\n") {
		lang, fence := strings.CutPrefix(line, "```")
		switch {
		case fence && open == nil:
			open = &block{lang: lang, line: i + 1, mark: mark}
		case fence:
			found = append(found, *open)
			open = nil
		case open != nil:
			open.text += line + "\n"
		}
		if text, ok := strings.CutPrefix(line, "<!-- test: "); ok && open == nil {
			mark = strings.TrimSuffix(text, " -->")
		} else {
			mark = ""
		}
	}
	if open != nil {
		t.Fatalf("%s:%d: the block is not closed", name, open.line)
	}
	return found
}

// shell runs a block as a person pastes it, in a copy of the checkout: a folder with
// the binary, the Python clients and nothing else. The commands find the instance as
// they would find one on Caddy's default admin address.
func shell(t *testing.T, g *harness.Instance, dir, text string) (output string, err error) {
	t.Helper()
	cmd := exec.Command("sh", "-eu", "-c", text)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+filepath.Join(dir, "bin")+":"+os.Getenv("PATH"), "CADDY_ADMIN="+g.Admin, "NO_PROXY=127.0.0.1", "no_proxy=127.0.0.1", "PYTHONDONTWRITEBYTECODE=1", harness.PythonPath(t))
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func copyOfCheckout(t *testing.T) string {
	t.Helper()
	harness.Python(t, "") // installs the clients, if need be
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "bin"), 0o700); err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{
		harness.Binary(t):                          "bin/caddy",
		filepath.Join(harness.Root(t), ".venv"):    ".venv",
		filepath.Join(harness.Root(t), "examples"): "examples",
	} {
		if err := os.Symlink(from, filepath.Join(dir, to)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// The tests of README's marked blocks, by their names.
var readmeTests = map[string]func(*testing.T, block){
	"first-rows":     firstRows,
	"privileges":     commands("acme", "temporary-credentials"),
	"authentication": commands("", "/delta_sharing/retrieve_config.html?", "https://login.initech.example"),
	"addresses":      commands("acme", "192.0.2.0/24", "2001:db8::/32"),
	"migration":      commands("", "/delta_sharing/retrieve_config.html?", "cannot be recalled"),
	"import":         commands("", "2"),
	"campaign":       commands("acme", "acme"),
	"admins":         commands("", "ghk_"),

	"personal-data-account": personalDataAccount,
	"marketplace":           aMarketplace,
	"bitbroker":             aBitBroker,
	"bitbroker-commands":    brokerCommands,
	"rules":                 commands("", "dmp-apd", "/consumer/order/{variant}"),
	"explain":               explanations,
	"revoked-users":         commands("", "b2c27f3f-2524-4a84-816e-91f9ab23f837", "cannot"),
}

func TestMarkedBlocksOfREADMEDoWhatTheySay(t *testing.T) {
	var seen []string
	for _, b := range blocks(t, "README.md") {
		if b.mark == "" {
			continue
		}
		test, ok := readmeTests[b.mark]
		if !ok || b.lang != "sh" {
			t.Errorf("README.md:%d: there is no test %q for a block of %s", b.line, b.mark, b.lang)
			continue
		}
		seen = append(seen, b.mark)
		t.Run(b.mark, func(t *testing.T) { test(t, b) })
	}
	for name := range readmeTests {
		if !slices.Contains(seen, name) {
			t.Errorf("README.md has no block <!-- test: %s -->", name)
		}
	}
}

// firstRows runs the five commands from nothing to rows against Caddyfile.example.
func firstRows(t *testing.T, b block) {
	g, dir := startExample(t), copyOfCheckout(t)
	out, err := shell(t, g, dir, b.text)
	if err != nil {
		t.Fatalf("README.md:%d: %v\n%s", b.line, err, out)
	}
	for _, want := range []string{
		"http://" + g.Gate + "/delta_sharing/retrieve_config.html?", // the link
		"name='orders'", "name='customers'", "name='visits'", // the list
		"order_id", "[3000 rows x 5 columns]", // the rows
		"cannot be recalled", // the honest part of the revocation
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the commands do not print %s", want)
		}
	}
	if strings.Contains(out, "finance") {
		t.Error("the commands show a share that was not granted")
	}
	if t.Failed() {
		t.Logf("they print\n%s", out)
	}

	// "Repeat command 4: 401, with the reason in words."
	_, fourth, found := strings.Cut(b.text, "# 4.")
	if !found || !strings.Contains(b.text, "401") {
		t.Fatalf("README.md:%d: the block is another one; mend this test", b.line)
	}
	_, fourth, _ = strings.Cut(fourth, "\n")
	fourth, _, _ = strings.Cut(fourth, "# 5.")
	out, err = shell(t, g, dir, fourth)
	if err == nil || !strings.Contains(out, "401") || !strings.Contains(out, "was revoked at 20") {
		t.Errorf("after the revocation reading ends with %v:\n%s", err, out)
	}
	text, err := os.ReadFile(filepath.Join(dir, "config.share"))
	if err != nil || !strings.Contains(string(text), "bearerToken") {
		t.Errorf("the credential file: %s, %v", text, err)
	}
}

// day is one in the future when a document was written.
var day = regexp.MustCompile(`\b20\d\d-\d\d-\d\d\b`)

// commands runs a block of commands of an operator, and looks for what they print.
// The recipient is there already, if it has a name.
func commands(recipient string, prints ...string) func(*testing.T, block) {
	return func(t *testing.T, b block) {
		g, dir := startExample(t), copyOfCheckout(t)
		for name, text := range map[string]string{
			"old-token":      "dapi-0123456789abcdef-old\n",
			"recipients.csv": "name,token,grants,until,comment\nhooli,hooli-0123456789abcdef,sales,,\nstark,stark-0123456789abcdef,sales;finance,2099-12-31,by letter\n",
		} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if recipient != "" {
			if out, err := shell(t, g, dir, "caddy gatehouse recipient create "+recipient+" --grant finance"); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
		}
		text := day.ReplaceAllString(b.text, time.Now().AddDate(0, 3, 0).Format(time.DateOnly))
		out, err := shell(t, g, dir, text)
		if err != nil {
			t.Fatalf("README.md:%d: %v\n%s", b.line, err, out)
		}
		for _, want := range prints {
			if !strings.Contains(out, want) {
				t.Errorf("README.md:%d: the commands do not print %s:\n%s", b.line, want, out)
			}
		}
	}
}

// Every command of the documents is run: what stands in no marked block would rot.
func TestEveryDocumentedCommandIsRun(t *testing.T) {
	for _, name := range []string{"README.md", "SECURITY.md"} {
		for _, b := range blocks(t, name) {
			if b.lang == "sh" && b.mark == "" && strings.Contains(b.text, "caddy gatehouse") {
				t.Errorf("%s:%d: the block has no mark, so no test runs it", name, b.line)
			}
		}
	}
}

// namedFile is a path that a documented configuration names.
var namedFile = regexp.MustCompile(`/(etc|var/lib)/gatehouse\b`)

func TestDocumentedCaddyfilesAreValid(t *testing.T) {
	checked := 0
	for _, name := range []string{"README.md", "SECURITY.md", "ARCHITECTURE.md"} {
		for _, b := range blocks(t, name) {
			if b.lang != "caddyfile" {
				continue
			}
			checked++
			i := harness.New(t, namedFile.ReplaceAllString(b.text, "{$$DIR}/named"), nil)
			files := filepath.Join(i.Dir, "named")
			if err := os.Mkdir(files, 0o700); err != nil {
				t.Fatal(err)
			}
			for file, text := range map[string]string{
				"upstream":   "a-token\n",
				"master.key": strings.Repeat("0123456789abcdef", 4) + "\n",
				"razorpay":   "a-webhook-secret\n",

				"bitbroker-services": servicesSecret + "\n",
			} {
				if err := os.WriteFile(filepath.Join(files, file), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			for _, command := range []string{"adapt", "validate"} {
				if res := i.Command("", command, "--adapter", "caddyfile", "--config", i.Config()); res.Code != 0 {
					t.Errorf("%s:%d: caddy %s: %s", name, b.line, command, res.Stderr)
				}
			}
		}
	}
	if checked < 3 {
		t.Errorf("only %d Caddyfiles are documented; were the fences renamed?", checked)
	}
}

// personalDataAccount goes from nothing to a record, and to a refusal, against
// Caddyfile.example.
func personalDataAccount(t *testing.T, b block) {
	env := exampleEnv(t, nil)
	g, dir := harness.Start(t, exampleCaddyfile(t), env), copyOfCheckout(t)
	text := strings.ReplaceAll(b.text, "127.0.0.1:8081", "127.0.0.1:"+env["PDA_PORT"])
	if text == b.text {
		t.Fatalf("README.md:%d: the block calls no site of Caddyfile.example", b.line)
	}
	out, err := shell(t, g, dir, text)
	if err != nil {
		t.Fatalf("README.md:%d: %v\n%s", b.line, err, out)
	}
	for _, want := range []string{
		"username  ann",                                   // the account
		"namespace-read:notes",                            // the application
		`"endpoint": "notes/diary"`,                       // the record
		`{"error":"Forbidden","message":"Access Denied"}`, // the other namespace
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the commands do not print %s", want)
		}
	}
	if strings.Contains(out, "Dentist") || t.Failed() {
		t.Errorf("they print\n%s", out)
	}
}

// explanations are of the running server, and of a Caddyfile: the first that README shows
// of a marketplace.
func explanations(t *testing.T, b block) {
	g, dir := startExample(t), copyOfCheckout(t)
	if out, err := shell(t, g, dir, "caddy gatehouse recipient create acme --grant sales"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, site := range blocks(t, "README.md") {
		if site.lang == "caddyfile" && strings.Contains(site.text, "gatehouse dx") {
			secret := filepath.Join(dir, "razorpay")
			text := strings.ReplaceAll(site.text, "/etc/gatehouse/razorpay", secret)
			for name, text := range map[string]string{filepath.Join(dir, "Caddyfile"): text, secret: "a-webhook-secret\n"} {
				if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			break
		}
	}
	out, err := shell(t, g, dir, b.text)
	if err != nil || strings.Count(out, "decision   allowed") != 2 {
		t.Errorf("README.md:%d: %v; the commands print\n%s", b.line, err, out)
	}
}

// aMarketplace sees an allow, a deny and an explanation against Caddyfile.example.
func aMarketplace(t *testing.T, b block) {
	env := exampleEnv(t, nil)
	g, dir := harness.Start(t, exampleCaddyfile(t), env), copyOfCheckout(t)
	text := strings.ReplaceAll(b.text, "127.0.0.1:8082", env["DX_GATE"])
	if text == b.text {
		t.Fatalf("README.md:%d: the block calls no site of Caddyfile.example", b.line)
	}
	// The last command says by its exit status that the answer is no.
	out, err := shell(t, g, dir, text)
	for _, want := range []string{
		`"askedBy":"11111111-1111-4111-8111-111111111111"`, // the allow
		notAuthorized,                                                // the deny
		"POST /provider/product", "role provider", "consumer", "401", // why
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the commands do not print %s", want)
		}
	}
	if strings.Contains(out, "Product created") || strings.Contains(out, "eyJ") || t.Failed() {
		t.Errorf("README.md:%d: %v; they print\n%s", b.line, err, out)
	}
}

// aBitBroker goes from nothing to a consumer's data, a reissue and the refusal after it,
// against Caddyfile.example.
func aBitBroker(t *testing.T, b block) {
	env := exampleEnv(t, nil)
	g, dir := harness.Start(t, exampleCaddyfile(t), env), copyOfCheckout(t)
	text := strings.ReplaceAll(b.text, "127.0.0.1:8083", env["BBK_GATE"])
	if text == b.text {
		t.Fatalf("README.md:%d: the block calls no site of Caddyfile.example", b.line)
	}
	out, err := shell(t, g, dir, text)
	if err != nil || !strings.Contains(out, "France") || strings.Contains(out, `"error"`) {
		t.Fatalf("README.md:%d: %v; the commands print\n%s", b.line, err, out)
	}

	// "Repeat the call of 3, and it is 403", and with the new token it is not.
	_, ann, _ := strings.Cut(text, "\nann=")
	ann, _, _ = strings.Cut(ann, "\n")
	ann = "ann=" + ann + "\n[ ${#ann} = 110 ]\n"
	_, third, _ := strings.Cut(text, "# 3.")
	_, third, _ = strings.Cut(third, "\n")
	third, _, found := strings.Cut(third, "# 4.")
	if !found || !strings.Contains(third, "consumer.token") {
		t.Fatalf("README.md:%d: the block is another one; mend this test", b.line)
	}
	for call, want := range map[string]string{
		third: brokerError(403),
		strings.ReplaceAll(third, "consumer.token", "consumer2.token"): "France",
		strings.ReplaceAll(third, "$(cat consumer.token)", "$ann"):     brokerError(401),
	} {
		if out, err := shell(t, g, dir, ann+call); err != nil || !strings.Contains(out, want) {
			t.Errorf("README.md:%d: %v; %s prints %s, want %s", b.line, err, call, out, want)
		}
	}
}

// brokerCommands are for connectors that are there.
func brokerCommands(t *testing.T, b block) {
	env := exampleEnv(t, nil)
	g, dir := harness.Start(t, exampleCaddyfile(t), env), copyOfCheckout(t)
	k := &brokerage{gateway: &gateway{Instance: g}}
	k.token = k.firstCoordinator(t, "create", "ann@example.com", "--name", "Ann", "--organization", "Example")
	g.Gate = env["BBK_GATE"]
	k.admin(t, 201, "POST", "/entity/country", entityBody)
	made := k.createConnector(t, "country", "wikidata")
	out, err := shell(t, g, dir, b.text)
	if err != nil {
		t.Fatalf("README.md:%d: %v\n%s", b.line, err, out)
	}
	for _, want := range []string{"ann@example.com", "country/wikidata", "coordinator token", "contributor token"} {
		if !strings.Contains(out, want) {
			t.Errorf("README.md:%d: the commands do not print %s:\n%s", b.line, want, out)
		}
	}
	tokens := brokerToken.FindAllString(out, -1)
	if len(tokens) != 1 || tokens[0] == made.Token {
		t.Fatalf("README.md:%d: %d tokens are printed", b.line, len(tokens))
	}
	for _, token := range []string{tokens[0], made.Token} { // the old one in its overlap
		k.must(t, 200, "GET", made.session(), token, "")
	}
}
