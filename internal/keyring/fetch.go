package keyring

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	fetchTimeout = 10 * time.Second
	maxBody      = 1 << 20
	maxRedirects = 3
)

// fetch brings the issuer's current keys.
func (i *Issuer) fetch(ctx context.Context) ([]publicKey, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	switch {
	case i.cfg.File != "":
		return readKeys(i.cfg.File)
	case i.cfg.Certificate != "":
		text, err := i.get(ctx, i.cfg.Certificate)
		if err != nil {
			return nil, fmt.Errorf("fetching the certificate: %w", err)
		}
		return parseCertificateAnswer(text)
	}
	address := i.cfg.JWKS
	if address == "" {
		var err error
		if address, err = i.discover(ctx); err != nil {
			return nil, err
		}
	}
	text, err := i.get(ctx, address)
	if err != nil {
		return nil, fmt.Errorf("fetching the key set: %w", err)
	}
	return parseKeySet(text)
}

// discover asks the issuer for the address of its keys (OpenID Connect
// Discovery 1.0, section 4).
func (i *Issuer) discover(ctx context.Context) (string, error) {
	address, err := discoveryURL(i.cfg.Issuer)
	if err != nil {
		return "", err
	}
	text, err := i.get(ctx, address)
	if err != nil {
		return "", fmt.Errorf("fetching the OpenID configuration: %w", err)
	}
	var doc struct {
		Issuer string `json:"issuer"`
		JWKS   string `json:"jwks_uri"`
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		return "", errors.New("OpenID configuration is not JSON")
	}
	// Section 4.3: otherwise one tenant of a host could speak for another.
	if doc.Issuer != i.cfg.Issuer {
		return "", fmt.Errorf("OpenID configuration is of issuer %.200q, not %q: correct the configured issuer, to the slash", doc.Issuer, i.cfg.Issuer)
	}
	if err := permit(doc.JWKS, i.cfg.Allow); err != nil {
		return "", fmt.Errorf("jwks_uri of the OpenID configuration: %w", err)
	}
	// As for redirects: an issuer elsewhere must not lead to what listens here in plain.
	if scheme(doc.JWKS) != scheme(i.cfg.Issuer) {
		return "", errors.New("jwks_uri of the OpenID configuration: another scheme than the issuer's")
	}
	return doc.JWKS, nil
}

func (i *Issuer) get(ctx context.Context, address string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	resp, err := i.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answered %s", address, resp.Status)
	}
	// The limit counts after decompression.
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxBody {
		return nil, fmt.Errorf("%s answered with more than %d bytes", address, maxBody)
	}
	return body, nil
}

// fetchClient returns a copy of the given client that follows redirects only to where
// a configured URL could point, or none.
func fetchClient(given *http.Client, allow func(*url.URL) error, noRedirects bool) *http.Client {
	c := *given
	if c.Timeout == 0 {
		c.Timeout = fetchTimeout
	}
	c.CheckRedirect = func(req *http.Request, via []*http.Request) error {
		if noRedirects {
			return errors.New("redirect")
		}
		if len(via) > maxRedirects {
			return errors.New("too many redirects")
		}
		if req.URL.Scheme != via[0].URL.Scheme {
			return errors.New("redirect to another scheme")
		}
		return permit(req.URL.String(), allow)
	}
	return &c
}

func discoveryURL(issuer string) (string, error) {
	u, err := checkURL(issuer)
	if err != nil {
		return "", err
	}
	if u.RawQuery != "" || u.ForceQuery {
		return "", errors.New("URL must not have a query")
	}
	return strings.TrimSuffix(issuer, "/") + "/.well-known/openid-configuration", nil
}

// checkURL demands https, since whoever can change the keys on their way can
// sign tokens. What stays on this machine may be plain.
func checkURL(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "":
		return nil, errors.New("not an absolute URL")
	case u.User != nil || u.Fragment != "":
		return nil, errors.New("URL must not have a user or a fragment")
	case u.Scheme == "https", u.Scheme == "http" && isLoopback(u.Hostname()):
		return u, nil
	default:
		return nil, errors.New("URL must use https (http is accepted for a loopback host only)")
	}
}

// permit is checkURL with the wish of the configuration on top.
func permit(address string, allow func(*url.URL) error) error {
	u, err := checkURL(address)
	if err == nil && allow != nil {
		err = allow(u)
	}
	return err
}

// scheme is that of an address that checkURL has found good.
func scheme(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Scheme
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
