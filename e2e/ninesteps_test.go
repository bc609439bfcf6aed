package e2e

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// The user flow of Zalando's usage notes for the DDS credentials management API, in
// its order, over HTTP, in front of a server that knows one global token.
func TestNineStepsOfTheSourceDocument(t *testing.T) {
	for _, envelope := range []string{"object", "array"} {
		t.Run("envelope "+envelope, func(t *testing.T) {
			g := startBeforeDemo(t, with("{\n envelope "+envelope+"\n }"))
			m := g.createManaged(t, "acme", "sales")
			m.array = envelope == "array"
			steps := &nineSteps{manager: m}
			for _, step := range []struct {
				name string
				run  func(*testing.T)
			}{
				{"1 request the initial activation link", steps.initialLink},
				{"2 obtain credentials", steps.obtain},
				{"3 access data", steps.access},
				{"4 rotate", steps.rotate},
				{"5 obtain new credentials", steps.obtain},
				{"6 access data, with the old token too while it lasts", steps.access},
				{"7 revoke, when there are two valid tokens already", steps.revoke},
				{"8 request a new activation link", steps.anew},
				{"9 obtain credentials and access data", func(t *testing.T) {
					steps.obtain(t)
					steps.access(t)
				}},
			} {
				if !t.Run(step.name, step.run) {
					t.FailNow() // the next step builds on this one
				}
			}
			steps.checkWire(t)
		})
	}
}

type nineSteps struct {
	*manager
	links  []string // every link that was shown, the newest last
	tokens []string // bearer tokens that must work, the newest last
	spent  []string // those that must not
}

// wantActive fails unless a credential waits to be fetched, and notes its link.
func (s *nineSteps) wantActive(t *testing.T, c credential) {
	t.Helper()
	if c.Status != "ACTIVE" || c.ActivationLink == nil || c.ID == "" || c.ActivatedAt != nil {
		t.Fatalf("got %+v, want ACTIVE with an activation link", c)
	}
	if end := parseTime(t, c.ExpiresAt).Sub(parseTime(t, c.CreatedAt)); end != 90*24*time.Hour {
		t.Errorf("it lives for %v, want 90 days", end)
	}
	s.links = append(s.links, *c.ActivationLink)
}

func (s *nineSteps) initialLink(t *testing.T) {
	list := s.list(t, "GET", "")
	if len(list) != 1 {
		t.Fatalf("got %+v, want one token", list)
	}
	s.wantActive(t, list[0])
	if again := s.list(t, "GET", ""); len(again) != 1 || *again[0].ActivationLink != *list[0].ActivationLink {
		t.Errorf("a second GET shows %+v, want the same", again)
	}
}

func (s *nineSteps) obtain(t *testing.T) {
	link := s.links[len(s.links)-1]
	got := s.follow(t, link)
	var file profile
	if err := json.Unmarshal([]byte(got.Body), &file); err != nil || got.Status != 200 {
		t.Fatalf("the link answers %d %s", got.Status, got.Body)
	}
	if file.ShareCredentialsVersion != 1 || file.Endpoint != "http://"+s.Gate+"/delta-sharing" || file.BearerToken == "" {
		t.Errorf("the file says %s", got.Body)
	}
	left := time.Until(parseTime(t, file.ExpirationTime))
	if left > 90*24*time.Hour || left < 90*24*time.Hour-time.Minute {
		t.Errorf("the file ends in %v, want 90 days", left)
	}
	if name := got.Header.Get("Content-Disposition"); name != `attachment; filename="config.share"` {
		t.Errorf("the file is delivered as %s", name)
	}
	if got.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("the file may be stored: %v", got.Header)
	}
	s.tokens = append(s.tokens, file.BearerToken)

	if again := s.follow(t, link); again.Status != 410 || !strings.Contains(again.Body, "has been used") {
		t.Errorf("the link a second time: got %d %s, want 410", again.Status, again.Body)
	}
	if list := s.list(t, "GET", ""); list[0].Status != "ACTIVE" || list[0].ActivationLink != nil || list[0].ActivatedAt == nil {
		t.Errorf("after the link was used: %+v, want ACTIVE and no link", list[0])
	}
}

