package pda

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/schemes"
)

func onlyNotes(namespace string) bool { return namespace == "notes" }

// linked is a record with so many records linked in each other.
func linked(depth int, innermost string) string {
	return strings.Repeat(`[{"endpoint":"notes/x","links":`, depth) + `[{"endpoint":"` + innermost + `"}]` + strings.Repeat(`}]`, depth)
}

func TestBatches(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		body string
		want error
	}{
		"none":                          {`[]`, nil},
		"one":                           {`[{"endpoint":"notes/x","data":{"a":1}}]`, nil},
		"white space and an escape":     {" [ {\"data\":[null], \"endp\\u006fint\" : \"n\\u006ftes\\/x\" } ]\n", nil},
		"links":                         {`[{"endpoint":"notes/x","links":[{"endpoint":"notes/y"}]}]`, nil},
		"no links":                      {`[{"endpoint":"notes/x","links":null},{"endpoint":"notes/x","links":[]}]`, nil},
		"an endpoint in the data":       {`[{"endpoint":"notes/x","data":{"endpoint":"secret/y","links":[{"endpoint":"secret/x"}]}}]`, nil},
		"links as deep as may be":       {linked(maxLinks, "notes/x"), nil},
		"another namespace":             {`[{"endpoint":"secret/x"}]`, errBatchDenied},
		"another namespace after one":   {`[{"endpoint":"notes/x"},{"endpoint":"secret/x"}]`, errBatchDenied},
		"another namespace in links":    {`[{"endpoint":"notes/x","links":[{"endpoint":"notes/y"},{"endpoint":"secret/x"}]}]`, errBatchDenied},
		"another namespace, deep":       {linked(maxLinks, "secret/x"), errBatchDenied},
		"a longer name":                 {`[{"endpoint":"notes-2/x"}]`, errBatchDenied},
		"an escaped name":               {`[{"endpoint":"s\u0065cret/x"}]`, errBatchDenied},
		"links too deep":                {linked(maxLinks+1, "notes/x"), errBatch},
		"no endpoint":                   {`[{"data":1}]`, errBatch},
		"no endpoint in links":          {`[{"endpoint":"notes/x","links":[{}]}]`, errBatch},
		"an endpoint without namespace": {`[{"endpoint":"/x"}]`, errBatch},
		"a namespace alone":             {`[{"endpoint":"notes"}]`, errBatch},
		"a namespace and a slash":       {`[{"endpoint":"notes/"}]`, errBatch},
		"a namespace in capitals":       {`[{"endpoint":"NOTES/x"}]`, errBatch},
		"a namespace with a space":      {`[{"endpoint":"notes /x"}]`, errBatch},
		"an endpoint that is a number":  {`[{"endpoint":1}]`, errBatch},
		"an endpoint that is null":      {`[{"endpoint":null}]`, errBatch},
		"an endpoint that is a list":    {`[{"endpoint":["notes/x"]}]`, errBatch},
		"two endpoints":                 {`[{"endpoint":"notes/x","endpoint":"notes/x"}]`, errBatch},
		"two endpoints, one escaped":    {`[{"endpoint":"notes/x","endp\u006fint":"secret/x"}]`, errBatch},
		"an endpoint in capitals":       {`[{"endpoint":"notes/x","Endpoint":"secret/x"}]`, errBatch},
		"links in capitals":             {`[{"endpoint":"notes/x","LINKS":[]}]`, errBatch},
		"links with a long s":           {"[{\"endpoint\":\"notes/x\",\"link\u017f\":[]}]", errBatch},
		"two lists of links":            {`[{"endpoint":"notes/x","links":[],"links":[{"endpoint":"secret/x"}]}]`, errBatch},
		"a name twice in the data":      {`[{"endpoint":"notes/x","data":{"a":1,"a":2}}]`, errBatch},
		"links that are a record":       {`[{"endpoint":"notes/x","links":{"endpoint":"notes/x"}}]`, errBatch},
		"no list":                       {`{"endpoint":"notes/x"}`, errBatch},
		"a list of lists":               {`[[{"endpoint":"notes/x"}]]`, errBatch},
		"a record that is null":         {`[null]`, errBatch},
		"nothing":                       {``, errBatch},
		"white space":                   {"\n", errBatch},
		"cut short":                     {`[{"endpoint":"notes/x"}`, errBatch},
		"something behind":              {`[{"endpoint":"notes/x"}] []`, errBatch},
		"a comma behind":                {`[{"endpoint":"notes/x"},]`, errBatch},
		"a comment":                     {`[/**/{"endpoint":"notes/x"}]`, errBatch},
		"single quotes":                 {`[{'endpoint':'notes/x'}]`, errBatch},
		"no utf-8":                      {"[{\"endpoint\":\"notes/x\",\"data\":\"\xff\"}]", errBatch},
		"half a surrogate":              {`[{"endpoint":"notes/x","data":"\ud800"}]`, errBatch},
		"a byte order mark":             {"\ufeff[]", errBatch},
		"utf-16":                        {"[\x00]\x00", errBatch},
		"data too deep":                 {`[{"endpoint":"notes/x","data":` + strings.Repeat("[", 1<<20), errBatch},
		"lists too deep":                {strings.Repeat("[", 1<<20), errBatch},
	} {
		err := checkBatch([]byte(tt.body), onlyNotes)
		if !errors.Is(err, tt.want) || tt.want == nil && err != nil {
			t.Errorf("%s: got %v, want %v", name, err, tt.want)
		}
		if err == nil {
			continue
		}
		var refusal *schemes.Refusal
		if !errors.As(err, &refusal) {
			t.Fatalf("%s: %v is no refusal", name, err)
		}
		want := http.StatusBadRequest
		if tt.want == errBatchDenied { //nolint:errorlint // it is the table's own
			want = http.StatusForbidden
		}
		if refusal.Status != want {
			t.Errorf("%s: status %d", name, refusal.Status)
		}
		if strings.Contains(err.Error()+refusal.Public, "secret") {
			t.Errorf("%s: the error quotes the batch: %v", name, err)
		}
	}
}

