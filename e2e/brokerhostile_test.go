package e2e

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/e2e/harness"
)

// manned is a brokerage with a token of each kind.
type manned struct {
	*brokerage
	consumer  string
	connector connector
	bob       string // path of the consumer
}

func man(t *testing.T, b *brokerage) *manned {
	t.Helper()
	b.createPolicy(t, "open-data")
	b.admin(t, 201, "POST", "/entity/country", entityBody)
	bob := b.createUser(t, "bob@example.com")
	return &manned{b, b.granted(t, bob, "open-data"), b.createConnector(t, "country", "atlas"), bob}
}

func TestTokenIsReadFromItsOneHeader(t *testing.T) {
	m := man(t, startBrokerage(t, brokerSite))
	good := m.consumer
	parts := strings.Split(good, ".")
	for _, tc := range []struct {
		name    string
		status  int
		headers []string
	}{
		{"as documented", 200, []string{"x-bbk-auth-token: " + good}},
		{"as Go writes it", 200, []string{"X-Bbk-Auth-Token: " + good}},
		{"in capitals", 200, []string{"X-BBK-AUTH-TOKEN: " + good}},
		{"without a space", 200, []string{"x-bbk-auth-token:" + good}},
		{"spaces around it", 200, []string{"x-bbk-auth-token: \t " + good + " \t"}},
		{"a foreign credential beside it", 200, []string{bbk(good), "Authorization: Bearer x", "Cookie: a=b"}},
		{"twice", 400, []string{bbk(good), bbk(good)}},
		{"another beside it", 400, []string{bbk(good), bbk(m.token)}},
		{"in another spelling beside it", 400, []string{bbk(good), "X-BBK-AUTH-TOKEN: x"}},
		{"an empty one beside it", 400, []string{bbk(good), bbk("")}},
		{"two in one", 401, []string{bbk(good + ", " + good)}},
		{"empty", 401, []string{bbk("")}},
		{"a scheme word", 401, []string{bbk("Bearer " + good)}},
		{"quotes", 401, []string{bbk(`"` + good + `"`)}},
		{"capital letters", 401, []string{bbk(strings.ToUpper(good))}},
		{"some capital letters", 401, []string{bbk(good[:20] + strings.ToUpper(good[20:]))}},
		{"cut by one", 401, []string{bbk(good[:len(good)-1])}},
		{"one more", 401, []string{bbk(good + "0")}},
		{"two parts", 401, []string{bbk(parts[0] + "." + parts[1])}},
		{"four parts", 401, []string{bbk(good + "." + parts[0])}},
		{"parts in another order", 401, []string{bbk(parts[2] + "." + parts[1] + "." + parts[0])}},
		{"braces", 401, []string{bbk("{" + parts[0] + "}." + parts[1] + "." + parts[2])}},
		{"of version 1", 401, []string{bbk("4735d360-dc03-199c-91ce-68dfc1554691.5d5c9eab-1d9c-1c88-9478-9f4ab35568a7.423c9101-315a-1929-a64c-9b905837799c")}},
		{"of nobody", 401, []string{bbk("4735d360-dc03-499c-91ce-68dfc1554691.5d5c9eab-1d9c-4c88-9478-9f4ab35568a7.423c9101-315a-4929-a64c-9b905837799c")}},
		{"a megabyte of dots", 431, []string{bbk(strings.Repeat(".", 1<<20))}},
		{"10 KiB of hexadecimals", 401, []string{bbk(strings.Repeat("a1", 5<<10))}},
		{"a JSON web token", 401, []string{bbk("eyJhbGciOiJub25lIn0.eyJzY29wZSI6ImNvbnN1bWVyIn0.")}},
		{"with underscores in its name", 401, []string{"x_bbk_auth_token: " + good}},
		{"with dots in its name", 401, []string{"x.bbk.auth.token: " + good}},
		{"as a bearer token", 401, []string{bearer(good)}},
		{"as a cookie", 401, []string{"Cookie: x-bbk-auth-token=" + good}},
		{"under others' names", 401, []string{"X-Auth-Token: " + good, "Token: " + good}},
		{"named in Connection", 401, []string{"Connection: x-bbk-auth-token"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m.upstream.Forget()
			got := m.send(t, "GET", asConsumer, tc.headers...)
			if got.Status != tc.status {
				t.Fatalf("got %d %s, want %d", got.Status, got.Body, tc.status)
			}
			if tc.status != 200 {
				m.wantNothingUpstream(t)
				if tc.status != 431 && got.Body != brokerError(tc.status) {
					t.Errorf("the refusal is %q", got.Body)
				}
				return
			}
			wantSeen(t, m.upstream.Last(t), "open-data", "consumer:open-data")
		})
	}
	t.Run("in the query", func(t *testing.T) {
		m.refused(t, 401, "GET", asConsumer+"?x-bbk-auth-token="+good, "")
	})
	t.Run("in the URL", func(t *testing.T) {
		m.upstream.Forget()
		got := m.send(t, "GET", "http://x:"+good+"@"+m.Gate+asConsumer)
		if got.Status == 200 {
			t.Errorf("got %d", got.Status)
		}
		m.wantNothingUpstream(t)
	})
}