func (s *nineSteps) access(t *testing.T) {
	for _, token := range s.tokens {
		list := s.wantStatus(t, 200, "GET", "/delta-sharing/shares", bearer(token))
		if !strings.Contains(list.Body, `"sales"`) || strings.Contains(list.Body, "finance") {
			t.Errorf("the shares are %s, want sales alone", list.Body)
		}
		got := s.sendBody(t, "POST", strings.Replace(metadata, "metadata", "query", 1), `{"limitHint":10}`,
			bearer(token), "Content-Type: application/json")
		if got.Status != 200 || !strings.Contains(got.Body, `{"file":`) {
			t.Errorf("the query: got %d %s", got.Status, got.Body)
		}
	}
	for _, token := range s.spent {
		s.wantStatus(t, 401, "GET", "/delta-sharing/shares", bearer(token))
	}
}

func (s *nineSteps) rotate(t *testing.T) {
	list := s.list(t, "POST", endingIn(3600))
	if len(list) != 2 {
		t.Fatalf("got %+v, want the new and the old token", list)
	}
	s.wantActive(t, list[0])
	old := list[1]
	if old.Status != "ROTATED" || old.ActivationLink != nil {
		t.Errorf("the old one is %+v, want ROTATED", old)
	}
	left := time.Until(parseTime(t, old.ExpiresAt))
	if left > time.Hour || left < time.Hour-time.Minute {
		t.Errorf("the old token ends in %v, want an hour", left)
	}
	// Before the new credential is fetched, the old one serves.
	s.access(t)
}

func (s *nineSteps) revoke(t *testing.T) {
	before := s.list(t, "GET", "")
	if len(before) != 2 {
		t.Fatalf("got %+v, want two valid tokens", before)
	}
	third := s.call(t, "POST", endingIn(3600))
	if third.Status != 409 || third.Header.Get("Content-Type") != "application/problem+json" || !strings.Contains(third.Body, "PATCH") {
		t.Errorf("a third token: got %d %s, want 409 that tells of PATCH", third.Status, third.Body)
	}
	if after := s.list(t, "GET", ""); after[0].ID != before[0].ID || after[1].ExpiresAt != before[1].ExpiresAt {
		t.Errorf("the refused POST changed %+v to %+v", before, after)
	}
	if list := s.list(t, "PATCH", endingIn(0)); len(list) != 0 {
		t.Errorf("PATCH 0 answers %+v, want an empty list", list)
	}
	s.spent, s.tokens = s.tokens, nil
	if len(s.spent) != 2 {
		t.Fatalf("%d tokens were in use, want 2", len(s.spent))
	}
	for _, token := range s.spent {
		got := s.wantStatus(t, 401, "GET", metadata, bearer(token))
		if !strings.Contains(got.Body, "revoked") {
			t.Errorf("a revoked token is told %s", got.Body)
		}
	}
	if list := s.list(t, "GET", ""); len(list) != 0 {
		t.Errorf("GET lists %+v after all were revoked", list)
	}
}

func (s *nineSteps) anew(t *testing.T) {
	list := s.list(t, "POST", endingIn(86400))
	if len(list) != 1 {
		t.Fatalf("got %+v, want one token", list)
	}
	s.wantActive(t, list[0])
	s.access(t) // the old ones stay dead
}

// checkWire fails unless the server behind was shown its own token and nothing else.
func (s *nineSteps) checkWire(t *testing.T) {
	t.Helper()
	seen := s.upstream.Requests()
	if len(seen) < 10 {
		t.Fatalf("%d requests reached the upstream, want those of all steps", len(seen))
	}
	for _, r := range seen {
		if got := r.Header.Values("Authorization"); len(got) != 1 || got[0] != "Bearer "+demoToken {
			t.Errorf("%s carries %q, want the global token", r.Line, got)
		}
	}
	wire := s.upstream.Wire()
	secrets := append(append(append([]string{strings.TrimPrefix(s.auth, "Authorization: Bearer ")}, s.links...), s.tokens...), s.spent...)
	for i, secret := range secrets {
		_, code, isLink := strings.Cut(secret, "?")
		if isLink {
			secret = code
		}
		if strings.Contains(wire, secret) {
			t.Errorf("secret %d of the recipient reached the upstream", i)
		}
	}
}

func parseTime(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}
