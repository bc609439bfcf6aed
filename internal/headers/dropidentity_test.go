package headers

import (
	"maps"
	"net/http"
	"slices"
	"testing"
)

func TestDropIdentityRemovesWhatSaysWhoCallsAndNothingElse(t *testing.T) {
	t.Parallel()
	g := NewGuard([]string{"X-User", "X-Gatehouse-Subject"}, "X-Auth-Token")
	h := http.Header{
		"X-User": {"a"}, "X_user": {"a"}, "x.user": {"a"}, "X-Gatehouse-Subject": {"a"}, "x_gatehouse_anything": {"a"},
		"X-Bbk-Audience": {"a"}, "x_bbk_rate_uid": {"a"},
	}
	kept := http.Header{
		"Authorization": {"a", "b"}, "X-Auth-Token": {"a"}, "X_auth_token": {"b"}, "X-Real-Ip": {"c"}, "X-Http-Method-Override": {"PUT"},
		"Connection": {"X-User"}, "Upgrade": {"h2c"}, "X-Users": {"d"}, "X-Gatehouse": {"e"},
	}
	maps.Copy(h, kept)
	g.DropIdentity(h)
	if !maps.EqualFunc(h, kept, slices.Equal) {
		t.Errorf("left: %v", h)
	}
}
