package tokenstore

import (
	"errors"
	"testing"
)

func TestRedirectURIsLeadToSomebody(t *testing.T) {
	for uri, ok := range map[string]bool{
		"https://notes.example.com/back?x=1": true,
		"http://127.0.0.1:8080/back":         true,
		"notes://back":                       true,
		"com.example.notes:/back":            true,
		"javascript:alert(1)":                false,
		"JavaScript:alert(1)//":              false,
		"javascript://notes.example.com/%0a": false,
		"data:text/html,x":                   false,
		"vbscript:x":                         false,
		"file:///etc/passwd":                 false,
		"blob:https://notes.example.com/x":   false,
		"about:blank":                        false,
		" javascript:alert(1)":               false,
		"java\nscript:alert(1)":              false,
		"/back":                              false,
		"//notes.example.com/back":           false,
		"https://notes.example.com/#a":       false,
		"https://notes.example.com/#":        false,
		"https://notes.example.com/\x00":     false,
	} {
		a := Application{ID: "notes", Version: "1.0.0", RedirectURIs: []string{"https://notes.example.com/", uri}}
		if err := a.check(); (err == nil) != ok || err != nil && !errors.Is(err, ErrInvalid) {
			t.Errorf("%q: %v", uri, err)
		}
	}
}

// Owners are shown these.
func TestApplicationsURLIsAPageOfTheWeb(t *testing.T) {
	for url, ok := range map[string]bool{
		"":                             true,
		"https://notes.example.com":    true,
		"http://notes.example.com/a?b": true,
		"javascript:alert(1)":          false,
		"ftp://notes.example.com":      false,
		"notes.example.com":            false,
		"//notes.example.com":          false,
		"https:notes.example.com":      false,
		"https://":                     false,
		"https://:443/":                false,
		"https://notes.example.com/\n": false,
		"https://notes\u0085.example/": false,
	} {
		a := Application{ID: "notes", Version: "1.0.0", URL: url}
		if err := a.check(); (err == nil) != ok || err != nil && !errors.Is(err, ErrInvalid) {
			t.Errorf("%q: %v", url, err)
		}
	}
}

func TestWhatOwnersAreShownHasNoControlCharacters(t *testing.T) {
	for text, ok := range map[string]struct{ name, description bool }{
		"Notes – 夜":         {true, true},
		"two\nlines":        {false, true},
		"two\r\nlines":      {false, false},
		"a\x1b[2Jterminal":  {false, false},
		"a\x00byte":         {false, false},
		"a\u009bterminal's": {false, false},
		"a\x7f":             {false, false},
	} {
		named := Application{ID: "notes", Version: "1.0.0", Name: text}
		described := Application{ID: "notes", Version: "1.0.0", Description: text}
		if err := named.check(); (err == nil) != ok.name {
			t.Errorf("name %q: %v", text, err)
		}
		if err := described.check(); (err == nil) != ok.description {
			t.Errorf("description %q: %v", text, err)
		}
	}
}
