package e2e

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/e2e/harness"
)

func TestSignInReadsItsHeadersAsTheContractSays(t *testing.T) {
	p := startPersonal(t, fromNetworks(pdaSite))
	const required = `{"message":"Credentials required","cause":"No username or password provided to retrieve token"}`
	calls := 0
	const odd = "100% señor+ña & co. 7"
	p.withPassword(t, odd, "account", "create", "odd.example.test", "--username", "o'hara+1")
	for _, tc := range []struct {
		name         string
		host         string
		headers      []string
		status       int
		body         string
		isTheirToken bool
	}{
		{"escaped", "", credentials(owner, "five%20quiet%20herons%20at%20dawn"), 200, "", true},
		{"plus for space", "", credentials(owner, "five+quiet+herons+at+dawn"), 200, "", true},
		{"as it is", "", credentials(owner, ownerPassword), 200, "", true},
		{"escaped letters", "", credentials("%61nn", "%66ive quiet herons at dawn"), 200, "", true},
		{"headers in capitals", "", []string{"USERNAME: " + owner, "PASSWORD: " + escaped(ownerPassword)}, 200, "", true},
		{"an odd password, escaped", "odd.example.test", credentials("o%27hara%2B1", "100%25+se%C3%B1or%2B%C3%B1a+%26+co.+7"), 200, "", true},
		{"an odd password, not escaped", "odd.example.test", credentials("o'hara+1", odd), 401, notAuthenticated, false},
		{"a wrong password", "", credentials(owner, "five quiet herons at dusk"), 401, notAuthenticated, false},
		{"another's name", "", credentials("bob", escaped(ownerPassword)), 401, notAuthenticated, false},
		{"the name in capitals", "", credentials("ANN", escaped(ownerPassword)), 401, notAuthenticated, false},
		{"no headers", "", nil, 401, required, false},
		{"no password", "", []string{"username: " + owner}, 401, required, false},
		{"no name", "", []string{"password: " + escaped(ownerPassword)}, 401, required, false},
		{"an escape that is none", "", credentials(owner, "five%2quiet%zz"), 401, "", false},
		{"invalid UTF-8", "", credentials(owner, "%ff%fe"), 401, "", false},
		{"a null byte", "", credentials(owner+"%00", escaped(ownerPassword)), 401, "", false},
		{"empty values", "", []string{"username: ", "password: "}, 401, "", false},
		{"two passwords", "", append(credentials(owner, escaped(ownerPassword)), "password: other"), 400, "", false},
		{"two names", "", append(credentials(owner, escaped(ownerPassword)), "username: bob"), 400, "", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			calls++
			headers := append(tc.headers, from(fmt.Sprintf("203.0.113.%d", calls))) // each is its caller's first
			if tc.host != "" {
				headers = append(headers, "Host: "+tc.host)
			}
			got := p.send(t, "GET", signIn, headers...)
			if got.Status != tc.status || tc.body != "" && got.Body != tc.body {
				t.Errorf("got %d %s, want %d %s", got.Status, got.Body, tc.status, tc.body)
			}
			if has := got.Header.Get("X-Auth-Token") != ""; has != tc.isTheirToken {
				t.Errorf("the answer's token: %v", has)
			}
			if strings.Contains(got.Body, "herons") {
				t.Error("the answer repeats the password")
			}
		})
	}
	p.wantNothingUpstream(t)
}

func TestHugeSignInsAreRefused(t *testing.T) {
	p := startPersonal(t, fromNetworks(pdaSite))
	for _, size := range []int{4 << 10, 14 << 10, 1 << 20} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			long := strings.Repeat("a", size)
			for _, headers := range [][]string{
				credentials(owner, long), credentials(long, "x"), credentials(owner, strings.Repeat("%61", size/3)), {xAuth(long)},
			} {
				target := signIn
				if len(headers) == 1 {
					target = diary
				}
				c := harness.Dial(t, p.Gate)
				c.Write(harness.Request("GET", target, p.Gate, append(headers, from("203.0.113.5"))...))
				switch got := c.Read("GET"); got.Status {
				case 401, 431, 429:
				case 0:
					if size < 1<<20 {
						t.Error("the connection was closed without an answer")
					}
				default:
					t.Errorf("got %d %s", got.Status, got.Body)
				}
				c.Close()
			}
		})
	}
	p.call(t, 200, "GET", diary, p.token)
	p.wantSignIn(t)
}

// wantSignIn fails unless the owner is let in.
func (p *personal) wantSignIn(t *testing.T) {
	t.Helper()
	if got := p.send(t, "GET", signIn, credentials(owner, escaped(ownerPassword))...); got.Status != 200 {
		t.Errorf("the owner's sign-in: got %d %s", got.Status, got.Body)
	}
}

