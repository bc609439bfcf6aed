package tokenstore

import (
	"bufio"
	"encoding/hex"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
)

const goldenFile = "testdata/records.golden"

func at(hour int) time.Time { return time.Date(2026, time.March, 1, hour, 0, 0, 0, time.UTC) }

func someDigest(text string) []byte {
	d := secret.DigestOf(text)
	return d[:]
}

const someUser = "6c796c29-fa9e-4678-9c0b-e48956f22bcc"

// recordKind is a kind of record, with its version and values that between them fill
// every field.
type recordKind struct {
	name    string
	version byte
	empty   func() any
	values  []any
}

// kinds are all kinds of records.
var kinds = slices.Concat(commonKinds, brokerKinds)

var commonKinds = []recordKind{
	{"Token", versionToken, func() any { return new(Token) }, []any{
		&Token{Accessor: "tok_1", Realm: "home", Subject: "rcp_1", CreatedAt: at(9), IssuedAt: at(10), ExpiresAt: at(11)},
		&Token{
			Accessor: "tok_2", Realm: "home", Subject: "rcp_1", CreatedAt: at(9), IssuedAt: at(10), ExpiresAt: at(11),
			RotatedAt: at(12), RevokedAt: at(13), Epoch: 3,
		},
		&Token{
			Accessor: "tok_3", Realm: "home", Subject: "rcp_1", CreatedAt: at(9), IssuedAt: at(10), ExpiresAt: at(11),
			Imported: true, CreatedBy: "local",
		},
		&Token{
			Accessor: "tok_4", Realm: "home", Subject: "rcp_1", CreatedAt: at(9), IssuedAt: at(10), ExpiresAt: at(11),
			Kind: ClientSecret,
		},
		&Token{
			Accessor: "tok_5", Realm: "home", Subject: "rcp_1", CreatedAt: at(9), IssuedAt: at(10), ExpiresAt: at(11),
			Kind: AccessToken, Parent: someDigest("client secret"),
		},
		&Token{
			Accessor: "fam_1", Realm: "home", Subject: "acc_1", CreatedAt: at(9), IssuedAt: at(9), ExpiresAt: at(11),
			Kind: FamilyToken, CreatedBy: "owner",
			Family: Family{Scope: OwnerScope, Generation: 2, NeededUntil: at(12), SignedOutAt: at(10)},
		},
		&Token{
			Accessor: "fam_2", Realm: "home", Subject: "acc_1", CreatedAt: at(9), IssuedAt: at(9), ExpiresAt: at(11),
			Kind: FamilyToken, Parent: someDigest("family"), RevokedAt: at(10), Epoch: 3,
			Family: Family{Scope: ApplicationScope, Application: "notes", ApplicationUID: "app_1", Depth: 1},
		},
		&Token{
			Accessor: "fam_3", Realm: "home", Subject: "acc_1", CreatedAt: at(9), IssuedAt: at(9), ExpiresAt: at(11),
			Kind: FamilyToken, Family: Family{Scope: ValidateScope},
		},
		&Token{
			Accessor: someKey, Realm: "home", Subject: "7", CreatedAt: at(9), IssuedAt: at(9), ExpiresAt: at(11),
			Kind: CoordinatorToken, CreatedBy: "local", Broker: Broker{User: 7},
		},
		&Token{
			Accessor: someKey, Realm: "home", Subject: "7", CreatedAt: at(9), IssuedAt: at(10), ExpiresAt: at(11),
			Kind: ConsumerToken, Broker: Broker{User: 7, Policy: "weather", Minted: 3, Audience: "weather", Lifetime: time.Hour, NotAfter: at(12)},
		},
		&Token{
			Accessor: someKey, Realm: "home", Subject: "sensor/met", CreatedAt: at(9), IssuedAt: at(9), ExpiresAt: at(11),
			RotatedAt: at(10), Epoch: 3, Kind: ContributorToken, Broker: Broker{Entity: "sensor", Connector: "met"},
		},
		&Token{
			Accessor: someKey, Realm: "home", Subject: nobody, CreatedAt: at(9), IssuedAt: at(9), ExpiresAt: at(10),
			Kind: ContributorToken, Broker: Broker{Pending: true, Minted: 3, Audience: "met"},
		},
	}},
	{"Index", versionIndex, func() any { return new(index) }, []any{
		&index{Digest: someDigest("token")},
		&index{Realm: "home", ID: "rcp_1"},
	}},
	{"Recipient", versionRecipient, func() any { return new(Recipient) }, []any{
		&Recipient{ID: "rcp_1", Realm: "home", Name: "acme", CreatedAt: at(9), UpdatedAt: at(10)},
		&Recipient{
			ID: "rcp_1", Realm: "home", Name: "Acme", Comment: "Frühstück", Grants: []string{"sales", "finance/reports"},
			TokenLifetime: 90 * 24 * time.Hour, Disabled: true, ManagementKey: someDigest("key"),
			Slots: []Slot{
				{Accessor: "tok_1", Digest: someDigest("token")},
				{Accessor: "tok_2", Digest: someDigest("code"), Pending: true},
			},
			CreatedAt: at(9), UpdatedAt: at(10),
		},
		&Recipient{
			ID: "rcp_2", Realm: "home", Name: "zoo", CreatedAt: at(9), UpdatedAt: at(10),
			Auth: Federation, NotAfter: at(11), Networks: []string{"192.0.2.0/24", "2001:db8::/32"},
			Limits: Limits{Rate: 10, Burst: 20, Concurrent: 5},
			Owner:  "ann", Properties: map[string]string{"team": "sales", "cost centre": "7"},
			CreatedBy: "ann", UpdatedBy: "ben", RevokedAt: at(12),
			Federation: []FederationPolicy{{
				ID: "fed_1", Name: "main", Comment: "their tenant", Issuer: "https://idp.example.com/", JWKS: "https://idp.example.com/keys",
				Audiences: []string{"gatehouse"}, Claim: "oid", Subject: "7d1e", CreatedAt: at(9), UpdatedAt: at(10),
			}},
		},
		&Recipient{
			ID: "rcp_3", Realm: "home", Name: "client", CreatedAt: at(9), UpdatedAt: at(10), Auth: ClientCredentials,
		},
	}},
	{"Link", versionLink, func() any { return new(Link) }, []any{
		&Link{Accessor: "tok_1", Realm: "home", Subject: "rcp_1", CreatedAt: at(9), ExpiresAt: at(10), Sealed: []byte("sealed")},
		&Link{
			Accessor: "tok_1", Realm: "home", Subject: "rcp_1", CreatedAt: at(9), ExpiresAt: at(10),
			UsedAt: at(11), RevokedAt: at(12), Epoch: 2, NotAfter: at(13),
		},
		&Link{Accessor: "tok_1", Realm: "home", Subject: "rcp_1", CreatedAt: at(9), ExpiresAt: at(10), CreatedBy: "ann"},
	}},
	{"Epoch", versionEpoch, func() any { return new(Epoch) }, []any{&Epoch{Number: 7, Ends: []time.Time{at(9), at(10)}}}},
	{"Use", versionUse, func() any { return new(Use) }, []any{&Use{At: at(9), ClientIP: "192.0.2.1", UserAgent: "client/1"}}},
	{"Audit", versionAudit, func() any { return new(AuditEntry) }, []any{&AuditEntry{
		At: at(9), Actor: "local", Action: "createRecipient", Realm: "home", Subject: "rcp_1", Name: "acme",
		Accessor: "tok_1", Detail: "grants: sales",
	}}},
	{"Admin", versionAdmin, func() any { return new(AdminToken) }, []any{
		&AdminToken{Accessor: "adm_1", Realm: "home", Name: "ci", Role: AdminReadOnly, CreatedAt: at(9), ExpiresAt: at(10)},
		&AdminToken{
			Accessor: "adm_1", Realm: "home", Name: "ann", Role: AdminFull, CreatedAt: at(9), CreatedBy: "local",
			ExpiresAt: at(10), RevokedAt: at(11),
		},
	}},
	{"Issuer", versionIssuer, func() any { return new(Issuer) }, []any{
		&Issuer{Audiences: map[string]int{"gatehouse": 1}},
		&Issuer{JWKS: "https://idp.example.com/keys", Audiences: map[string]int{"gatehouse": 2, "other": 1}},
	}},
	{"Query", versionQuery, func() any { return new(queryBinding) }, []any{&queryBinding{ExpiresAt: at(9)}}},
	{"Clients", versionClients, func() any { return new(clientList) }, []any{
		&clientList{},
		&clientList{Clients: []Client{
			{IP: "192.0.2.1", UserAgent: "client/1", First: at(9), Last: at(11)},
			{IP: "2001:db8::1", First: at(10), Last: at(10)},
		}},
	}},
	{"Account", versionAccount, func() any { return new(Account) }, []any{
		&Account{
			ID: "acc_1", Realm: "home", Host: "bob.pda.example.com", UserID: someUser, Username: "bob",
			Password: "hash", PasswordAt: at(9), CreatedAt: at(9), UpdatedAt: at(10),
		},
		&Account{
			ID: "acc_1", Realm: "home", Host: "bob.pda.example.com", Address: "bob.pda.example.com:8443",
			UserID: someUser, Username: "Bøb", Password: "another hash", Generation: 2, Disabled: true,
			Applications: []Enrolment{
				{Application: "notes", SetUpAt: at(9), UID: "app_1"},
				{Application: "books", SetUpAt: at(9), DisabledAt: at(10), UID: "app_2"},
			},
			SignedInFrom: []string{"192.0.2.1/32", "2001:db8::/64"},
			PasswordAt:   at(10), CreatedAt: at(9), UpdatedAt: at(11), CreatedBy: "local", UpdatedBy: "owner", EndedAt: at(11),
		},
	}},
	{"AccountKeys", versionAccountKeys, func() any { return new(AccountKeys) }, []any{
		&AccountKeys{Signing: []AccountKey{{ID: "new", Public: []byte("public"), Sealed: []byte("sealed"), CreatedAt: at(9)}}, Crypter: []byte("crypter")},
		&AccountKeys{Signing: []AccountKey{
			{ID: "old", Public: []byte("old public"), CreatedAt: at(9), Until: at(11)},
			{ID: "new", Public: []byte("public"), Sealed: []byte("sealed"), CreatedAt: at(10)},
		}, Crypter: []byte("crypter")},
	}},
	{"Application", versionApplication, func() any { return new(Application) }, []any{
		&Application{Realm: "home", ID: "notes", Version: "1.0.0", CreatedAt: at(9), UpdatedAt: at(10), UID: "app_1"},
		&Application{
			Realm: "home", ID: "notes", Version: "1.2.3", Name: "Notes", Description: "Notizen für alle", URL: "https://notes.example.com/",
			RedirectURIs: []string{"https://notes.example.com/back", "notes://back"},
			Grants:       []string{"namespace-read:notes", "namespace-write:notes"}, Disabled: true,
			CreatedAt: at(9), UpdatedAt: at(10), CreatedBy: "local", UpdatedBy: "ann", UID: "app_1",
		},
	}},
	{"CutOff", versionCutOff, func() any { return new(CutOff) }, []any{
		&CutOff{Realm: "home", User: someUser, Until: at(9), UpdatedAt: at(10), UpdatedBy: "local"},
		&CutOff{Realm: "home", User: someUser, Delegators: map[string]time.Time{"ann": at(8), "ben": at(9)}, UpdatedAt: at(10)},
		&CutOff{
			Realm: "home", User: someUser, Until: at(7), Delegators: map[string]time.Time{"ann": at(8)},
			UpdatedAt: at(10), UpdatedBy: "local",
		},
	}},
	{"KeptKeys", versionKeptKeys, func() any { return new(KeptKeys) }, []any{
		&KeptKeys{Source: "https://aaa.example.com/jwks", Document: []byte(`{"keys":[]}`), FetchedAt: at(9)},
	}},
	{"RescindedKey", versionRescindedKey, func() any { return new(RescindedKey) }, []any{
		&RescindedKey{Realm: "home", Key: someUser, At: at(9), By: "local"},
	}},
	{"AccessEnd", versionAccessEnd, func() any { return new(accessEnd) }, []any{&accessEnd{EndedAt: 7, EndedOn: at(9)}}},
	{"Quota", versionQuota, func() any { return new(Quota) }, []any{
		&Quota{Realm: "home", Key: "weather/1/day", Window: at(0), Ends: at(24), Reserved: 100},
		&Quota{Realm: "home", Key: "weather/1/day", Window: at(0), Ends: at(24)},
	}},
	{"Topic", versionTopic, func() any { return new(Topic) }, []any{&Topic{Realm: "home", Subject: "rcp_1"}, &Topic{}}},
}

