package databricks

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

func TestRecipientIsShownAsDatabricksClientsKnowIt(t *testing.T) {
	s := newServer(t)
	end := noon.Add(400 * 24 * time.Hour)
	got := s.ok(http.MethodPost, recipientsPath, fmt.Sprintf(`{
		"name": "Acme", "authentication_type": "TOKEN", "comment": "a partner", "owner": "jane", "expiration_time": %d,
		"ip_access_list": {"allowed_ip_addresses": ["192.0.2.1", "198.51.100.0/24"]},
		"properties_kvpairs": {"properties": {"region": "eu"}}, "id": "ignored", "cloud": "ignored"}`, end.UnixMilli()))
	for field, want := range map[string]any{
		"name": "Acme", "authentication_type": "TOKEN", "comment": "a partner", "owner": "jane", "activated": false,
		"expiration_time": float64(end.UnixMilli()), "created_at": float64(noon.UnixMilli()), "updated_at": float64(noon.UnixMilli()),
		"created_by": "admin ops", "updated_by": "admin ops",
	} {
		if got[field] != want {
			t.Errorf("%s = %v, want %v", field, got[field], want)
		}
	}
	if s := fmt.Sprintln(got["ip_access_list"], got["properties_kvpairs"]); s != "map[allowed_ip_addresses:[192.0.2.1/32 198.51.100.0/24]] map[properties:map[region:eu]]\n" {
		t.Error(s)
	}
	if id, _ := got["id"].(string); !strings.HasPrefix(id, "rcp_") {
		t.Errorf("id %v", got["id"])
	}
	tokens := got["tokens"].([]any)
	token := tokens[0].(map[string]any)
	if len(tokens) != 1 || token["activation_url"] != got["activation_url"] || !strings.HasPrefix(fmt.Sprint(token["activation_url"]), "https://sharing.example.com/delta_sharing/retrieve_config.html?gha_") {
		t.Errorf("tokens %v", tokens)
	}

	profile := s.activate(got["activation_url"])
	if profile["expirationTime"] != end.Format("2006-01-02T15:04:05.000Z") {
		t.Errorf("the token does not live until the recipient's end: %v", profile["expirationTime"])
	}
	got = s.ok(http.MethodGet, recipientsPath+"/aCME", "")
	token = got["tokens"].([]any)[0].(map[string]any)
	if got["activated"] != true || got["activation_url"] != nil || token["activation_url"] != nil || token["expiration_time"] != float64(end.UnixMilli()) {
		t.Errorf("after the link was used: %v", got)
	}
}