// naive reads a record as any reader might: every member that is an endpoint or links in
// whatever case counts, however often it stands there.
func naive(t *testing.T, d *json.Decoder, namespaces map[string]bool, inRecords bool) {
	t.Helper()
	token, err := d.Token()
	if err != nil {
		t.Fatalf("the standard library does not read it: %v", err)
	}
	switch token {
	case json.Delim('['):
		for d.More() {
			naive(t, d, namespaces, inRecords)
		}
	case json.Delim('{'):
		for d.More() {
			name, err := d.Token()
			if err != nil {
				t.Fatal(err)
			}
			switch member := name.(string); {
			case inRecords && strings.EqualFold(member, "endpoint"):
				var value any
				if d.Decode(&value) != nil {
					t.Fatal("no value")
				}
				text, _ := value.(string)
				namespace, _, _ := strings.Cut(text, "/")
				namespaces[namespace] = true
			case inRecords && strings.EqualFold(member, "links"):
				naive(t, d, namespaces, true)
			default:
				naive(t, d, namespaces, false)
			}
		}
	default:
		return
	}
	if _, err := d.Token(); err != nil { // the end
		t.Fatal(err)
	}
}

func FuzzCheckBatch(f *testing.F) {
	for _, seed := range []string{
		`[{"endpoint":"notes/x","data":{"endpoint":"secret/x"},"links":[{"endpoint":"notes/y"}]}]`,
		`[{"endpoint":"notes/x","endpoint":"secret/x"}]`, `[{"endpoint":"notes/x","Endpoint":"secret/x"}]`,
		`[{"endpoint":"notes/x","links":null}]`, `[{"end\u0070oint":"notes/x"}]`, linked(3, "secret/x"), `[]`, `null`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if checkBatch(body, onlyNotes) != nil {
			return
		}
		namespaces := make(map[string]bool)
		d := json.NewDecoder(bytes.NewReader(body))
		naive(t, d, namespaces, true)
		if _, err := d.Token(); err != io.EOF {
			t.Fatalf("%q: something follows: %v", body, err)
		}
		delete(namespaces, "notes")
		if len(namespaces) > 0 {
			t.Fatalf("%q passes and names %v", body, namespaces)
		}
		var records []struct{ Endpoint string }
		if err := json.Unmarshal(body, &records); err != nil {
			t.Fatalf("%q: %v", body, err)
		}
		for _, r := range records {
			if !strings.HasPrefix(r.Endpoint, "notes/") {
				t.Fatalf("%q passes and names %q", body, r.Endpoint)
			}
		}
	})
}

