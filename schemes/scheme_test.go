package schemes

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/policies"
)

func TestCredentialDoesNotPrintItsSecret(t *testing.T) {
	credential := NewCredential("s3cret")
	call := Call{Credential: credential}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, value := range []any{credential, &credential, call, &call} {
			text := fmt.Sprintf(format, value)
			if strings.Contains(text, "s3cret") || strings.Contains(text, fmt.Sprintf("%x", "s3cret")) {
				t.Errorf("%s of %T prints %q", format, value, text)
			}
		}
	}
	if credential.Reveal() != "s3cret" || credential.IsZero() || !(Credential{}).IsZero() {
		t.Error("the credential has lost its secret")
	}
}

func TestNobodyIsNotAuthenticated(t *testing.T) {
	nobody := new(Call)
	if got := nobody.PolicySubject(); got.Authenticated || got.Kind != "" || got.Roles != nil {
		t.Errorf("nobody is %+v to the rules", got)
	}
	id := &Identity{Kind: "recipient", Roles: []string{"reader"}}
	got := (&Call{Identity: id}).PolicySubject()
	if !got.Authenticated || got.Kind != "recipient" || len(got.Roles) != 1 {
		t.Errorf("an identity is %+v to the rules", got)
	}
	var _ policies.Subject = got
}

func TestRefusalsSayNothingOfTheirCause(t *testing.T) {
	cause := errors.New("disk /var/lib is full")
	for _, test := range []struct {
		refusal *Refusal
		status  int
	}{
		{Unavailable(cause), http.StatusServiceUnavailable},
		{WithoutKeys(cause), http.StatusServiceUnavailable},
		{MethodNotAllowed("GET, HEAD"), http.StatusMethodNotAllowed},
		{TooEarly(), http.StatusTooEarly},
	} {
		if test.refusal.Status != test.status || test.refusal.Public == "" || test.refusal.Reason == "" {
			t.Errorf("refusal is %+v", test.refusal)
		}
		if strings.Contains(test.refusal.Public, "disk") {
			t.Errorf("the caller is told %q", test.refusal.Public)
		}
	}
	refusal := Unavailable(cause)
	if !errors.Is(refusal, cause) || !strings.Contains(refusal.Error(), cause.Error()) || refusal.RetryAfter <= 0 {
		t.Errorf("the log gets %q, retry after %s", refusal, refusal.RetryAfter)
	}
	if got := TooEarly().Error(); got != "425 early_data" {
		t.Errorf("the log gets %q", got)
	}
	if MethodNotAllowed("GET, HEAD").Allow != "GET, HEAD" {
		t.Error("the header Allow is missing")
	}
}
