package headers

import (
	"maps"
	"net/http"
	"slices"
	"testing"
)

// What goes on unchecked must not become a connection on which nobody looks at anything.
func TestDropTunnelsLeavesAllButTunnels(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		in, want http.Header
	}{
		{
			"h2c",
			http.Header{"Upgrade": {"h2c"}, "Connection": {"Upgrade, HTTP2-Settings"}, "Http2-Settings": {"AAMAAABkAAQAAP__"}, "X-A": {"1"}},
			http.Header{"X-A": {"1"}},
		},
		{
			"h2c in other spellings",
			http.Header{"Upgrade": {"foo, H2C"}, "Connection": {"keep-alive", " upgrade,X-Odd , http2-settings"}, "http2_settings": {"x"}},
			http.Header{"Connection": {"keep-alive, X-Odd"}},
		},
		{
			"h2c beside websocket",
			http.Header{"Upgrade": {"h2c", "websocket"}, "Connection": {"Upgrade"}},
			http.Header{"Upgrade": {"websocket"}, "Connection": {"Upgrade"}},
		},
		{
			"websocket",
			http.Header{"Upgrade": {"websocket"}, "Connection": {"keep-alive, Upgrade"}, "Sec-Websocket-Key": {"x"}},
			http.Header{"Upgrade": {"websocket"}, "Connection": {"keep-alive, Upgrade"}, "Sec-Websocket-Key": {"x"}},
		},
		{"settings alone", http.Header{"Http2-Settings": {""}}, http.Header{}},
		{"upgrade to nothing", http.Header{"Connection": {"Upgrade"}}, http.Header{}},
		{
			"nothing of this",
			http.Header{"Connection": {"keep-alive,,X-Odd", "te"}, "X_Odd": {"1"}, "Cookie": {"a"}},
			http.Header{"Connection": {"keep-alive,,X-Odd", "te"}, "X_Odd": {"1"}, "Cookie": {"a"}},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			DropTunnels(tt.in)
			if !maps.EqualFunc(tt.in, tt.want, slices.Equal) {
				t.Errorf("left %v, want %v", tt.in, tt.want)
			}
		})
	}
}
