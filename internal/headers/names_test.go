package headers

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestNames(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		in   []string
		want []string // nil means refused
	}{
		{"none", []string{}, []string{}},
		{"CVE-2026-33433 canonical form", []string{"x-gatehouse-SUBJECT", "X-User"}, []string{"X-Gatehouse-Subject", "X-User"}},
		{"name that other proxies use", []string{"X-Forwarded-User"}, []string{"X-Forwarded-User"}},
		{"empty", []string{""}, nil},
		{"underscore", []string{"X_User"}, nil},
		{"dot", []string{"X.User"}, nil},
		{"space", []string{"X User"}, nil},
		{"colon", []string{"X-User:"}, nil},
		{"line feed", []string{"X-User\nX"}, nil},
		{"not ASCII", []string{"X-Üser"}, nil},
		{"only dashes", []string{"--"}, nil},
		{"dash at the end", []string{"X-User-"}, nil},
		{"too long", []string{strings.Repeat("a", maxName+1)}, nil},
		{"authorization", []string{"AUTHORIZATION"}, nil},
		{"connection", []string{"connection"}, nil},
		{"host", []string{"host"}, nil},
		{"content length", []string{"Content-Length"}, nil},
		{"method override", []string{"X-HTTP-Method-Override"}, nil},
		{"what is set for a BitBroker's servers", []string{"X-BBK-Audience"}, nil},
		{"what counts for more than X-Forwarded-Proto", []string{"x-forwarded-scheme"}, nil},
		{"twice", []string{"X-User", "x-user"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := Names(tt.in)
			if !slices.Equal(got, tt.want) || (err == nil) != (tt.want != nil) {
				t.Fatalf("got %q %v, want %q", got, err, tt.want)
			}
			if err != nil && !errors.Is(err, ErrName) {
				t.Errorf("error is %v", err)
			}
		})
	}
}
