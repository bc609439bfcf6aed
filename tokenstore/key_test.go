package tokenstore

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
)

// Where a record stands is stored data too: under another key it is lost.
func TestGoldensOfKeys(t *testing.T) {
	digest := secret.Digest(bytes.Repeat([]byte{0xd1}, 32))
	digits := strings.Repeat("d1", 32)
	for name, test := range map[string]struct {
		key  []byte
		want string
	}{
		"token":          {tokenKey(digest), "74" + digits},
		"link":           {linkKey(digest), "6c" + digits},
		"management key": {managementKey(digest), "6d" + digits},
		"accessor":       {accessorKey("tok_1"), "61" + "746f6b5f31"},
		"use":            {useKey("tok_1"), "75" + "746f6b5f31"},
		"epoch":          {epochKey("home"), "65" + "686f6d65" + "00"},
		"recipient":      {recipientKey("home", "rcp_1"), "72" + "686f6d65" + "00" + "7263705f31"},
		"name":           {nameKey("home", "Acme"), "6e" + "686f6d65" + "00" + "61636d65"},
		"audit":          {auditKey(at(9), []byte{1, 2}), "6a" + "1898ac0721aca000" + "0102"},
		"admin token":    {adminKey(digest), "6b" + digits},
		"admin name":     {adminNameKey("home", "Ann"), "62" + "686f6d65" + "00" + "616e6e"},
		"issuer":         {issuerKey("home", "idp"), "69" + "686f6d65" + "00" + "696470"},
		"clients":        {clientsKey("tok_1"), "63" + "746f6b5f31"},
		"cut-off":        {cutOffKey("home", "Ann"), "78" + "686f6d65" + "00" + "616e6e"},
		"kept keys":      {keptKeysKey("idp"), "76" + hex.EncodeToString(someDigest("idp"))},
		"broker head":    {brokerHeadKey("home"), "42" + "686f6d65" + "00"},
		"user":           {brokerUserKey("home", 258), "55" + "686f6d65" + "00" + "0000000000000102"},
		"email":          {brokerEmailKey("home", "ann"), "4d" + "686f6d65" + "00" + "616e6e"},
		"policy":         {brokerPolicyKey("home", "pol"), "50" + "686f6d65" + "00" + "706f6c"},
		"entity type":    {brokerEntityKey("home", "ent"), "54" + "686f6d65" + "00" + "656e74"},
		"connector":      {brokerConnectorKey("home", "con"), "43" + "686f6d65" + "00" + "636f6e"},
		"contribution":   {contributionKey("home", "9f2f"), "44" + "686f6d65" + "00" + "39663266"},
		"rescinded key":  {rescindedKey("home", "k"), "52" + "686f6d65" + "00" + "6b"},
		"end of access":  {accessEndKey("home", 258, "k"), "45" + "686f6d65" + "00" + "0000000000000102" + "6b"},
		"quota":          {quotaKey("home", "k"), "51" + "686f6d65" + "00" + "6b"},
		"federated": {federatedKey("home", "idp", "sub", "ann"), "66" + "686f6d65" + "00" +
			hex.EncodeToString(someDigest("idp\x00sub\x00ann\x00"))},
		"query": {queryKey("home", "rcp_1", "a/b/c", "q1"), "71" + "686f6d65" + "00" +
			hex.EncodeToString(someDigest("rcp_1\x00a/b/c\x00q1\x00"))},
	} {
		if got := hex.EncodeToString(test.key); got != test.want {
			t.Errorf("%s: key %s, want %s", name, got, test.want)
		}
	}
}

func TestNoRealmSeesInsideAnother(t *testing.T) {
	for kind, key := range map[byte][]byte{
		keyRecipient: recipientKey("homestead", "x"),
		keyName:      nameKey("homestead", "x"),
		keyAdminName: adminNameKey("homestead", "x"),
		keyIssuer:    issuerKey("homestead", "x"),
		keyFederated: federatedKey("homestead", "x", "sub", "y"),
		keyQuery:     queryKey("homestead", "x", "y", "z"),
		keyCutOff:    cutOffKey("homestead", "x"),
		keyRescinded: rescindedKey("homestead", "x"),
		keyAccessEnd: accessEndKey("homestead", 7, "x"),
		keyQuota:     quotaKey("homestead", "x"),

		keyBrokerHead:      brokerHeadKey("homestead"),
		keyBrokerUser:      brokerUserKey("homestead", 1),
		keyBrokerEmail:     brokerEmailKey("homestead", "x"),
		keyBrokerPolicy:    brokerPolicyKey("homestead", "x"),
		keyBrokerEntity:    brokerEntityKey("homestead", "x"),
		keyBrokerConnector: brokerConnectorKey("homestead", "x"),
		keyContribution:    contributionKey("homestead", "x"),
	} {
		if !bytes.HasPrefix(key, realmPrefix(kind, "homestead")) || bytes.HasPrefix(key, realmPrefix(kind, "home")) {
			t.Errorf("a scan of realm home finds %q, or one of homestead does not", key)
		}
	}
}