// What the servers believe, they have from the gate alone.
func TestServersBelieveTheGateAlone(t *testing.T) {
	inBothModes(t, func(t *testing.T, b *brokerage) {
		m := man(t, b)
		forged := []string{
			"x-bbk-audience: evil", "X-BBK-AUDIENCE: evil", "X_Bbk_Audience: evil", "x.bbk.audience: evil", "x-bbk-rate-uid: evil", "X_BBK_RATE_UID: evil",
			"x-forwarded-scheme: evil", "X_Forwarded_Scheme: evil", "X-Forwarded-Host: evil", "X-Gatehouse-Subject: evil",
			"Authorization: Bearer evil", "Proxy-Authorization: Basic evil", "Cookie: session=evil", "X-Auth-Token: evil", "Token: evil", "x_bbk_auth_token: evil",
			"Connection: close, X-Bbk-Audience, x-bbk-rate-uid, X-Gatehouse-Subject, X-Forwarded-Proto, Host, Upgrade",
			"Upgrade: h2c",
		}
		for _, call := range []struct {
			name, method, target, token string
			audience, rate              string
		}{
			{"consumer", "GET", asConsumer, m.consumer, "open-data", "consumer:open-data"},
			{"contributor", "GET", m.connector.session(), m.connector.Token, "atlas", ""},
			{"coordinator", "GET", asCoordinator, m.token, "", ""},
		} {
			if call.name == "coordinator" && !b.front {
				continue // it is the gateway's own
			}
			m.upstream.Forget()
			got := m.send(t, call.method, call.target, append([]string{bbk(call.token)}, forged...)...)
			seen := m.upstream.Last(t)
			if got.Status != 200 || strings.Contains(seen.Raw, "evil") || seen.Host != m.Gate {
				t.Errorf("%s: got %d; the server sees\n%s", call.name, got.Status, seen.Raw)
			}
			wantSeen(t, seen, call.audience, call.rate)
			if seen.Header.Get("X-Gatehouse-Subject") == "" || seen.Header.Get("Upgrade") != "" || seen.Header.Get("X-Forwarded-Proto") != "http" {
				t.Errorf("%s: the server sees\n%s", call.name, seen.Raw)
			}
		}
		// They do not come as trailers either.
		for _, name := range []string{"X-Bbk-Audience", "X-Bbk-Rate-Uid", "X-Forwarded-Scheme"} {
			raw := harness.Request("POST", strings.Replace(m.connector.session(), "open/accrue", "none/upsert", 1), m.Gate, bbk(m.connector.Token),
				"Content-Type: application/json", "Transfer-Encoding: chunked", "Trailer: "+name) + "2\r\n[]\r\n0\r\n" + name + ": evil\r\n\r\n"
			harness.Send(t, m.Gate, raw)
			if strings.Contains(m.upstream.Wire(), "evil") {
				t.Errorf("%s came as a trailer", name)
			}
		}
		// Addresses in answers are the site's own.
		got := m.send(t, "GET", coordinatorAPI+m.bob, bbk(m.token), "x-forwarded-scheme: evil", "X-Forwarded-Proto: evil", "X-Forwarded-Host: evil.example")
		if got.Status != 200 || strings.Contains(got.Body, "evil") || !strings.Contains(got.Body, "http://"+m.Gate+coordinatorAPI+m.bob) {
			t.Errorf("the addresses are %s", got.Body)
		}
	})
}