// goldens are the stored bytes of the file, by kind, oldest first.
func goldens(t testing.TB) map[string][][]byte {
	t.Helper()
	file, err := os.Open(goldenFile)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	all := map[string][][]byte{}
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if line := lines.Text(); line != "" && line[0] != '#' {
			kind, text, _ := strings.Cut(line, " ")
			data, err := hex.DecodeString(text)
			if err != nil {
				t.Fatalf("line %q: %v", line, err)
			}
			all[kind] = append(all[kind], data)
		}
	}
	return all
}

// sameRecord compares records; times are the same instant.
func sameRecord(a, b any) bool {
	one, err := encode(0, a)
	two, err2 := encode(0, b)
	return err == nil && err2 == nil && string(one) == string(two)
}

// Lines are only ever added to the golden file: what a release has written, every
// later one reads.
func TestGoldensOfRecords(t *testing.T) {
	stored := goldens(t)
	for _, kind := range kinds {
		for _, value := range kind.values {
			data, err := encode(kind.version, value)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.ContainsFunc(stored[kind.name], func(old []byte) bool { return string(old) == string(data) }) {
				t.Errorf("%s lacks a line, or the encoding has changed:\n%s %x", goldenFile, kind.name, data)
			}
		}
		for i, old := range stored[kind.name] {
			got := kind.empty()
			if err := decode(old, kind.version, got); err != nil {
				t.Errorf("%s, line %d: %v", kind.name, i+1, err)
				continue
			}
			if !slices.ContainsFunc(kind.values, func(value any) bool { return sameRecord(got, value) }) {
				t.Errorf("%s, line %d is read as %+v, which is none of the values", kind.name, i+1, got)
			}
		}
	}
}