// No two of these may be one key: each part ends.
func TestPartsOfAKeyDoNotRunIntoOneAnother(t *testing.T) {
	for name, keys := range map[string][2][]byte{
		"issuer and claim":    {federatedKey("home", "idps", "ub", "x"), federatedKey("home", "idp", "sub", "x")},
		"claim and subject":   {federatedKey("home", "idp", "su", "bx"), federatedKey("home", "idp", "sub", "x")},
		"recipient and table": {queryKey("home", "r", "1t", "q"), queryKey("home", "r1", "t", "q")},
		"table and query":     {queryKey("home", "r", "t", "1q"), queryKey("home", "r", "t1", "q")},
	} {
		if bytes.Equal(keys[0], keys[1]) {
			t.Errorf("%s run into one another", name)
		}
	}
}

// A driver takes keys of 1024 bytes.
func TestLongestKeysFit(t *testing.T) {
	realm := strings.Repeat("r", 64)
	for name, key := range map[string][]byte{
		"issuer": issuerKey(realm, strings.Repeat("i", maxFederationText)),
		"name":   nameKey(realm, strings.Repeat("n", maxNameLength)),
		// Its lower case is longer.
		"cut-off": cutOffKey(realm, strings.Repeat("\u023a", maxNameLength/2)),
	} {
		if len(key) > 1024 {
			t.Errorf("a key of an %s has %d bytes", name, len(key))
		}
	}
}

func TestAuditKeysStandInTheOrderOfTime(t *testing.T) {
	if bytes.Compare(auditKey(at(9), []byte{0xff}), auditKey(at(10), nil)) >= 0 {
		t.Error("an earlier entry comes later")
	}
}

func TestDigestOfAnotherLengthIsRefused(t *testing.T) {
	for _, n := range []int{0, 31, 33} {
		if _, err := digestFrom(make([]byte, n)); !errors.Is(err, ErrRecord) {
			t.Errorf("%d bytes: %v, want ErrRecord", n, err)
		}
	}
}

func TestValidName(t *testing.T) {
	for _, good := range []string{
		"a", "Acme", "acme.example-1_x", "a@b+c:d=e", "...", ".a", "~", "_", "9", "rcp", "rcp-1", strings.Repeat("n", 255),
	} {
		if err := ValidName(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{
		"", ".", "..", " ", "a b", "a\tb", "a\nb", "a\x00b", "a\x7fb", "a/b", `a\b`, "a%2fb", "a?b", "a#b", "a;b",
		"a,b", `a"b`, "a'b", "a<b", "a>b", "a&b", "a(b", "a)b", "a[b", "a]b", "a{b", "a}b", "a|b", "a^b", "a`b", "a*b", "a$b",
		"a!b", "é", "\u212a", "a\xff", "-a", "--all", "-", "rcp_1", "RCP_", strings.Repeat("n", 256),
	} {
		if err := ValidName(bad); !errors.Is(err, ErrInvalid) {
			t.Errorf("%q: %v, want ErrInvalid", bad, err)
		}
	}
}

// Go's lower case of the Kelvin sign is k, and that of a dotted capital I is i.
func TestFoldingMakesNoASCIIOfOtherLetters(t *testing.T) {
	for name, want := range map[string]string{
		"": "", "Acme-9": "acme-9", "\u212a": "\u212a", "A\u212aB": "a\u212ab", "\u0130": "\u0130", "Ärger": "ärger", "\u1e9e": "ß",
	} {
		if got := FoldName(name); got != want {
			t.Errorf("%q folds to %q, want %q", name, got, want)
		}
	}
}

func TestValidRealm(t *testing.T) {
	for _, good := range []string{"a", "home", "a-b_c.9", strings.Repeat("r", 64)} {
		if err := ValidRealm(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{"", "Home", "a b", "a/b", "a\x00", "é", "a:b", strings.Repeat("r", 65)} {
		if err := ValidRealm(bad); !errors.Is(err, ErrInvalid) {
			t.Errorf("%q: %v, want ErrInvalid", bad, err)
		}
	}
}

func FuzzValidName(f *testing.F) {
	f.Add("acme")
	f.Add("a/b")
	f.Add("\u212a")
	f.Fuzz(func(t *testing.T, name string) {
		if ValidName(name) != nil {
			return
		}
		if strings.ContainsAny(name, "/\\%?#;,\"'<>& \x00\r\n") || len(name) > 255 {
			t.Errorf("%q is accepted", name)
		}
		if folded := FoldName(name); len(folded) != len(name) || !strings.EqualFold(folded, name) || ValidName(folded) != nil {
			t.Errorf("%q folds to %q", name, folded)
		}
	})
}