func TestMethodsThatNoRuleNamesAre404BeforeAnyToken(t *testing.T) {
	inBothModes(t, func(t *testing.T, b *brokerage) {
		m := man(t, b)
		for _, tc := range []struct {
			target, token string
			methods       []string
		}{
			{asCoordinator, m.token, []string{"PATCH", "TRACE", "BREW", "get", "PROPFIND", "M-SEARCH"}},
			{m.connector.session(), m.connector.Token, []string{"PUT", "DELETE", "PATCH", "TRACE", "BREW", "Get"}},
			{asConsumer, m.consumer, []string{"POST", "PUT", "DELETE", "PATCH", "TRACE", "BREW", "gET"}},
			{"/elsewhere", m.token, []string{"GET", "POST", "DELETE"}},
			{"/", m.token, []string{"GET"}},
			{"/portal", m.token, []string{"GET"}},
			{contributorAPI + "/session", m.connector.Token, []string{"GET"}},
		} {
			for _, method := range tc.methods {
				for _, token := range []string{tc.token, "", "garbage", m.consumer} {
					m.refused(t, 404, method, tc.target, token, "Content-Length: 0", "X-HTTP-Method-Override: GET")
				}
			}
		}
	})
}

// A path has one meaning for the gate and for the servers. Who has the wrong token, or none,
// reaches nothing by any spelling of it.
func TestNoSpellingOfAPathGoesPastTheGate(t *testing.T) {
	inBothModes(t, func(t *testing.T, b *brokerage) {
		m := man(t, b)
		spellings := []string{
			asCoordinator, "/COORDINATOR/V1/USER", asCoordinator + "/", "/coordinator/v1/%75ser", "/%63oordinator/v1/user", "/coordinator%2fv1%2fuser", "/coordinator%2Fv1/user",
			"/coordinator/v1//user", "//coordinator/v1/user", "/coordinator//v1/user", "/consumer/v1/../../coordinator/v1/user", "/consumer/v1/%2e%2e/%2e%2e/coordinator/v1/user",
			"/consumer/v1/..%2f..%2fcoordinator/v1/user", "/consumer/v1/..%5c..%5ccoordinator/v1/user", "/consumer/v1/..;/..;/coordinator/v1/user", "/consumer\\..\\coordinator\\v1\\user",
			"/./coordinator/v1/user", "/coordinator/./v1/user", "/coordinator;x=y/v1/user", "/coordinator/v1;x/user", "/coordinator/v1/user%00", "/coordinator/v1%00/user", "/coordinator/v1/user%0d%0a",
			"/coordinator%252fv1/user", "/%2563oordinator/v1/user", "/coordinator/v1/user%20", "/%20coordinator/v1/user", "/coordinator/v1/user#x", "/coordinator/v1/user?#", "/coordinator/v1?/user",
			"/coordinator/v1/u%C5%BFer", "/con%C5%BFumer/v1/../../coordinator/v1/user", "/coordinator%c0%afv1/user", "/coordinator/v1/user%ff", "/coordinator/v1/user/%E2%84%AA",
			"http://" + m.Gate + asCoordinator, "http://" + m.Gate + "/coordinator/v1/../v1/user", "http://user@" + m.Gate + asCoordinator,
			"/coordinator/v1/user/1", "/coordinator/V1/user/1/coordinator", "/coordinator/v1/policy/open-data", "/COORDINATOR/v1", "/coordinator/v1/",
			m.connector.session(), strings.ToUpper(m.connector.session()), strings.Replace(m.connector.session(), "/connector/", "/connector//", 1),
			strings.Replace(m.connector.session(), "/connector/", "/%63onnector/", 1), strings.Replace(m.connector.session(), "/session", "%2fsession", 1),
			m.connector.session() + "/", contributorAPI, "/Contributor/v1/",
		}
		for _, target := range spellings {
			for _, token := range []string{"", "garbage", m.consumer} {
				for _, method := range []string{"GET", "POST", "DELETE", "HEAD"} {
					m.upstream.Forget()
					headers := []string{"Content-Length: 0"}
					if token != "" {
						headers = append(headers, bbk(token))
					}
					got := m.send(t, method, target, headers...)
					if got.Status < 400 || got.Status > 499 {
						t.Errorf("%s %s: got %d %s", method, target, got.Status, got.Body)
					}
					m.wantNothingUpstream(t)
				}
			}
		}
		// The other way round: consumer paths by tokens of the others.
		for _, target := range []string{
			asConsumer, "/CONSUMER/V1/CATALOG", asConsumer + "/", "/%63onsumer/v1/catalog", "/consumer/v1/%63atalog", "/consumer/v1//catalog", "/contributor/v1/../../consumer/v1/catalog",
			"/coordinator/v1/%2e%2e/%2e%2e/consumer/v1/catalog", "/consumer/v1", "/consumer/v1/", "/consumer/v1/entity/%E2%84%AA",
		} {
			for _, token := range []string{"", m.token, m.connector.Token} {
				m.upstream.Forget()
				if got := m.ask(t, "GET", target, token, ""); got.Status < 400 || got.Status > 499 {
					t.Errorf("GET %s: got %d %s", target, got.Status, got.Body)
				}
				m.wantNothingUpstream(t)
			}
		}
	})
}