func TestEveryKindAndFieldOfRecordHasAGolden(t *testing.T) {
	source, err := parser.ParseFile(token.NewFileSet(), "record.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	ast.Inspect(source, func(node ast.Node) bool {
		spec, ok := node.(*ast.ValueSpec)
		if !ok {
			return true
		}
		name, ok := strings.CutPrefix(spec.Names[0].Name, "version")
		if !ok {
			return true
		}
		found++
		for _, kind := range kinds {
			if kind.name == name {
				return true
			}
		}
		t.Errorf("records of version%s have no golden", name)
		return true
	})
	if found != len(kinds) {
		t.Errorf("record.go knows %d kinds of records, the test %d", found, len(kinds))
	}
	for _, kind := range kinds {
		fields := reflect.TypeOf(kind.empty()).Elem()
		for i := range fields.NumField() {
			if !slices.ContainsFunc(kind.values, func(value any) bool {
				return !reflect.ValueOf(value).Elem().Field(i).IsZero()
			}) {
				t.Errorf("no golden of %s fills %s", kind.name, fields.Field(i).Name)
			}
		}
	}
}

func TestRecordThatCannotBeReadIsRefused(t *testing.T) {
	for _, kind := range kinds {
		good, err := encode(kind.version, kind.values[0])
		if err != nil {
			t.Fatal(err)
		}
		damaged := map[string][]byte{
			"nothing":              {},
			"no body":              {kind.version},
			"the next version":     append([]byte{kind.version + 1}, good[1:]...),
			"version zero":         append([]byte{0}, good[1:]...),
			"one byte more":        append(slices.Clone(good), 0),
			"another record after": append(slices.Clone(good), good[1:]...),
			"not a map":            {kind.version, 0x01},
			"an endless map":       {kind.version, 0xbf, 0xff},
			"a key twice":          {kind.version, 0xa2, 0x01, 0x61, 'a', 0x01, 0x61, 'b'},
			"a field of a map":     {kind.version, 0xa1, 0x01, 0xa0},
			"a number far too big": {kind.version, 0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		}
		for name, data := range damaged {
			if err := decode(data, kind.version, kind.empty()); !errors.Is(err, ErrRecord) {
				t.Errorf("%s, %s: %v, want ErrRecord", kind.name, name, err)
			}
		}
		for cut := 1; cut < len(good); cut++ {
			if err := decode(good[:cut], kind.version, kind.empty()); !errors.Is(err, ErrRecord) {
				t.Errorf("%s, cut after %d bytes: %v, want ErrRecord", kind.name, cut, err)
			}
		}
	}
}

// A field that is missing has a zero value, and the zero value of some fields
// opens: a token that never ends, an epoch that revoked nothing.
func TestRecordThatLacksAFieldIsRefused(t *testing.T) {
	required := map[string][]string{
		"Token":     {"Accessor", "Realm", "Subject", "ExpiresAt"},
		"Link":      {"Accessor", "Realm", "Subject", "ExpiresAt"},
		"Recipient": {"ID", "Realm", "Name"},
		"Epoch":     {"Number", "Ends"},
		"Admin":     {"Accessor", "Realm", "Name", "Role", "ExpiresAt"},
		"Issuer":    {"Audiences"},
		"Query":     {"ExpiresAt"},

		"Account":     {"ID", "Realm", "Host", "UserID", "Username", "Password"},
		"AccountKeys": {"Signing", "Crypter"},
		"Application": {"Realm", "ID", "Version", "UID"},

		"CutOff":   {"Realm", "User", "Until"},
		"KeptKeys": {"Source", "Document", "FetchedAt"},

		"RescindedKey": {"Realm", "Key", "At"},
		"AccessEnd":    {"EndedAt", "EndedOn"},
		"Quota":        {"Realm", "Key", "Window", "Ends"},
	}
	maps.Copy(required, brokerRequired)
	for _, kind := range kinds {
		for _, field := range required[kind.name] {
			record := reflect.New(reflect.TypeOf(kind.empty()).Elem())
			record.Elem().Set(reflect.ValueOf(kind.values[0]).Elem())
			record.Elem().FieldByName(field).SetZero()
			data, err := encode(kind.version, record.Interface())
			if err != nil {
				t.Fatal(err)
			}
			if err := decode(data, kind.version, kind.empty()); !errors.Is(err, ErrRecord) {
				t.Errorf("%s without %s: %v, want ErrRecord", kind.name, field, err)
			}
		}
	}
	for name, token := range map[string]Token{
		"an access token without its client secret": {Kind: AccessToken},
		"a bearer token with a client secret":       {Parent: someDigest("client secret")},
		"a client secret with a client secret":      {Kind: ClientSecret, Parent: someDigest("client secret")},
		"a kind that nobody knows":                  {Kind: ConsumerToken + 1, Broker: Broker{User: 1, Policy: "weather"}},

		"a token family of no scope":                     {Kind: FamilyToken},
		"a token family of a scope that nobody knows":    {Kind: FamilyToken, Family: Family{Scope: "root"}},
		"a token family of an application that is none":  {Kind: FamilyToken, Family: Family{Scope: ApplicationScope, ApplicationUID: "app_1"}},
		"a token family of whichever application":        {Kind: FamilyToken, Family: Family{Scope: ApplicationScope, Application: "notes"}},
		"a token family of the owner and an application": {Kind: FamilyToken, Family: Family{Scope: OwnerScope, Application: "notes"}},
		"a token family that proves more than who it is": {Kind: FamilyToken, Family: Family{Scope: ValidateScope, ApplicationUID: "app_1"}},
		"a bearer token that is a family":                {Family: Family{Scope: OwnerScope}},
		"an access token that is a family":               {Kind: AccessToken, Parent: someDigest("client secret"), Family: Family{Scope: OwnerScope}},
	} {
		token.Accessor, token.Realm, token.Subject, token.ExpiresAt = "tok_1", "home", "rcp_1", at(11)
		data, err := encode(versionToken, token)
		if err != nil {
			t.Fatal(err)
		}
		if err := decode(data, versionToken, new(Token)); !errors.Is(err, ErrRecord) {
			t.Errorf("%s: %v, want ErrRecord", name, err)
		}
	}
	for name, record := range map[string]any{
		"an admin token of a role that nobody knows": AdminToken{Accessor: "a", Realm: "home", Name: "n", Role: "root", ExpiresAt: at(11)},
		"a recipient of a way that nobody knows":     Recipient{ID: "r", Realm: "home", Name: "n", Auth: Federation + 1},
	} {
		data, err := encode(1, record)
		if err != nil {
			t.Fatal(err)
		}
		if err := decode(data, 1, reflect.New(reflect.TypeOf(record)).Interface()); !errors.Is(err, ErrRecord) {
			t.Errorf("%s: %v, want ErrRecord", name, err)
		}
	}
	signer := AccountKey{ID: "new", Public: []byte("public"), Sealed: []byte("sealed")}
	former := AccountKey{ID: "old", Public: []byte("public"), Until: at(11)}
	for name, keys := range map[string][]AccountKey{
		"no signer":                    {former},
		"a signer that has ended":      {{ID: "new", Public: []byte("public"), Sealed: []byte("sealed"), Until: at(11)}},
		"a former key that never ends": {{ID: "old", Public: []byte("public")}, signer},
		"two signers":                  {signer, signer},
		"the signer before a former":   {signer, former},
		"a signer without its secret":  {{ID: "new", Public: []byte("public")}},
		"a key without an id":          {{Public: []byte("public"), Sealed: []byte("sealed")}},
		"a former key of nothing":      {{ID: "old", Until: at(11)}, signer},
		"more keys than may be good":   {former, former, former, former, signer},
	} {
		data, err := encode(versionAccountKeys, AccountKeys{Signing: keys, Crypter: []byte("crypter")})
		if err != nil {
			t.Fatal(err)
		}
		if err := decode(data, versionAccountKeys, new(AccountKeys)); !errors.Is(err, ErrRecord) {
			t.Errorf("keys of an account with %s: %v, want ErrRecord", name, err)
		}
	}
	for name, epoch := range map[string]Epoch{
		"more ends than epochs": {Number: 1, Ends: []time.Time{at(9), at(10)}},
		"an end that is zero":   {Number: 2, Ends: []time.Time{at(9), {}}},
	} {
		data, err := encode(versionEpoch, epoch)
		if err != nil {
			t.Fatal(err)
		}
		if err := decode(data, versionEpoch, new(Epoch)); !errors.Is(err, ErrRecord) {
			t.Errorf("epoch with %s: %v, want ErrRecord", name, err)
		}
	}
	for name, cut := range map[string]CutOff{
		"a delegator without a time": {Until: at(9), Delegators: map[string]time.Time{"ann": {}}},
		"a delegator without a name": {Until: at(9), Delegators: map[string]time.Time{"": at(9)}},
		"no end":                     {Delegators: map[string]time.Time{}},
	} {
		cut.Realm, cut.User, cut.UpdatedAt = "home", someUser, at(10)
		data, err := encode(versionCutOff, cut)
		if err != nil {
			t.Fatal(err)
		}
		if err := decode(data, versionCutOff, new(CutOff)); !errors.Is(err, ErrRecord) {
			t.Errorf("cut-off with %s: %v, want ErrRecord", name, err)
		}
	}
	if err := decode([]byte{versionIndex, 0xa0}, versionIndex, new(index)); !errors.Is(err, ErrRecord) {
		t.Errorf("an index that leads nowhere: %v, want ErrRecord", err)
	}
}

// What the first release wrote names no kind, end, network or limit. It means a
// bearer token, of a recipient with bearer tokens, from anywhere and without end; and
// no release before token families, or before BitBroker's tokens, wrote one. Written again,
// an old record says no more and no less.
func TestRecordsOfFormerVersionsMeanWhatTheyMeant(t *testing.T) {
	read := map[byte]int{}
	for _, kind := range kinds {
		for i, old := range goldens(t)[kind.name] {
			if old[0] == kind.version {
				continue
			}
			read[old[0]]++
			record := kind.empty()
			if err := decode(old, kind.version, record); err != nil {
				t.Errorf("%s, line %d: %v", kind.name, i+1, err)
				continue
			}
			again, err := encode(kind.version, record)
			if err != nil || string(again[1:]) != string(old[1:]) {
				t.Errorf("%s, line %d, written again: %x, %v", kind.name, i+1, again, err)
			}
			switch r := record.(type) {
			case *Token:
				if old[0] == 1 && (r.Kind != BearerToken || r.Imported) {
					t.Errorf("token %s is a %s, imported %v", r.Accessor, r.Kind, r.Imported)
				}
				if old[0] < 3 && (r.Kind == FamilyToken || r.Family != (Family{})) {
					t.Errorf("token %s is a %s with %+v", r.Accessor, r.Kind, r.Family)
				}
				if r.Kind.isBroker() || r.Broker != (Broker{}) {
					t.Errorf("token %s is a %s with %+v", r.Accessor, r.Kind, r.Broker)
				}
			case *Recipient:
				networks, err := r.Prefixes()
				if r.Auth != BearerTokens || r.CredentialKind() != BearerToken || networks != nil || err != nil ||
					r.Limits != (Limits{}) || r.lasts(time.Unix(1<<40, 0)) != nil || !r.RevokedAt.IsZero() {
					t.Errorf("recipient %s has a restriction: %+v", r.ID, r)
				}
			}
		}
	}
	if read[1] < 6 || read[2] < 5 || read[3] < 8 {
		t.Errorf("%v records of former versions are read; the file has lost some", read)
	}
}

// A hash hides itself from whatever prints it; the store must not be fooled by that.
func TestPasswordHashIsStoredAsItIs(t *testing.T) {
	data, err := encode(versionAccount, Account{
		ID: "acc_1", Realm: "home", Host: "bob.example", UserID: someUser, Username: "bob", Password: "$argon2id$of-bob",
	})
	var read Account
	if err == nil {
		err = decode(data, versionAccount, &read)
	}
	if err != nil || read.Password.Reveal() != "$argon2id$of-bob" {
		t.Errorf("read %q, %v", read.Password.Reveal(), err)
	}
}

// A field that this release does not know may be a restriction.
func TestFieldsOfANewerReleaseAreNotPassedOver(t *testing.T) {
	type tomorrow struct {
		Use
		More string `cbor:"90,keyasint"`
	}
	use := Use{At: at(9), ClientIP: "192.0.2.1"}
	data, err := encode(versionUse, tomorrow{use, "new"})
	if err != nil {
		t.Fatal(err)
	}
	if err := decode(data, versionUse, new(Use)); !errors.Is(err, ErrRecord) {
		t.Errorf("got %v, want ErrRecord", err)
	}
}

// What was written must be readable, or nobody could revoke it any more.
func TestWhateverIsWrittenCanBeRead(t *testing.T) {
	text := rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 12), func(b []byte) string { return string(b) })
	rapid.Check(t, func(rt *rapid.T) {
		written := Recipient{
			ID: "rcp_1", Realm: "home", Name: "acme",
			Comment: text.Draw(rt, "comment, not always UTF-8"), Grants: rapid.SliceOf(text).Draw(rt, "grants"),
			TokenLifetime: time.Duration(rapid.Int64().Draw(rt, "lifetime")),
			CreatedAt:     time.Unix(rapid.Int64Range(-1<<40, 1<<40).Draw(rt, "time"), 0),
		}
		data, err := encode(versionRecipient, written)
		if err != nil {
			rt.Fatal(err)
		}
		var read Recipient
		if err := decode(data, versionRecipient, &read); err != nil || !sameRecord(written, read) {
			rt.Fatalf("%+v is read as %+v, %v", written, read, err)
		}
	})
	many := Recipient{ID: "rcp_1", Realm: "home", Name: "acme", Grants: make([]string, 300_000)}
	data, err := encode(versionRecipient, many)
	if err == nil {
		err = decode(data, versionRecipient, new(Recipient))
	}
	if err != nil {
		t.Errorf("%d grants: %v", len(many.Grants), err)
	}
}