// guess tries passwords until it is slowed down, at most n, and returns the answer
// that did so.
func (p *personal) guess(t *testing.T, n int, username string, headers ...string) (harness.Answer, bool) {
	t.Helper()
	for i := range n {
		got := p.send(t, "GET", signIn, append(credentials(username, fmt.Sprintf("guess-number-%d", i)), headers...)...)
		switch got.Status {
		case 401:
		case 429, 400:
			return got, true
		default:
			t.Fatalf("guess %d: got %d %s", i, got.Status, got.Body)
		}
	}
	return harness.Answer{}, false
}

// fromNetworks trusts a proxy on this machine to say where calls come from.
func fromNetworks(caddyfile string) string {
	return strings.Replace(caddyfile, "\tdebug\n", "\tdebug\n\tservers {\n\t\ttrusted_proxies static 127.0.0.1/32\n\t\tclient_ip_headers X-Forwarded-For\n\t}\n", 1)
}

func from(ip string) string { return "X-Forwarded-For: " + ip }

func TestGuessingIsSlowedDownAndTheOwnerIsNotLockedOut(t *testing.T) {
	p := startPersonalServer(t, fromNetworks(pdaSite), nil)
	p.createAccount(t, p.host)
	sound := credentials(owner, escaped(ownerPassword))
	const home = "198.51.100.7"
	if got := p.send(t, "GET", signIn, append(sound, from(home))...); got.Status != 200 {
		t.Fatalf("the owner's first sign-in: got %d %s", got.Status, got.Body)
	}

	limited, stopped := p.guess(t, 20, owner, from("203.0.113.5"))
	if !stopped {
		t.Fatal("20 guesses in a row were answered")
	}
	const want = `{"message":"Request rate exceeded","cause":"Rate of requests from your IP exceeded","details":["Request to /users/access_token"]}`
	seconds, err := strconv.Atoi(limited.Header.Get("Retry-After"))
	if limited.Status != 429 || err != nil || seconds < 1 || seconds > 900 || limited.Body != want {
		t.Errorf("got %d, Retry-After %q, %s", limited.Status, limited.Header.Get("Retry-After"), limited.Body)
	}
	// The right password is not told from a wrong one meanwhile.
	if got := p.send(t, "GET", signIn, append(sound, from("203.0.113.5"))...); got.Status != 429 {
		t.Errorf("the right password of a limited caller: got %d %s", got.Status, got.Body)
	}
	// From many networks at once.
	for n := range 40 {
		p.guess(t, 3, owner, from(fmt.Sprintf("203.0.113.%d", 10+n)))
	}
	for _, ip := range []string{home, "192.0.2.200"} { // known, and new but blameless
		if got := p.send(t, "GET", signIn, append(sound, from(ip))...); got.Status != 200 {
			t.Errorf("the owner from %s: got %d %s", ip, got.Status, got.Body)
		}
	}
}

func TestUnknownNamesAreLimitedAlike(t *testing.T) {
	p := startPersonalServer(t, pdaSite, nil)
	p.createAccount(t, p.host)
	if _, stopped := p.guess(t, 20, "nobody"); !stopped {
		t.Error("20 guesses of an unknown name were answered")
	}
}

func TestSpellingsShareOneLimit(t *testing.T) {
	p := startPersonalServer(t, pdaSite, nil)
	p.createAccount(t, p.host)
	stopped := false
	for i, name := range []string{"ann", "%61nn", "a%6en", "an%6E", "%61%6e%6e", "ann", "%61nn", "a%6en", "ANN", "ann%20", "+ann"} {
		got := p.send(t, "GET", signIn, credentials(name, fmt.Sprintf("guess-%d", i))...)
		stopped = stopped || got.Status == 429
	}
	if !stopped {
		t.Error("CVE-2025-6004: a name's spellings were counted apart")
	}
}

func TestLimitAnswers400WhereTheSiteSaysSo(t *testing.T) {
	p := startPersonalServer(t, pdaWith("sign_in_limit_status 400"), nil)
	p.createAccount(t, p.host)
	got, stopped := p.guess(t, 20, owner)
	if !stopped || got.Status != 400 || !strings.Contains(got.Body, `"Request rate exceeded"`) {
		t.Errorf("got %d %s", got.Status, got.Body)
	}
}

func TestParallelGuessesAreNoLoophole(t *testing.T) {
	p := startPersonalServer(t, pdaSite, nil)
	p.createAccount(t, p.host)
	statuses := make([]int, 60)
	atOnce(len(statuses), func(i int) {
		c := harness.Dial(t, p.Gate)
		defer c.Close()
		c.Write(harness.Request("GET", signIn, p.Gate, credentials(owner, fmt.Sprintf("parallel-%d", i))...))
		statuses[i] = c.Read("GET").Status
	})
	looked := 0
	for _, status := range statuses {
		switch status {
		case 401:
			looked++
		case 429, 503:
		default:
			t.Errorf("a guess was answered %d", status)
		}
	}
	if looked > 10 {
		t.Errorf("%d of 60 parallel guesses were looked at", looked)
	}
}
