package caddymodule

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddytls"
)

func TestCertificatesAreForAccountsOnly(t *testing.T) {
	g := startPeople(t)
	g.account(bob)
	g.account("127.0.0.1")
	g.account("[2001:db8::1]")
	g.account("gone.pda.example.com")
	g.ok("DELETE", accountsPath+"/gone.pda.example.com", "")
	g.account("off.pda.example.com")
	g.ok("PATCH", accountsPath+"/off.pda.example.com", `{"disabled":true}`)

	p := &TLSPermission{Realms: []string{"empty", "default"}, app: g.app}
	for _, tc := range []struct {
		name, host string
		allowed    bool
	}{
		{"an account", bob, true},
		{"in other letters", "BOB.pda.Example.COM", true},
		{"with a final dot", bob + ".", true},
		{"an IPv4 address", "127.0.0.1", true},
		{"an IPv6 address", "2001:db8::1", true},
		{"the same, written otherwise", "2001:0db8:0::1", true},
		{"a disabled account", "off.pda.example.com", true},
		{"a deleted account", "gone.pda.example.com", false},
		{"no account", "mallory.pda.example.com", false},
		{"what is above an account", "pda.example.com", false},
		{"what is below an account", "www." + bob, false},
		{"a wildcard", "*.pda.example.com", false},
		{"a host with a port", bob + ":443", false},
		{"nothing", "", false},
		{"a path", bob + "/x", false},
		{"a NUL", bob + "\x00", false},
		{"a very long name", strings.Repeat("a.", 5000) + "example.com", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := p.CertificateAllowed(t.Context(), tc.host)
			if (err == nil) != tc.allowed {
				t.Errorf("got %v", err)
			}
			if err != nil && !errors.Is(err, caddytls.ErrPermissionDenied) {
				t.Errorf("%v is no denial, so it is logged as a failure", err)
			}
		})
	}
	t.Run("another realm's", func(t *testing.T) {
		p := &TLSPermission{Realms: []string{"empty"}, app: g.app}
		if err := p.CertificateAllowed(t.Context(), bob); !errors.Is(err, caddytls.ErrPermissionDenied) {
			t.Errorf("got %v", err)
		}
	})
}

func TestStoreThatCannotTellAllowsNoCertificate(t *testing.T) {
	g := startPeople(t)
	g.account(bob)
	p := &TLSPermission{Realms: []string{"default"}, app: g.app}
	if err := p.CertificateAllowed(t.Context(), bob); err != nil {
		t.Fatal(err)
	}
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := p.CertificateAllowed(t.Context(), bob); err == nil || errors.Is(err, caddytls.ErrPermissionDenied) {
		t.Errorf("got %v, of a store that is closed", err)
	}
}

// onDemand is a configuration that obtains certificates of an authority of its own.
func onDemand(permission, listen string) string {
	return fmt.Sprintf(`
		"pki": {"certificate_authorities": {"local": {"install_trust": false}}},
		"tls": {"automation": {
			"policies": [{"issuers": [{"module": "internal"}], "on_demand": true}],
			"on_demand": {"permission": {"module": "gatehouse"%s}}
		}},
		"http": {"servers": {"srv": {
			"listen": [%q],
			"automatic_https": {"disable": true},
			"tls_connection_policies": [{}],
			"routes": [{"handle": [%s, {"handler": "static_response", "body": "data"}]}]
		}}}`, permission, listen, pdaJSON(""))
}

func TestCertificateIsObtainedInTheHandshakeOfAnAccountOnly(t *testing.T) {
	addresses, err := freePorts(1)
	if err != nil {
		t.Fatal(err)
	}
	g := startGatewayWith(t, onDemand("", addresses[0]))
	shake := func(host string) error {
		dialer := &net.Dialer{Timeout: time.Minute}
		connection, err := tls.DialWithDialer(dialer, "tcp", addresses[0], &tls.Config{ServerName: host, InsecureSkipVerify: true}) //nolint:gosec // a test's own authority
		if err != nil {
			return err
		}
		defer connection.Close()
		certificate := connection.ConnectionState().PeerCertificates[0]
		return certificate.VerifyHostname(host)
	}
	g.account(bob)
	if err := shake(bob); err != nil {
		t.Errorf("an account's host: %v", err)
	}
	const alice = "alice.pda.example.com"
	var refused *net.OpError
	if err := shake(alice); !errors.As(err, &refused) {
		t.Fatalf("a stranger's host: %v", err)
	}
	// No reload is needed.
	g.account(alice)
	if err := shake(alice); err != nil {
		t.Errorf("an account that was just made: %v", err)
	}
	g.ok("DELETE", accountsPath+"/"+bob, "")
	if err := (&TLSPermission{Realms: []string{"default"}, app: g.app}).CertificateAllowed(t.Context(), bob); err == nil {
		t.Error("a deleted account's host is allowed another certificate")
	}
}

func TestPermissionOfARealmThatNoSiteServesFailsToLoad(t *testing.T) {
	for _, tc := range []struct{ name, realms, want string }{
		{"misspelt", `, "realms": ["default", "poeple"]`, `realm "poeple"`},
		{"of another scheme", `, "realms": ["partners"]`, "the realms of pda are: default"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := load(t, config(t, storeApp(filepath.Join(t.TempDir(), "store"))+","+onDemand(tc.realms, "127.0.0.1:0")))
			if err == nil || !strings.Contains(err.Error(), "permission gatehouse") || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestPermissionIsValidatedWithoutTheStore(t *testing.T) {
	directory := filepath.Join(t.TempDir(), "store")
	if err := validate(config(t, storeApp(directory)+","+onDemand("", "127.0.0.1:0"))); err != nil {
		t.Fatal(err)
	}
	if found, _ := filepath.Glob(directory + "/*"); len(found) > 0 {
		t.Errorf("validating made %v", found)
	}
}