// What passes goes on in one spelling, its letters' case kept.
func TestPathsPassInOneSpelling(t *testing.T) {
	m := man(t, startBrokerage(t, brokerSite))
	for given, want := range map[string]string{
		asConsumer:                              asConsumer,
		asConsumer + "/":                        asConsumer + "/",
		"/CONSUMER/V1/Catalog":                  "/CONSUMER/V1/Catalog",
		"/%63onsumer/v1/%63atalog":              asConsumer,
		asConsumer + "?q=%7B%22a%22%3A1%7D&q=b": asConsumer + "?q=%7B%22a%22%3A1%7D&q=b",
		"/consumer/v1/entity/a%20b/c%c3%a9":     "/consumer/v1/entity/a%20b/c%C3%A9",
		"/consumer/v1/entity/%E2%84%AA":         "/consumer/v1/entity/%E2%84%AA",
		"http://" + m.Gate + asConsumer:         asConsumer,
		"/consumer/v1/entity/Country":           "/consumer/v1/entity/Country",
	} {
		m.upstream.Forget()
		got := m.ask(t, "GET", given, m.consumer, "")
		if seen := m.upstream.Requests(); len(seen) != 1 || seen[0].Line != "GET "+want+" HTTP/1.1" {
			t.Errorf("%s: got %d; the server sees %v, want %s", given, got.Status, seen, want)
		}
	}
}

func TestIdsAndSlugsAtTheirLimits(t *testing.T) {
	inBothModes(t, func(t *testing.T, b *brokerage) {
		m := man(t, b)
		slug := func(n int) string { return "s" + strings.Repeat("x", n-1) }
		for _, id := range []string{"0", "00000000", "99999999", "123456789", "000000002", strings.Repeat("9", 40), "-1", "+2", "2e0", "0x2", "２", "2%00", "%32%30%30%30", "1.0", "%20%32"} {
			for _, call := range [][2]string{{"GET", ""}, {"DELETE", ""}, {"POST", "/coordinator"}, {"DELETE", "/coordinator"}, {"POST", "/access/open-data"}, {"PUT", "/access/open-data"}, {"DELETE", "/access/open-data"}} {
				got := m.ask(t, call[0], coordinatorAPI+"/user/"+id+call[1], m.token, "")
				if got.Status != 404 && got.Status != 400 {
					t.Errorf("%s user %s%s: got %d %s", call[0], id, call[1], got.Status, got.Body)
				}
			}
		}
		for _, tc := range []struct {
			slug   string
			status int
		}{
			{slug(2), 400},
			{slug(3), 201},
			{slug(32), 201},
			{slug(33), 400},
			{slug(4096), 400},
			{"a--", 201},
			{"-ab", 400},
			{"1ab", 400},
			{"a_b", 400},
			{"a.b", 400},
			{"a%20b", 400},
			{"ABC-D", 201},
			{"ab%C3%A9", 0},
			{"%E2%84%AAelvin", 0},
			{"ab%E2%84%AA", 0},
			{"stra%C3%9Fe", 0},
			{"%C4%B0stanbul", 0},
			{"ab%00c", 0},
			{"ab%2fcd", 0},
			{"ab%0a", 0},
		} {
			for _, path := range []string{"/policy/" + tc.slug, "/entity/" + tc.slug, "/entity/country/connector/x" + tc.slug} {
				if strings.Contains(path, "connector") && tc.status != 0 {
					continue // one letter more
				}
				m.upstream.Forget()
				body := limited(unlimited)
				if strings.HasPrefix(path, "/entity") {
					body = described
				}
				got := m.ask(t, "POST", coordinatorAPI+path, m.token, body)
				if got.Status != tc.status && (tc.status != 0 || got.Status != 400 && got.Status != 404) {
					t.Errorf("%s: got %d %s, want %d", path, got.Status, got.Body, tc.status)
				}
				if tc.status == 0 {
					m.wantNothingUpstream(t) // JavaScript would make other letters of it
				}
			}
		}
		// Letters that JavaScript folds into ASCII are not a way to another's policy.
		b.createPolicy(t, "kelvin")
		token := b.granted(t, m.bob, "kelvin")
		for _, call := range [][2]string{{"PUT", m.bob + "/access/%E2%84%AAelvin"}, {"DELETE", m.bob + "/access/%E2%84%AAelvin"}, {"DELETE", "/policy/%E2%84%AAelvin"}} {
			m.upstream.Forget()
			if got := m.ask(t, call[0], coordinatorAPI+call[1], m.token, ""); got.Status != 404 {
				t.Errorf("%s %s: got %d", call[0], call[1], got.Status)
			}
			m.wantNothingUpstream(t)
		}
		m.must(t, 200, "GET", asConsumer, token, "")
	})
}

