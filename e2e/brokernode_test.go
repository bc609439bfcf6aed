package e2e

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/e2e/harness"
)

// brokerClient is BitBroker's own way of calling, in Node.js: a coordinator makes all that is
// needed, a contributor brings data, a consumer reads it, and whoever was rescinded is told.
// It prints each status with what the answer says.
const brokerClient = `
const origin = process.argv[1];
let coordinator = require("fs").readFileSync(0, "utf8").trim();
const said = [];
async function call(method, path, token, body) {
	const headers = { "x-bbk-auth-token": token };
	if (body !== undefined) headers["Content-Type"] = "application/json";
	const res = await fetch(origin + path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
	const text = await res.text();
	said.push({ call: method + " " + path.replace(/[0-9a-f]{40}|[0-9a-f-]{36}/g, "ID"), status: res.status, type: res.headers.get("content-type"), location: res.headers.get("location"), text });
	return { status: res.status, text, location: res.headers.get("location") };
}
(async () => {
	const c = "/coordinator/v1", policy = { name: "Open", description: "All", policy: { access_control: { enabled: true, quota: { max_number: 100, interval_type: "month" }, rate: 1000 }, data_segment: { segment_query: {}, field_masks: [] }, legal_context: [] } };
	await call("GET", c, coordinator);
	const user = (await call("POST", c + "/user", coordinator, { name: "Zoë", email: "ZOE@example.com", organization: "Example & Söhne" })).location.slice(origin.length);
	const promoted = (await call("POST", user + "/coordinator", coordinator)).text;
	await call("POST", c + "/entity/country", promoted, { name: "Country", description: "All of them" });
	const made = JSON.parse((await call("POST", c + "/entity/country/connector/atlas", promoted, { name: "Atlas", description: "An atlas" })).text);
	const at = "/contributor/v1/connector/" + made.id + "/session/";
	const session = JSON.parse((await call("GET", at + "open/stream", made.token)).text);
	await call("POST", at + session + "/upsert", made.token, [{ id: "fr", name: "France", type: "country", entity: {} }]);
	await call("GET", at + session + "/close/true", made.token);
	await call("POST", c + "/policy/open", promoted, policy);
	const consumer = (await call("POST", user + "/access/open", promoted)).text;
	await call("GET", "/consumer/v1/catalog?q=" + encodeURIComponent("{}"), consumer);
	const reissued = (await call("PUT", user + "/access/open", promoted)).text;
	await call("GET", "/consumer/v1/catalog", consumer);
	await call("GET", "/consumer/v1/catalog", reissued);
	await call("GET", user, promoted);
	await call("DELETE", user + "/coordinator", coordinator);
	await call("GET", c + "/user", promoted);
	await call("GET", "/consumer/v1/catalog", "");
	console.log(JSON.stringify(said));
})().catch(error => { console.error(error); process.exit(1); });
`

func TestNodeClient(t *testing.T) {
	inBothModes(t, func(t *testing.T, b *brokerage) {
		res := harness.NodeScript(t, brokerClient, b.token+"\n", "http://"+b.Gate)
		if res.Code != 0 {
			t.Fatalf("the client failed:\n%s", res.Stderr)
		}
		var said []struct {
			Call, Type, Location, Text string
			Status                     int
		}
		if err := json.Unmarshal([]byte(res.Stdout), &said); err != nil {
			t.Fatalf("the client says %s: %v", res.Stdout, err)
		}
		want := []int{200, 201, 200, 201, 201, 200, 200, 200, 201, 201, 200, 200, 403, 200, 200, 204, 403, 401}
		for i, s := range said {
			if i >= len(want) || s.Status != want[i] {
				t.Errorf("%s: got %d %s, want %d", s.Call, s.Status, s.Text, want[min(i, len(want)-1)])
			}
		}
		if len(said) != len(want) {
			t.Fatalf("the client made %d calls, want %d", len(said), len(want))
		}
		if !strings.Contains(said[14].Text, `"name":"Zoë","email":"zoe@example.com","organization":"Example & Söhne","coordinator":true`) && !b.front {
			t.Errorf("the user is %s", said[14].Text)
		}
		if !strings.Contains(said[10].Text, "France") {
			t.Errorf("the catalog is %s", said[10].Text)
		}
	})
}
