package e2e

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"github.com/gatehouse-auth/gatehouse/e2e/harness"
)

const (
	activationPage = "/delta_sharing/retrieve_config.html"
	sharer         = "127.0.0.1" // the host of public_url, as pages name it
)

// devices are what each page is looked at with.
var devices = map[string]harness.Device{"desktop": harness.Desktop, "phone": harness.Phone}

// wantPage fails the test unless the tab shows a page that says all this, fits on the
// screen, and asked for nothing but itself. It keeps a picture.
func wantPage(t *testing.T, g *gateway, tab *harness.Tab, picture string, says ...string) {
	t.Helper()
	text := tab.Text()
	for _, want := range says {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not say %q:\n%s", want, text)
		}
	}
	if over := tab.Overflow(); over > 0 {
		t.Errorf("the page is %v pixels wider than the screen", over)
	}
	for _, request := range tab.Requests() {
		_, url, _ := strings.Cut(request, " ")
		if !strings.HasPrefix(url, g.URL(activationPage)) {
			t.Errorf("the page asked for %s", request)
		}
	}
	for _, problem := range tab.Problems() {
		t.Errorf("the console shows %s", problem)
	}
	tab.Screenshot(picture)
}

// wantWorkingFile fails the test unless this is a credential file whose token reads.
func wantWorkingFile(t *testing.T, g *gateway, name, text string) {
	t.Helper()
	var file profile
	if err := json.Unmarshal([]byte(text), &file); err != nil || name != "config.share" {
		t.Fatalf("downloaded %q with %q: %v", name, text, err)
	}
	g.wantStatus(t, 200, "GET", metadata, bearer(file.BearerToken))
}

func TestActivationLinkInABrowser(t *testing.T) {
	b := harness.StartBrowser(t)
	g := startSite(t, deltaSite, nil)
	// The longest name without a place to break a line at.
	longest := strings.Repeat("w", 255)
	for device, screen := range devices {
		t.Run(device, func(t *testing.T) {
			link := g.createRecipient(t, "acme-"+device, "sales")
			tab := b.Open(t, screen)
			for range 2 { // to look at it uses nothing up
				if status := tab.Visit(link); status != 200 {
					t.Fatalf("the page answers %d", status)
				}
				wantPage(t, g, tab, "activation-"+device,
					sharer, "acme-"+device, "sales", "Link ends", "File ends", " UTC", "only once", "holds a secret")
			}
			if n := tab.Downloads(); n != 0 {
				t.Fatalf("the page downloaded %d files by itself", n)
			}
			tab.Click("button")
			name, text := tab.Downloaded(1)
			wantWorkingFile(t, g, name, text)

			used := []string{sharer, "has been used", "What to do", "config.share", "ask the person who sent you the link"}
			if status := tab.Follow("button"); status != 410 {
				t.Errorf("the button answers %d the second time", status)
			}
			wantPage(t, g, tab, "pressed-again-"+device, used...)
			if status := tab.Visit(link); status != 410 {
				t.Errorf("a used link answers %d", status)
			}
			wantPage(t, g, tab, "used-"+device, used...)
			if n := tab.Downloads(); n != 1 {
				t.Errorf("%d files were downloaded, want one", n)
			}

			fresh := b.Open(t, screen)
			if status := fresh.Visit(g.createRecipient(t, device+longest[len(device):], "sales")); status != 200 {
				t.Errorf("the page for a long name answers %d", status)
			}
			wantPage(t, g, fresh, "long-name-"+device, longest[len(device):])
		})
	}
}

func TestLinksThatDoNotWorkInABrowser(t *testing.T) {
	b := harness.StartBrowser(t)
	g := startSite(t, with("\n activation_lifetime 2s"), nil)
	expired := g.createRecipient(t, "late", "sales")
	harness.Eventually(t, "the link expires", func() bool {
		return g.send(t, "HEAD", g.target(t, expired)).Status == 410
	})
	if status, text := g.Load(deltaSite); status != 200 {
		t.Fatalf("loading another lifetime: %d %s", status, text)
	}
	replaced := g.createRecipient(t, "quick", "sales")
	g.Gatehouse("recipient", "link", "quick", "--fresh")
	disabled := g.createRecipient(t, "banned", "sales")
	g.Gatehouse("recipient", "disable", "banned")
	elsewhere := g.createRecipient(t, "remote", "sales")
	g.Gatehouse("recipient", "update", "remote", "--ip", "192.0.2.0/24")
	unknown := disabled[:len(disabled)-20]

	for device, screen := range devices {
		for _, tc := range []struct {
			name, link string
			status     int
			says       []string
		}{
			{"expired", expired, 410, []string{"This link has ended", "time", "for a new one"}},
			{"replaced", replaced, 410, []string{"This link has ended", "replaced by a newer one", "use that"}},
			{"disabled", disabled, 403, []string{"Access is disabled", "enabled again"}},
			{"elsewhere", elsewhere, 403, []string{"network"}},
			{"unknown", unknown, 404, []string{"does not work", "Copy the whole link"}},
			{"none", g.URL(activationPage), 404, []string{"does not work", "Copy the whole link"}},
		} {
			t.Run(tc.name+" on "+device, func(t *testing.T) {
				tab := b.Open(t, screen)
				if status := tab.Visit(tc.link); status != tc.status {
					t.Errorf("answers %d, want %d", status, tc.status)
				}
				says := append(tc.says, sharer, "What to do", "the person who sent you the link")
				wantPage(t, g, tab, tc.name+"-"+device, says...)
			})
		}
	}
}

// Without scripts and without a mouse: the first key press reaches the button, the
// second one downloads.
func TestActivationLinkWithoutScriptsAndMouse(t *testing.T) {
	b := harness.StartBrowser(t)
	g := startSite(t, deltaSite, nil)
	link := g.createRecipient(t, "acme", "sales")
	tab := b.Open(t, harness.Desktop)
	tab.WithoutScripts()

	scripted := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(`<title>off</title><script>document.title = "on"</script>`))
	}))
	defer scripted.Close()
	if tab.Visit(scripted.URL); tab.Title() != "off" {
		t.Fatal("scripts still run: the test is wrong")
	}

	if status := tab.Visit(link); status != 200 {
		t.Fatalf("the page answers %d", status)
	}
	if over := tab.Overflow(); over > 0 {
		t.Errorf("the page is %v pixels wider than the screen", over)
	}
	tab.Press(kb.Tab)
	tab.Screenshot("activation-without-scripts")
	tab.Press(kb.Enter)
	name, text := tab.Downloaded(1)
	wantWorkingFile(t, g, name, text)
}