func TestCreateRefusesWhatCannotBe(t *testing.T) {
	s := newServer(t)
	s.create("acme")
	past := noon.Add(-time.Hour).UnixMilli()
	for _, tc := range []struct{ name, body, code, says string }{
		{"name of another", `{"name":"ACME","authentication_type":"TOKEN"}`, codeExists, "exists"},
		{"no name", `{"authentication_type":"TOKEN"}`, codeInvalid, "name"},
		{"name with a slash", `{"name":"a/b","authentication_type":"TOKEN"}`, codeInvalid, "name"},
		{"name that is a number", `{"name":7,"authentication_type":"TOKEN"}`, codeInvalid, "name"},
		{"no authentication type", `{"name":"x"}`, codeInvalid, "authentication_type"},
		{"unknown authentication type", `{"name":"x","authentication_type":"token"}`, codeInvalid, "authentication_type"},
		{"a metastore", `{"name":"x","authentication_type":"DATABRICKS"}`, codeInvalid, "metastore"},
		{"a sharing code", `{"name":"x","authentication_type":"TOKEN","sharing_code":"abc"}`, codeInvalid, "sharing_code"},
		{"expired", fmt.Sprintf(`{"name":"x","authentication_type":"TOKEN","expiration_time":%d}`, past), codeInvalid, "future"},
		{"expiry of zero", `{"name":"x","authentication_type":"TOKEN","expiration_time":0}`, codeInvalid, "future"},
		{"expiry in a text", `{"name":"x","authentication_type":"TOKEN","expiration_time":"soon"}`, codeInvalid, "expiration_time"},
		{"expiry in another era", `{"name":"x","authentication_type":"TOKEN","expiration_time":9223372036854775807}`, codeInvalid, "far"},
		{"no network", `{"name":"x","authentication_type":"TOKEN","ip_access_list":{"allowed_ip_addresses":["here"]}}`, codeInvalid, "here"},
		{"101 networks", `{"name":"x","authentication_type":"TOKEN","ip_access_list":{"allowed_ip_addresses":["192.0.2.1"` + strings.Repeat(`,"192.0.2.1"`, 100) + `]}}`, codeInvalid, "100"},
		{"a list that is a text", `{"name":"x","authentication_type":"TOKEN","ip_access_list":"192.0.2.1"}`, codeInvalid, "ip_access_list"},
		{"null in a list", `{"name":"x","authentication_type":"TOKEN","ip_access_list":{"allowed_ip_addresses":[null]}}`, codeInvalid, "allowed_ip_addresses"},
		{"property that is a number", `{"name":"x","authentication_type":"TOKEN","properties_kvpairs":{"properties":{"a":1}}}`, codeInvalid, "properties_kvpairs.properties.a"},
		{"comment too long", `{"name":"x","authentication_type":"TOKEN","comment":"` + strings.Repeat("c", maxComment+1) + `"}`, codeInvalid, "comment"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			message := s.refused(http.MethodPost, recipientsPath, tc.body, http.StatusBadRequest, tc.code)
			if !strings.Contains(message, tc.says) {
				t.Errorf("%q does not say %q", message, tc.says)
			}
		})
	}
	if list := s.ok(http.MethodGet, recipientsPath, "")["recipients"].([]any); len(list) != 1 {
		t.Errorf("something was made: %v", list)
	}
}

func TestUpdateChangesWhatItNamesAndNothingElse(t *testing.T) {
	s := newServer(t)
	s.ok(http.MethodPost, recipientsPath, `{"name":"acme","authentication_type":"TOKEN","comment":"old","owner":"jane",
		"ip_access_list":{"allowed_ip_addresses":["192.0.2.7"]},"properties_kvpairs":{"properties":{"a":"1","b":"2"}}}`)
	s.grant("acme", "sales")

	got := s.ok(http.MethodPatch, recipientsPath+"/acme", `{"properties_kvpairs":{"properties":{"c":"3"}},"comment":null}`)
	if s := fmt.Sprintln(got["comment"], got["owner"], got["properties_kvpairs"], got["ip_access_list"]); s != "old jane map[properties:map[c:3]] map[allowed_ip_addresses:[192.0.2.7/32]]\n" {
		t.Errorf("the map is not replaced, or more was: %s", s)
	}
	got = s.ok(http.MethodPatch, recipientsPath+"/acme", `{"new_name":"Acme-2","comment":"","ip_access_list":{}}`)
	if got["name"] != "Acme-2" || got["comment"] != nil || got["ip_access_list"] != nil || got["owner"] != "jane" {
		t.Errorf("got %v", got)
	}
	if s.grants("acme-2") != "sales" {
		t.Error("the grants are gone")
	}
	s.refused(http.MethodGet, recipientsPath+"/acme", "", http.StatusNotFound, codeNoRecipient)

	end := noon.Add(time.Hour)
	got = s.ok(http.MethodPatch, recipientsPath+"/acme-2", fmt.Sprintf(`{"expiration_time":%d}`, end.UnixMilli()))
	if link := got["tokens"].([]any)[0].(map[string]any); link["expiration_time"] != float64(end.UnixMilli()) {
		t.Errorf("the link is said to outlive its recipient: %v", link)
	}
	recipient, err := s.store.Recipient(t.Context(), "partners", "acme-2")
	must(t, err)
	if !recipient.NotAfter.Equal(end) || recipient.TokenLifetime < time.Hour {
		t.Errorf("ends at %s, tokens live %s", recipient.NotAfter, recipient.TokenLifetime)
	}

	before := recipient.UpdatedAt
	s.advance(time.Minute)
	s.ok(http.MethodPatch, recipientsPath+"/acme-2", `{"name":"acme-2","id":"x"}`)
	if recipient, _ = s.store.Recipient(t.Context(), "partners", "acme-2"); !recipient.UpdatedAt.Equal(before) {
		t.Error("a change of nothing is noted as a change")
	}
	s.create("other")
	s.refused(http.MethodPatch, recipientsPath+"/other", `{"new_name":"ACME-2"}`, http.StatusBadRequest, codeExists)
}

