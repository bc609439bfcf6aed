package harness

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

const viewport = `<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">`

// The tests of pages say "nothing was loaded, nothing complained, nothing sticks out".
// That is worth something only if the browser would have told.
func TestBrowserSeesWhatIsWrongWithAPage(t *testing.T) {
	b := StartBrowser(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/good":
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write([]byte(`<!DOCTYPE html>` + viewport + `<title>good</title><p>all is well</p>`))
		case "/bad":
			w.Header().Set("Content-Type", "text/html")
			w.Header().Set("Content-Security-Policy", "img-src 'none'")
			_, _ = w.Write([]byte(`<!DOCTYPE html>` + viewport + `<title>bad</title>
<img src="/blocked"><script src="http://elsewhere.example/script.js"></script><div style="width:440px">wide</div>
<script>console.log("said"); throw new Error("thrown")</script><a href="/file" download>file</a>`))
		case "/file":
			w.Header().Set("Content-Disposition", `attachment; filename="name.txt"`)
			_, _ = w.Write([]byte("content"))
		}
	}))
	defer server.Close()

	good := b.Open(t, Phone)
	if status := good.Visit(server.URL + "/good"); status != 200 || good.Title() != "good" || !strings.Contains(good.Text(), "all is well") {
		t.Errorf("the good page: %d %q %q", status, good.Title(), good.Text())
	}
	if want := []string{"GET " + server.URL + "/good"}; !slices.Equal(good.Requests(), want) || len(good.Problems()) != 0 || good.Overflow() > 0 {
		t.Errorf("the good page: %v, %v, overflow %v", good.Requests(), good.Problems(), good.Overflow())
	}

	bad := b.Open(t, Phone)
	bad.Visit(server.URL + "/bad")
	if !slices.Contains(bad.Requests(), "GET http://elsewhere.example/script.js") {
		t.Errorf("a request to elsewhere is not noted: %v", bad.Requests())
	}
	problems := strings.Join(bad.Problems(), "\n")
	for _, want := range []string{"console.log", "exception", "Content Security Policy", "ERR_NAME_NOT_RESOLVED"} {
		if !strings.Contains(problems, want) {
			t.Errorf("%s is not noted:\n%s", want, problems)
		}
	}
	if bad.Overflow() < 100 { // 440 and the margin, on 320
		t.Errorf("overflow is %v", bad.Overflow())
	}
	bad.Click("a")
	if name, text := bad.Downloaded(1); name != "name.txt" || text != "content" || good.Downloads() != 0 {
		t.Errorf("downloaded %q with %q; the other tab has %d", name, text, good.Downloads())
	}

	blind := b.Open(t, Desktop)
	blind.WithoutScripts()
	if blind.Visit(server.URL + "/bad"); strings.Contains(strings.Join(blind.Problems(), " "), "console") {
		t.Error("scripts run although they were turned off")
	}
}