func BenchmarkCheckBatch(b *testing.B) {
	one := `{"endpoint":"notes/x","data":{"title":"something","body":"` + strings.Repeat("text ", 100) + `","tags":["a","b"]}},`
	body := []byte("[" + strings.TrimSuffix(strings.Repeat(one, 1000), ",") + "]")
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if err := checkBatch(body, onlyNotes); err != nil {
			b.Fatal(err)
		}
	}
}

func TestABatchIsForwardedAsItWasRead(t *testing.T) {
	t.Parallel()
	const text = `[ {"endpoint":"notes/x"} ]`
	for name, length := range map[string]int64{"with its length": int64(len(text)), "chunked": -1} {
		closed := false
		r := httptest.NewRequest("POST", "/api/v2.6/data-batch", nil)
		r.Body, r.ContentLength = closing{strings.NewReader(text), &closed}, length
		got, err := readBatch(httptest.NewRecorder(), r, int64(len(text)))
		if err != nil || string(got) != text {
			t.Fatalf("%s: %q, %v", name, got, err)
		}
		again, err := io.ReadAll(r.Body)
		if err != nil || string(again) != text || r.ContentLength != length {
			t.Errorf("%s: %q is forwarded with length %d, %v", name, again, r.ContentLength, err)
		}
		if r.Body.Close() != nil || !closed {
			t.Errorf("%s: the client's body is not closed", name)
		}
	}
}

type closing struct {
	io.Reader
	closed *bool
}

func (c closing) Close() error {
	*c.closed = true
	return nil
}

// endless would be read until memory is full.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestBatchesThatAreNotRead(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func(*http.Request)
		status int
	}{
		"too large by its length":    {func(r *http.Request) { r.ContentLength = 101 }, 413},
		"too large, chunked":         {func(r *http.Request) { r.Body, r.ContentLength = io.NopCloser(endless{}), -1 }, 413},
		"compressed":                 {func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") }, 415},
		"compressed, and said so so": {func(r *http.Request) { r.Header["Content-Encoding"] = []string{"identity", "BR"} }, 415},
		"in another encoding":        {func(r *http.Request) { r.Header.Set("Content-Type", "application/json; charset=utf-16") }, 415},
		"of two types":               {func(r *http.Request) { r.Header["Content-Type"] = []string{"application/json", "text/plain"} }, 415},
		"of no type":                 {func(r *http.Request) { r.Header.Set("Content-Type", ";") }, 415},
		"cut short": {func(r *http.Request) {
			r.Body = io.NopCloser(io.MultiReader(strings.NewReader("[]"), failing{io.ErrUnexpectedEOF}))
		}, 400},
		"too slow": {func(r *http.Request) { r.Body = io.NopCloser(failing{timeout{}}) }, 408},
	} {
		r := httptest.NewRequest("POST", "/api/v2.6/data-batch", strings.NewReader("[]"))
		tt.change(r)
		_, err := readBatch(httptest.NewRecorder(), r, 100)
		var refusal *schemes.Refusal
		if !errors.As(err, &refusal) || refusal.Status != tt.status {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, change := range map[string]func(*http.Request){
		"without type": func(r *http.Request) { r.Header.Del("Content-Type") },
		"in utf-8":     func(r *http.Request) { r.Header.Set("Content-Type", "application/json; charset=UTF-8") },
		"in itself":    func(r *http.Request) { r.Header.Set("Content-Encoding", "identity") },
		"empty":        func(r *http.Request) { r.Body = nil },
	} {
		r := httptest.NewRequest("POST", "/api/v2.6/data-batch", strings.NewReader("[]"))
		change(r)
		if _, err := readBatch(httptest.NewRecorder(), r, 100); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// timeout is what a connection's read ends with once its deadline is over.
type timeout struct{}

func (timeout) Error() string   { return "i/o timeout" }
func (timeout) Is(e error) bool { return e.Error() == "i/o timeout" }