func TestRotateToken(t *testing.T) {
	s := newServer(t)
	rotate := recipientsPath + "/acme/rotate-token"
	first := s.create("acme")

	// A link that was never used is replaced.
	second := s.ok(http.MethodPost, rotate, `{"existing_token_expire_in_seconds":3600}`)
	if second["activation_url"] == first["activation_url"] || len(second["tokens"].([]any)) != 1 {
		t.Errorf("got %v", second)
	}
	s.serve(request(http.MethodGet, activationBase+"/"+codeOf(first["activation_url"]), "", "")).is(http.StatusGone, codeMissing)

	s.activate(second["activation_url"])
	third := s.ok(http.MethodPost, rotate, `{"existing_token_expire_in_seconds":3600}`)
	tokens := third["tokens"].([]any)
	if old := tokens[1].(map[string]any); len(tokens) != 2 || old["expiration_time"] != float64(noon.Add(time.Hour).UnixMilli()) || third["activated"] != false {
		t.Errorf("got %v", third)
	}
	s.activate(third["activation_url"])
	message := s.refused(http.MethodPost, rotate, `{"existing_token_expire_in_seconds":60}`, http.StatusBadRequest, codeInvalid)
	if !strings.HasPrefix(message, "There are already two active tokens for recipient acme") {
		t.Errorf("clients look for another text than %q", message)
	}
	// Nothing can be made to live longer.
	s.advance(2 * time.Hour)
	s.ok(http.MethodPost, rotate, `{"existing_token_expire_in_seconds":9223372036854775807}`)
	tokens = s.ok(http.MethodGet, recipientsPath+"/acme", "")["tokens"].([]any)
	if old := tokens[1].(map[string]any); old["expiration_time"] != float64(noon.Add(90*24*time.Hour).UnixMilli()) {
		t.Errorf("expiry %v", old)
	}
	// 0 ends all at once, whatever their number.
	tokens = s.ok(http.MethodPost, rotate, `{"existing_token_expire_in_seconds":0}`)["tokens"].([]any)
	if len(tokens) != 1 {
		t.Errorf("tokens go on: %v", tokens)
	}

	for _, body := range []string{`{}`, `{"existing_token_expire_in_seconds":null}`, `{"existing_token_expire_in_seconds":-1}`, `{"existing_token_expire_in_seconds":1.5}`, `{"existing_token_expire_in_seconds":"60"}`} {
		s.refused(http.MethodPost, rotate, body, http.StatusBadRequest, codeInvalid)
	}
	s.refused(http.MethodPost, recipientsPath+"/nobody/rotate-token", `{"existing_token_expire_in_seconds":0}`, http.StatusNotFound, codeNoRecipient)
	s.ok(http.MethodPost, recipientsPath, `{"name":"fed","authentication_type":"OIDC_FEDERATION"}`)
	s.refused(http.MethodPost, recipientsPath+"/fed/rotate-token", `{"existing_token_expire_in_seconds":0}`, http.StatusBadRequest, codeInvalid)
}

func TestDeleteEndsAllCredentials(t *testing.T) {
	s := newServer(t)
	link := s.create("acme")["activation_url"]
	if got := s.do(http.MethodDelete, recipientsPath+"/acme", ""); got.Code != http.StatusOK || got.Body.String() != "{}\n" {
		t.Errorf("%d %q", got.Code, got.Body)
	}
	s.serve(request(http.MethodGet, activationBase+"/"+codeOf(link), "", "")).is(http.StatusGone, codeMissing)
	s.refused(http.MethodDelete, recipientsPath+"/acme", "", http.StatusNotFound, codeNoRecipient)
}

