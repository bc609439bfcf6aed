package harness_test

import (
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/e2e/harness"
)

// original is a server of personal data accounts without a gateway, and its key.
func original(t *testing.T) (*harness.PersonalServer, *rsa.PrivateKey, *harness.TokenCheck) {
	t.Helper()
	key := harness.NewRSAKey(t)
	check := &harness.TokenCheck{PublicKey: harness.PublicPEM(t, key), CrypterKey: "a key of the test's", Username: "ann"}
	return harness.NewPersonalServer(t, check), key, check
}

// ownerToken is a token as the original issues it.
func ownerToken(key *rsa.PrivateKey, crypter, host string, issued, expires time.Time) string {
	claims := fmt.Sprintf(`{"sub":%q,"resource":%q,"accessScope":"owner","iss":%q,"exp":%d,"iat":%d,"jti":%q}`,
		harness.Subject(crypter, host, "ann"), host, host, expires.Unix(), issued.Unix(), strings.Repeat("0f", 128))
	return harness.JWT(`{"typ":"JWT","alg":"RS256"}`, claims, harness.RS256(key))
}

func TestNPMClientWorksWithTheStandIn(t *testing.T) {
	server, key, check := original(t)
	now := time.Now()
	token := ownerToken(key, check.CrypterKey, server.Addr, now, now.Add(30*24*time.Hour))
	next := ownerToken(key, check.CrypterKey, server.Addr, now, now.Add(29*24*time.Hour))
	server.OwnToken = next
	client := harness.StartNode(t).HatClient(token)

	if got := client.Call("auth", "getHatDomain"); string(got.Value) != `"http://`+server.Addr+`"` {
		t.Errorf("the client calls %s", got.Value)
	}
	made := client.Call("hatData", "create", "notes", "diary", map[string]any{"text": "first"})
	var record harness.Record
	if err := json.Unmarshal(made.Body, &record); err != nil || made.Status != 201 || record.ID == "" {
		t.Fatalf("create answers %d %s", made.Status, made.Body)
	}
	if made.Token != next || !slices.Equal(client.Tokens(), []string{next}) {
		t.Errorf("the client did not take the answer's token: %q", client.Tokens())
	}
	const content = "the text of a file"
	done := client.Call("files", "uploadFile", map[string]any{"name": "a.txt", "source": "notes"}, content, "text/plain")
	if done.Status != 200 {
		t.Errorf("the upload answers %d %s", done.Status, done.Body)
	}
}

func TestStandInChecksTokensAsTheOriginalDoes(t *testing.T) {
	server, key, check := original(t)
	now, month := time.Now(), 30*24*time.Hour
	for _, tc := range []struct {
		name, token string
		status      int
	}{
		{"its own", ownerToken(key, check.CrypterKey, server.Addr, now, now.Add(month)), 200},
		{"none", "", 401},
		{"idle for too long", ownerToken(key, check.CrypterKey, server.Addr, now.Add(-73*time.Hour), now.Add(month)), 401},
		{"past its end", ownerToken(key, check.CrypterKey, server.Addr, now, now.Add(-time.Hour)), 401},
		{"another key's", ownerToken(harness.NewRSAKey(t), check.CrypterKey, server.Addr, now, now.Add(month)), 401},
		{"another crypter's", ownerToken(key, "another", server.Addr, now, now.Add(month)), 401},
	} {
		t.Run(tc.name, func(t *testing.T) {
			request := harness.Request("GET", "/api/v2/data/notes/diary", server.Addr, "X-Auth-Token: "+tc.token)
			if got := harness.Send(t, server.Addr, request); got.Status != tc.status {
				t.Errorf("got %d %s, want %d", got.Status, got.Body, tc.status)
			}
		})
	}
	if passed, failed := check.Passed(); len(passed) != 1 || len(failed) != 5 {
		t.Errorf("%d passed, and %q failed", len(passed), failed)
	}
}

func TestStandInKeepsRecords(t *testing.T) {
	server := harness.NewPersonalServer(t, nil)
	call := func(method, target, body string, status int) string {
		t.Helper()
		got := harness.Send(t, server.Addr, harness.Request(method, target, server.Addr,
			"X-Gatehouse-Subject: acc", "X-Gatehouse-Kind: owner", fmt.Sprintf("Content-Length: %d", len(body)))+body)
		if got.Status != status {
			t.Errorf("%s %s: got %d %s, want %d", method, target, got.Status, got.Body, status)
		}
		return got.Body
	}
	call("POST", "/api/v2.6/data/notes/diary", `[{"n":2},{"n":3},{"n":1}]`, 201)
	call("POST", "/api/v2.0/data-batch", `[{"endpoint":"other/x","data":{"n":9}}]`, 201)
	got := call("GET", "/api/v2/data/notes/diary?orderBy=n&ordering=descending&skip=1&take=1", "", 200)
	if want := `[{"endpoint":"notes/diary","recordId":"00000000-0000-4000-8000-000000000001","data":{"n":2}}]`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	call("PUT", "/api/v2.6/data", `[{"endpoint":"notes/diary","recordId":"00000000-0000-4000-8000-000000000001","data":{"n":7}}]`, 201)
	call("DELETE", "/api/v2.6/data?records=00000000-0000-4000-8000-000000000002&records=00000000-0000-4000-8000-000000000003", "", 200)
	call("DELETE", "/api/v2.6/data?records=a,b", "", 400)
	if records := server.Records(); len(records) != 2 || string(records[0].Data) != `{"n":7}` {
		t.Errorf("it keeps %s", records)
	}
	call("GET", "/api/v2.6/data/notes/answers/503", "", 503)
}

func TestNPMClientRefusesAnEndedToken(t *testing.T) {
	key := harness.NewRSAKey(t)
	node := harness.StartNode(t)
	then := time.Now().Add(-73 * time.Hour)
	client := node.HatClient(ownerToken(key, "x", "127.0.0.1:1", then, then.Add(30*24*time.Hour)))
	_, err := client.Try("hatData", "getAllDefault", "notes", "diary")
	var thrown *harness.NodeError
	if !errors.As(err, &thrown) || thrown.Message != "NOT_AUTHENTICATED" {
		t.Errorf("got %v", err)
	}
}
