package pda

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

func TestGrantsAreCheckedAndSorted(t *testing.T) {
	t.Parallel()
	got, err := CheckGrants([]string{
		"platform", "namespace-read:notes", "owner", "manage-files:My/photos.1", "namespace-read:notes", "application-list",
		"data-debit:D-1", "data-debit-create", "application-manage:App-1", "retrieve-application-token:a", "namespace-write:a-1",
	})
	want := []string{
		"application-list", "application-manage:App-1", "data-debit-create", "data-debit:D-1", "manage-files:My/photos.1",
		"namespace-read:notes", "namespace-write:a-1", "owner", "platform", "retrieve-application-token:a",
	}
	if err != nil || !slices.Equal(got, want) {
		t.Fatalf("got %q, %v", got, err)
	}
	if got, err := CheckGrants(nil); err != nil || len(got) != 0 {
		t.Errorf("none: %q, %v", got, err)
	}
}

func TestBadGrants(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{
		"", ":", "notes", "namespace-read", "namespace-read:", "namespace-read:*", "namespace-read:Notes", "namespace-read:a/b", "namespace-read: a",
		"namespace-read:a ", " namespace-read:a", "Namespace-Read:a", "namespace-read:a:b", "namespace-read:" + strings.Repeat("a", maxNamespace+1),
		"namespaceread:a", "owner:", "owner:*", "Owner", "owner ", "platform:x", "application-list:a", "data-debit", "data-debit:", "data-debit:a.b",
		"data-debit-create:a", "manage-files", "manage-files:", "manage-files:*", "manage-files:a b", "manage-files:a,owner", "manage-files:a\n", "manage-files:\xff",
		"application-manage:a_b", "application-manage:\u212a", "*", "*:*", "manage-files:" + strings.Repeat("a", maxGrantLength),
	} {
		_, err := CheckGrants([]string{"owner", bad})
		if !errors.Is(err, tokenstore.ErrInvalid) {
			t.Errorf("%q: %v", bad, err)
		}
		if s := newGrants([]string{bad}); len(s.granted) != 0 || len(s.privileges) != 0 {
			t.Errorf("%q grants something", bad)
		}
	}
	if _, err := CheckGrants([]string{"namespace-read:*"}); err == nil || !strings.Contains(err.Error(), "a star would stand for nothing") {
		t.Errorf("a star: %v", err)
	}
	if _, err := CheckGrants(make([]string, maxGrants+1)); !errors.Is(err, tokenstore.ErrInvalid) {
		t.Errorf("too many: %v", err)
	}
}

func TestGrantsAreExact(t *testing.T) {
	t.Parallel()
	s := newGrants([]string{"namespace-read:notes", "data-debit:D1", "application-list"})
	for _, tt := range []struct {
		want      bool
		privilege string
		resource  []string
	}{
		{true, "namespace-read", []string{"notes"}},
		{true, "namespace-read", nil},
		{true, "application-list", nil},
		{true, "data-debit", []string{"D1"}},
		{false, "data-debit", []string{"d1"}},
		{false, "namespace-read", []string{"Notes"}},
		{false, "namespace-read", []string{"notes-2"}},
		{false, "namespace-read", []string{"note"}},
		{false, "namespace-read", []string{""}},
		{false, "namespace-read", []string{"*"}},
		{false, "namespace-read", []string{"notes", "x"}},
		{false, "namespace-write", []string{"notes"}},
		{false, "namespace-write", nil},
		{false, "application-list", []string{""}},
		{false, "owner", nil},
		{false, "", nil},
		{false, "namespace-read:notes", nil},
	} {
		if got := s.Allows(tt.privilege, tt.resource...); got != tt.want {
			t.Errorf("%s %q: %v", tt.privilege, tt.resource, got)
		}
	}
}

func TestTheOwnersGrantRetrievesNoTokens(t *testing.T) {
	t.Parallel()
	s := newGrants([]string{"owner"})
	for _, privilege := range []string{privilegeRead, privilegeWrite, privilegeDebit, privilegeFiles, privilegeManage, privilegePlatform, privilegeOwner} {
		if !s.Allows(privilege, "x") || !s.Allows(privilege) {
			t.Errorf("%s is not the owner's", privilege)
		}
	}
	if s.Allows(privilegeRetrieve, "x") || s.Allows(privilegeRetrieve) {
		t.Error("the owner's grant retrieves tokens")
	}
	if with := newGrants([]string{"owner", "retrieve-application-token:x"}); !with.Allows(privilegeRetrieve, "x") || with.Allows(privilegeRetrieve, "y") {
		t.Error("a grant of its own does not count beside the owner's")
	}
	if !ownerGrants.Allows(privilegeRetrieve, "x") {
		t.Error("the owner retrieves no tokens")
	}
}

func TestDetailsOfAGrant(t *testing.T) {
	t.Parallel()
	s := newGrants([]string{"application-manage:b", "application-manage:a", "namespace-read:c"})
	if got := s.details(privilegeManage); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("got %q", got)
	}
}

func FuzzCheckGrants(f *testing.F) {
	f.Add("namespace-read:notes", "owner")
	f.Add("data-debit:*", "manage-files:a")
	f.Fuzz(func(t *testing.T, a, b string) {
		got, err := CheckGrants([]string{a, b})
		if err != nil {
			return
		}
		again, err := CheckGrants(got)
		if err != nil || !slices.Equal(again, got) || !slices.IsSorted(got) {
			t.Fatalf("%q gives %q, that %q: %v", []string{a, b}, got, again, err)
		}
		for _, grant := range got {
			privilege, detail, colon := strings.Cut(grant, ":")
			if s := newGrants([]string{grant}); !s.Allows(privilege) || colon && !s.Allows(privilege, detail) && privilege != "" {
				t.Fatalf("%q allows nothing", grant)
			}
		}
	})
}