func TestReadOnlyTokenSeesNoLinks(t *testing.T) {
	s := newServer(t)
	s.create("acme")
	for _, path := range []string{recipientsPath, recipientsPath + "/acme"} {
		got := s.serve(request(http.MethodGet, path, s.reader, ""))
		if got.Code != http.StatusOK || strings.Contains(got.Body.String(), "gha_") || strings.Contains(got.Body.String(), "activation_url") {
			t.Errorf("%s: %d %s", path, got.Code, got.Body)
		}
	}
}

func TestRecipientsAreListedInPages(t *testing.T) {
	s := newServer(t)
	for i := range 7 {
		s.create(fmt.Sprintf("r%d", i))
	}
	pages := func(query string) (sizes []int, names []string) {
		token := ""
		for range 10 {
			got := s.ok(http.MethodGet, recipientsPath+"?"+query+"&page_token="+url.QueryEscape(token), "")
			for _, r := range got["recipients"].([]any) {
				names = append(names, r.(map[string]any)["name"].(string))
			}
			sizes = append(sizes, len(got["recipients"].([]any)))
			if token, _ = got["next_page_token"].(string); token == "" {
				return sizes, names
			}
		}
		t.Fatal("the pages never end")
		return nil, nil
	}
	for query, want := range map[string]string{
		"max_results=3":       "[3 3 1]",
		"max_results=0":       "[7]",
		"max_results=1000000": "[7]",
		"":                    "[7]",
	} {
		sizes, names := pages(query)
		if fmt.Sprint(sizes) != want || strings.Join(names, ",") != "r0,r1,r2,r3,r4,r5,r6" {
			t.Errorf("%q: pages of %v with %v", query, sizes, names)
		}
	}
	if got := s.ok(http.MethodGet, recipientsPath+"?data_recipient_global_metastore_id=aws:eu:1", "")["recipients"].([]any); len(got) != 0 {
		t.Errorf("recipients with a metastore: %v", got)
	}
}

func TestPageTokensAreOfTheirListOnly(t *testing.T) {
	s := newServer(t)
	s.create("a")
	s.create("b")
	s.grant("a", "s1", "s2")
	token := s.ok(http.MethodGet, recipientsPath+"?max_results=1", "")["next_page_token"].(string)
	for name, target := range map[string]string{
		"another list": recipientsPath + "/a/share-permissions?page_token=" + token,
		"altered":      recipientsPath + "?page_token=" + token[:len(token)-2] + "AA",
		"truncated":    recipientsPath + "?page_token=" + token[:10],
		"plain":        recipientsPath + "?page_token=a",
		"negative":     recipientsPath + "?max_results=-1",
		"no number":    recipientsPath + "?max_results=many",
		"bad query":    recipientsPath + "?max_results=1;page_token=%zz",
	} {
		t.Run(name, func(t *testing.T) { s.refused(http.MethodGet, target, "", http.StatusBadRequest, codeInvalid) })
	}
}