func FuzzDecode(f *testing.F) {
	for _, all := range goldens(f) {
		for _, data := range all {
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, kind := range kinds {
			record := kind.empty()
			err := decode(data, kind.version, record)
			if err != nil {
				if !errors.Is(err, ErrRecord) {
					t.Errorf("%s: %v is not ErrRecord", kind.name, err)
				}
				continue
			}
			// What was accepted is safe to use, and stands once it is written again.
			switch r := record.(type) {
			case *Token:
				if r.end(r.ExpiresAt, Epoch{}) == nil {
					t.Errorf("a token outlives its expiry: %+v", r)
				}
			case *AccountKeys:
				if signer := r.Signer(); len(signer.Sealed) == 0 || !signer.Until.IsZero() {
					t.Errorf("keys of an account have no signer: %+v", r)
				}
			case *CutOff:
				covers := !r.Until.IsZero() && r.Covers(r.Until, "")
				for delegator, until := range r.Delegators {
					covers = covers || delegator == FoldName(delegator) && r.Covers(until, delegator)
					covers = covers || delegator != FoldName(delegator) // never written
				}
				if !covers {
					t.Errorf("a cut-off ends nothing: %+v", r)
				}
			case *Epoch:
				for n := range min(r.Number, 100) {
					if r.ended(n).IsZero() {
						t.Errorf("epoch %d did not end: %+v", n, r)
					}
				}
			}
			again, err := encode(kind.version, record)
			if err == nil {
				err = decode(again, kind.version, kind.empty())
			}
			if err != nil {
				t.Errorf("%s, written again: %v", kind.name, err)
			}
		}
	})
}
