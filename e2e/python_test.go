package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/e2e/harness"
)

// readOne loads one table and prints what came; of an HTTP error, what a person sees.
const readOne = `
import sys, requests, delta_sharing
try:
    rows = delta_sharing.load_as_pandas(sys.argv[1] + "#" + sys.argv[2])
    print(len(rows), ",".join(rows.columns), round(float(rows["amount"].sum()), 2))
except requests.HTTPError as e:
    print("HTTP", e.response.status_code, e)
`

// orders is what readOne prints of the demo's table sales.retail.orders.
const orders = "3000 order_id,ordered_on,customer_id,article,amount 392973.74\n"

// credentialFile stores what a link delivered.
func credentialFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.share")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// python runs a script that must succeed and returns what it printed.
func python(t *testing.T, script string, args ...string) string {
	t.Helper()
	res := harness.Python(t, script, args...)
	if res.Code != 0 {
		t.Fatalf("the client failed:\n%s", res.Stderr)
	}
	return res.Stdout
}

func TestScriptThatHasDoneItsWorkDoesNotFailAtTheEnd(t *testing.T) {
	for script, want := range map[string]harness.Result{
		`import atexit, os; atexit.register(os.abort); print("x" * 70000)`: {Stdout: strings.Repeat("x", 70000) + "\n"},
		`import sys; print("rows"); sys.exit(3)`:                           {Stdout: "rows\n", Code: 3},
	} {
		if got := harness.Python(t, script); got != want {
			t.Errorf("%s: %d, %d bytes, %s", script, got.Code, len(got.Stdout), got.Stderr)
		}
	}
}

func TestCommandOfAShellThatHasDoneItsWorkDoesNotFailAtTheEnd(t *testing.T) {
	for script, want := range map[string]int{
		"import os\nclass End:\n  def __del__(self, abort=os.abort): abort()\nend = End()\nprint('rows')": 0,
		"print('rows'); 1/0": 1,
	} {
		cmd := exec.Command("python3", "-c", script)
		cmd.Env = append(os.Environ(), harness.PythonPath(t))
		out, _ := cmd.Output()
		if code := cmd.ProcessState.ExitCode(); string(out) != "rows\n" || code != want {
			t.Errorf("%s: %d, %q", script, code, out)
		}
	}
}

func TestPythonClientKeepsReadingThroughRotationUntilRevocation(t *testing.T) {
	g := startBeforeDemo(t, deltaSite)
	m := g.createManaged(t, "acme", "sales")
	first := credentialFile(t, g.follow(t, *m.list(t, "GET", "")[0].ActivationLink).Body)
	read := func(when, file, want string) {
		t.Helper()
		if got := python(t, readOne, file, "sales.retail.orders"); got != want {
			t.Errorf("%s the client prints\n%s\nwant\n%s", when, got, want)
		}
	}
	read("before rotation", first, orders)

	second := credentialFile(t, g.follow(t, *m.list(t, "POST", endingIn(3600))[0].ActivationLink).Body)
	read("after rotation, with the old file,", first, orders)
	read("after rotation, with the new file,", second, orders)

	m.list(t, "PATCH", endingIn(0))
	for _, file := range []string{first, second} {
		got := python(t, readOne, file, "sales.retail.orders")
		if !strings.HasPrefix(got, "HTTP 401 ") || !strings.Contains(got, "UNAUTHENTICATED") || !strings.Contains(got, "was revoked at 20") {
			t.Errorf("after revocation the client prints\n%s\nwant a 401 that says revoked", got)
		}
	}
}

func TestPythonClientListsOnlyWhatIsGranted(t *testing.T) {
	g := startBeforeDemo(t, deltaSite)
	for _, tc := range []struct {
		name   string
		grants []string
		want   string
	}{
		{"a-share", []string{"finance"}, "finance.reports.q3 4\nfinance.reports.q4 4\nfinance.ledger.entries 2000\n"},
		{"a-schema", []string{"sales/web"}, "sales.web.visits 1200\n"},
		{"a-table", []string{"FINANCE/Reports/Q4"}, "finance.reports.q4 4\n"},
		{"nothing", nil, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			file := credentialFile(t, g.follow(t, g.createRecipient(t, tc.name, tc.grants...)).Body)
			if got := python(t, readAll, file); got != tc.want {
				t.Errorf("the client read\n%s\nwant\n%s", got, tc.want)
			}
		})
	}

	t.Run("a table that is not granted", func(t *testing.T) {
		file := credentialFile(t, g.follow(t, g.createRecipient(t, "curious", "sales")).Body)
		got := python(t, readOne, file, "finance.ledger.entries")
		if !strings.HasPrefix(got, "HTTP 404 ") || !strings.Contains(got, "RESOURCE_DOES_NOT_EXIST") {
			t.Errorf("the client prints\n%s\nwant a 404", got)
		}
	})
}

// The client takes one slash off the endpoint and joins with another, so a file that
// was edited by hand makes it send two.
func TestPythonClientWithDoubledSlashInItsEndpoint(t *testing.T) {
	g := startBeforeDemo(t, strings.Replace(deltaSite, "gatehouse delta {", "log\n gatehouse delta {", 1))
	text := g.follow(t, g.createRecipient(t, "acme", "sales")).Body
	for _, slashes := range []string{"/", "//"} {
		var file map[string]any
		if err := json.Unmarshal([]byte(text), &file); err != nil {
			t.Fatal(err)
		}
		file["endpoint"] = file["endpoint"].(string) + slashes
		edited, err := json.Marshal(file)
		if err != nil {
			t.Fatal(err)
		}
		if got := python(t, readOne, credentialFile(t, string(edited)), "sales.retail.orders"); got != orders {
			t.Errorf("with %s at the endpoint's end the client prints\n%s\nwant\n%s", slashes, got, orders)
		}
	}
	if !strings.Contains(g.Output(), `"uri":"/delta-sharing//shares/`) {
		t.Error("the client no longer sends doubled slashes; mend this test")
	}
	for _, seen := range g.upstream.Requests() {
		if strings.Contains(seen.Line, "//") {
			t.Errorf("the upstream was sent %q", seen.Line)
		}
	}
}