func TestMisspeltFieldDoesNotOpenARecipientToAnywhere(t *testing.T) {
	s := newServer(t)
	s.ok(http.MethodPost, recipientsPath, `{"name":"acme","authentication_type":"TOKEN",
		"ip_access_list":{"allowed_ip_addresses":["192.0.2.7"]},"properties_kvpairs":{"properties":{"a":"1"}}}`)
	for body, names := range map[string]string{
		`"ip_access_list":{"allowed_ip_address":["192.0.2.8"]}`:      "ip_access_list.allowed_ip_addresses",
		`"ip_access_list":{"Allowed_ip_addresses":["192.0.2.8"]}`:    "ip_access_list.allowed_ip_addresses",
		`"comment":"x","ip_access_list":{"allowed_ip_address":null}`: "ip_access_list.allowed_ip_addresses",
		`"properties_kvpairs":{"a":"2"}`:                             "properties_kvpairs.properties",
	} {
		for method, path := range map[string]string{http.MethodPatch: recipientsPath + "/acme", http.MethodPost: recipientsPath} {
			message := s.refused(method, path, `{"name":"new","authentication_type":"TOKEN",`+body+`}`, http.StatusBadRequest, codeInvalid)
			if !strings.Contains(message, names) {
				t.Errorf("%s %s: %q does not name %s", method, body, message, names)
			}
		}
	}
	got := s.ok(http.MethodGet, recipientsPath+"/acme", "")
	if s := fmt.Sprintln(got["ip_access_list"], got["properties_kvpairs"], got["comment"]); s != "map[allowed_ip_addresses:[192.0.2.7/32]] map[properties:map[a:1]] <nil>\n" {
		t.Error(s)
	}
	// As clients send what is empty.
	for _, body := range []string{
		`{"ip_access_list":{},"properties_kvpairs":{}}`,
		`{"ip_access_list":{"allowed_ip_addresses":[]},"properties_kvpairs":{"properties":null}}`,
	} {
		s.ok(http.MethodPatch, recipientsPath+"/acme", `{"ip_access_list":{"allowed_ip_addresses":["192.0.2.7"],"later":1},"properties_kvpairs":{"properties":{"a":"1"},"later":1}}`)
		if got := s.ok(http.MethodPatch, recipientsPath+"/acme", body); got["ip_access_list"] != nil || got["properties_kvpairs"] != nil {
			t.Errorf("%s: %v", body, got)
		}
	}
}

func TestTokensSayWhoChangedThemLast(t *testing.T) {
	s := newServer(t)
	rotate := recipientsPath + "/acme/rotate-token"
	second := s.admin("second", tokenstore.AdminFull)
	// changed is when, in minutes, and by whom each token was changed, newest first.
	changed := func() string {
		t.Helper()
		var all []string
		for _, token := range s.ok(http.MethodGet, recipientsPath+"/acme", "")["tokens"].([]any) {
			token := token.(map[string]any)
			at := time.UnixMilli(int64(token["updated_at"].(float64))).Sub(noon)
			all = append(all, fmt.Sprintf("%v %v", at.Minutes(), token["updated_by"]))
		}
		return strings.Join(all, ", ")
	}
	wants := func(want string) {
		t.Helper()
		if got := changed(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	made := s.create("acme")
	wants("0 admin ops")
	s.advance(time.Minute)
	s.activate(made["activation_url"])
	wants("1 activation link")
	s.advance(time.Minute)
	if a := s.serve(request(http.MethodPost, rotate, second, `{"existing_token_expire_in_seconds":864000}`)); a.Code != http.StatusOK {
		t.Fatalf("%d %s", a.Code, a.Body)
	}
	wants("2 admin second, 2 admin second")
	s.advance(time.Minute)
	made = s.ok(http.MethodPost, rotate, `{"existing_token_expire_in_seconds":864000}`)
	wants("3 admin ops, 3 admin ops")
	s.advance(time.Minute)
	s.ok(http.MethodPatch, recipientsPath+"/acme", `{"comment":"has nothing to do with it"}`)
	wants("3 admin ops, 3 admin ops")
	s.activate(made["activation_url"])
	wants("4 activation link, 3 admin ops")

	// The link that a rotation made ends before the token does.
	s.ok(http.MethodPost, recipientsPath, `{"name":"zoo","authentication_type":"TOKEN"}`)
	s.activate(s.ok(http.MethodGet, recipientsPath+"/zoo", "")["activation_url"])
	s.ok(http.MethodPost, recipientsPath+"/zoo/rotate-token", `{"existing_token_expire_in_seconds":864000}`)
	s.advance(4 * 24 * time.Hour)
	for _, want := range []any{"admin ops", nil} {
		token := s.ok(http.MethodGet, recipientsPath+"/zoo", "")["tokens"].([]any)[0].(map[string]any)
		if token["updated_by"] != want {
			t.Errorf("updated_by is %v, want %v", token["updated_by"], want)
		}
		s.ok(http.MethodPatch, recipientsPath+"/zoo", `{"comment":"has nothing to do with it"}`)
	}
}