// In whatever spelling BitBroker is told that something ends, the gate hears it.
func TestDeletionsInAnySpellingAreHeard(t *testing.T) {
	inBothModes(t, func(t *testing.T, b *brokerage) {
		b.createPolicy(t, "open-data")
		for i, spell := range []func(user string) string{
			func(user string) string { return coordinatorAPI + user },
			func(user string) string { return coordinatorAPI + user + "/" },
			func(user string) string { return strings.ToUpper(coordinatorAPI + user) },
			func(user string) string { return coordinatorAPI + strings.Replace(user, "/user/", "/user/000", 1) },
			func(user string) string { return coordinatorAPI + strings.Replace(user, "/user/", "/%75s%65r/", 1) },
			func(user string) string { return "/%43oordinator/V1" + user },
			func(user string) string { return coordinatorAPI + user + "?x=/policy/y" },
		} {
			user := b.createUser(t, fmt.Sprintf("u%d@example.com", i))
			consumer, coordinator := b.granted(t, user, "open-data"), b.promoted(t, user)
			target := spell(user)
			if got := b.ask(t, "DELETE", target, b.token, ""); got.Status != 204 {
				t.Errorf("DELETE %s: got %d %s", target, got.Status, got.Body)
			}
			b.wantEnded(t, "after DELETE "+target, []rescinded{{"consumer", consumer, asConsumer, 403}, {"coordinator", coordinator, asCoordinator, 403}})
		}
		// And what is given in any spelling is good.
		user := b.createUser(t, "alice@example.com")
		token := tokenOf(t, b.must(t, 200, "POST", strings.ToUpper(coordinatorAPI+user)+"/Coordinator/", b.token, ""))
		b.must(t, 200, "GET", asCoordinator, token, "")
		token = tokenOf(t, b.must(t, 201, "POST", coordinatorAPI+user+"/ACCESS/Open-Data/", b.token, ""))
		b.must(t, 200, "GET", asConsumer, token, "")
		wantSeen(t, b.upstream.Last(t), "open-data", "consumer:open-data")
	})
}

func TestBodiesThatAreNoneOfTheContract(t *testing.T) {
	b := startBrokerage(t, brokerSite)
	const good = `{"name":"Bob","email":"bob@example.com","organization":"Example"}`
	deep := strings.Repeat(`{"a":`, 100_000) + "1" + strings.Repeat("}", 100_000)
	for _, tc := range []struct {
		name, kind, body string
		status           int
		says             string
	}{
		{"no type", "", good, 400, tooShort},
		{"a form", "application/x-www-form-urlencoded", good, 400, tooShort},
		{"a text", "text/plain", good, 400, tooShort},
		{"a form that looks like JSON", "text/json", good, 400, tooShort},
		{"another charset", "application/json; charset=latin1", good, 415, ""},
		{"no object", "application/json", `1`, 400, "syntax"},
		{"null", "application/json", `null`, 400, "syntax"},
		{"two objects", "application/json", good + good, 400, "syntax"},
		{"a comment", "application/json", "/**/" + good, 400, "syntax"},
		{"a trailing comma", "application/json", `{"name":"Bob",}`, 400, "syntax"},
		{"single quotes", "application/json", `{'name':'Bob'}`, 400, "syntax"},
		{"bytes that are no UTF-8", "application/json", "{\"name\":\"\xff\xfe\",\"email\":\"bob@example.com\"}", 400, ""},
		{"very deep", "application/json", deep, 400, ""},
		{"a number for an address", "application/json", `{"name":"Bob","email":7,"organization":"Example"}`, 400, ""},
		{"an object for a name", "application/json", `{"name":{"a":1},"email":"bob@example.com","organization":"Example"}`, 400, noString},
		{"an array for an addendum", "application/json", `{"name":"Bob","email":"bob@example.com","organization":"Example","addendum":[1]}`, 400, "is not of a type(s) object"},
		{"a prototype", "application/json", `{"__proto__":{"name":"x"},"email":"bob@example.com","organization":"Example"}`, 400, tooShort},
	} {
		t.Run(tc.name, func(t *testing.T) {
			headers := []string{bbk(b.token)}
			if tc.kind != "" {
				headers = append(headers, "Content-Type: "+tc.kind)
			}
			got := b.sendBody(t, "POST", asCoordinator, tc.body, headers...)
			if got.Status != tc.status || !strings.Contains(got.Body, strings.ReplaceAll(tc.says, `"`, `\"`)) {
				t.Errorf("got %d %.300s, want %d with %s", got.Status, got.Body, tc.status, tc.says)
			}
		})
	}
	for name, kind := range map[string]string{"with a charset": "application/json; charset=utf-8", "in capitals": "APPLICATION/JSON;CHARSET=UTF-8"} {
		body := strings.Replace(good, "bob@", strings.ReplaceAll(name, " ", "-")+"@", 1)
		if got := b.sendBody(t, "POST", asCoordinator, body, bbk(b.token), "Content-Type: "+kind); got.Status != 201 {
			t.Errorf("%s: got %d %s", name, got.Status, got.Body)
		}
	}
	if got := b.sendBody(t, "POST", asCoordinator, "\x1f\x8b\x08", bbk(b.token), "Content-Type: application/json", "Content-Encoding: gzip"); got.Status != 415 {
		t.Errorf("gzip: got %d", got.Status)
	}
	if got := b.admin(t, 200, "GET", "/user", ""); strings.Contains(got.Body, "bob@example.com") {
		t.Errorf("one of them made a user: %s", got.Body)
	}
}

