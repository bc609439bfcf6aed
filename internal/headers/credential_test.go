package headers

import (
	"errors"
	"net/http"
	"strings"
	"testing"
)

func TestSingle(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		h       http.Header
		value   string
		present bool
		err     error
	}{
		{"absent", http.Header{}, "", false, nil},
		{"one line", http.Header{"X-Auth-Token": {"a"}}, "a", true, nil},
		{"empty line", http.Header{"X-Auth-Token": {""}}, "", true, nil},
		{"no lines", http.Header{"X-Auth-Token": {}}, "", false, nil},
		{"CVE-2026-26308 two lines", http.Header{"X-Auth-Token": {"a", "b"}}, "", true, ErrRepeated},
		{"two equal lines", http.Header{"X-Auth-Token": {"a", "a"}}, "", true, ErrRepeated},
		{"CVE-2025-64484 alias", http.Header{"X_auth_token": {"a"}, "X.Auth.Token": {"b"}}, "", false, nil},
		{"key that is not canonical", http.Header{"x-auth-token": {"a"}}, "", false, nil},
		{"alias beside it", http.Header{"X-Auth-Token": {"a"}, "X_Auth_Token": {"b"}}, "a", true, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			value, present, err := Single(tt.h, "x-auth-token")
			if value != tt.value || present != tt.present || !errors.Is(err, tt.err) {
				t.Errorf("got %q %v %v", value, present, err)
			}
		})
	}
}

func TestBearer(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, value, want string }{
		{"plain", "Bearer abc", "abc"},
		{"scheme in small letters", "bearer abc", "abc"},
		{"scheme in capitals", "BEARER abc", "abc"},
		{"several spaces", "Bearer   abc", "abc"},
		{"every character of token68", "Bearer azAZ09-._~+/==", "azAZ09-._~+/=="},
		{"JWT", "Bearer eyJ.eyJ.c2ln", "eyJ.eyJ.c2ln"},
		{"empty", "", ""},
		{"no token", "Bearer", ""},
		{"only spaces", "Bearer  ", ""},
		{"only padding", "Bearer ==", ""},
		{"padding inside", "Bearer a=b", ""},
		{"other scheme", "Basic abc", ""},
		{"longer scheme", "BearerX abc", ""},
		{"no space", "Bearerabc", ""},
		{"tab", "Bearer\tabc", ""},
		{"token twice", "Bearer abc def", ""},
		{"space behind", "Bearer abc ", ""},
		{"scheme twice", "Bearer Bearer abc", ""},
		{"joined values", "Bearer abc, Bearer def", ""},
		{"joined without space", "Bearer abc,def", ""},
		{"parameters", `Bearer realm="x"`, ""},
		{"space in front", " Bearer abc", ""},
		{"control character", "Bearer abc\x00", ""},
		{"not ASCII", "Bearer äbc", ""},
		{"folded letter K", "Bearer a\u212a", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			token, ok := Bearer(tt.value)
			if token != tt.want || ok != (tt.want != "") {
				t.Errorf("got %q %v, want %q", token, ok, tt.want)
			}
		})
	}
}

func TestToken68(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"a": true, "azAZ09-._~+/": true, "a=": true, "a===": true,
		"": false, "=": false, "a=b": false, "=a": false, "a=b=": false, "a ": false, " a": false, "a,b": false, "ä": false, "a\n": false,
	} {
		if got := IsToken68(text); got != want {
			t.Errorf("%q: %t", text, got)
		}
	}
}

func FuzzBearer(f *testing.F) {
	f.Add("Bearer abc==")
	f.Add("bearer a,b")
	f.Fuzz(func(t *testing.T, value string) {
		token, ok := Bearer(value)
		if _, alone := Bearer("Bearer " + value); IsToken68(value) && !alone {
			t.Fatalf("%q is a token, and is not read as one", value)
		}
		if !ok {
			return
		}
		if again, ok := Bearer("Bearer " + token); !ok || again != token {
			t.Fatalf("%q gives %q, that %q", value, token, again)
		}
		if !strings.HasSuffix(value, token) || strings.ContainsAny(token, " ,\t\"\r\n\x00") {
			t.Fatalf("%q gives %q", value, token)
		}
	})
}