// A body of 100 MB costs the gateway next to nothing where it reads bodies itself.
func TestHugeBodyIsRefusedAndCostsLittle(t *testing.T) {
	b := startBrokerage(t, brokerSite)
	before := b.PeakMemory()
	for _, chunked := range []bool{false, true} {
		length := "Content-Length: 104857600"
		if chunked {
			length = "Transfer-Encoding: chunked"
		}
		conn, err := net.Dial("tcp", b.Gate)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
		_, _ = io.WriteString(conn, harness.Request("POST", asCoordinator, b.Gate, bbk(b.token), "Content-Type: application/json", length))
		piece := `{"name":"` + strings.Repeat("x", 1<<20)
		if chunked {
			piece = fmt.Sprintf("%x\r\n%s\r\n", len(piece), piece)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			for range 100 {
				if _, err := io.WriteString(conn, piece); err != nil {
					return // it was refused, and the connection closed
				}
			}
		}()
		answer := make([]byte, 12)
		if _, err := io.ReadFull(conn, answer); err == nil && string(answer) != "HTTP/1.1 413" {
			t.Errorf("chunked %v: got %q", chunked, answer)
		}
		conn.Close()
		<-done
	}
	if after := b.PeakMemory(); after > before+150 {
		t.Errorf("the gateway grew from %d to %d MiB", before, after)
	}
	b.admin(t, 200, "GET", "/user", "")
}

// In front the body is the BitBroker's to judge, and passes as it comes.
func TestBodiesPassInFront(t *testing.T) {
	b := startBrokerageInFront(t, brokerFrontSite)
	body := `{ "name" : "B\u00f6b", "email":"bob@example.com","organization":"Ex", "addendum": {"a":1e2,"a":2} }`
	b.admin(t, 201, "POST", "/user", body)
	if got := b.upstream.Last(t).Body; got != body {
		t.Errorf("the BitBroker is sent %q", got)
	}
}

// A spelling of a connector's id that is not its own opens nothing.
func TestContributionIDIsExact(t *testing.T) {
	inBothModes(t, func(t *testing.T, b *brokerage) {
		m := man(t, b)
		other := b.createConnector(t, "country", "gazette")
		for _, id := range []string{
			other.ID, strings.ToUpper(other.ID), m.connector.ID[:39], m.connector.ID + "0", strings.Repeat("0", 40), "atlas",
			m.connector.ID + "%00", "%2e%2e", m.connector.ID + "%2f.." + "%2f" + other.ID,
		} {
			m.upstream.Forget()
			target := contributorAPI + "/connector/" + id + "/session/open/replace"
			if got := m.ask(t, "GET", target, m.connector.Token, ""); got.Status != 404 && got.Status != 400 {
				t.Errorf("%s: got %d %s", target, got.Status, got.Body)
			}
			m.wantNothingUpstream(t)
		}
	})
}
