package delta

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestPageQueries(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]pageQuery{
		"":                                   {want: 500},
		"maxResults=0":                       {want: 0},
		"maxResults=7":                       {want: 7},
		"maxResults=007":                     {want: 7},
		"maxResults=501":                     {want: 500},
		"maxResults=2147483647":              {want: 500},
		"m%61xResults=7":                     {want: 7},
		"pageToken=":                         {want: 500},
		"pageToken=a%2Fb":                    {want: 500, token: "a/b"},
		"pageToken=a+b":                      {want: 500, token: "a b"},
		"x=1&maxResults=7&y=%20+&pageToken=": {want: 7, rest: "x=1&y=%20+"},
		"&&x&":                               {want: 500, rest: "x"},
		"maxresult=1&xmaxResults=2":          {want: 500, rest: "maxresult=1&xmaxResults=2"},
		"x=pageToken=1":                      {want: 500, rest: "x=pageToken=1"},
		"x=%zz":                              {want: 500, rest: "x=%zz"}, // not ours to read
	} {
		if got, refusal := parsePageQuery(raw, 500); refusal != nil || got != want {
			t.Errorf("%q: got %+v, %v; want %+v", raw, got, refusal, want)
		}
	}
}

func TestPageQueriesThatAreRefused(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{
		"maxResults=", "maxResults", "maxResults=-1", "maxResults=-0", "maxResults=%2B1", "maxResults=1.0", "maxResults=1e3", "maxResults=0x10",
		"maxResults=2147483648", "maxResults=99999999999999999999", "maxResults=+1", "maxResults=1_000", "maxResults=٣", "maxResults=many", "maxResults=%zz",
		"maxResults=1&maxResults=1", "maxResults=1&m%61xResults=2", "pageToken=a&pageToken=a", "pageToken=&pageToken=a", "pageToken=%zz",
		"MaxResults=1", "maxresults=1", "pagetoken=a", "PAGETOKEN=a", "x=1;pageToken=a", ";", "%zz=1", "page%54oken=a&pageToken=b",
	} {
		if got, refusal := parsePageQuery(raw, 500); refusal == nil || refusal.Status != http.StatusBadRequest || refusal.Public == "" {
			t.Errorf("%q is taken as %+v (%v)", raw, got, refusal)
		}
	}
}

// FuzzPageQuery: whatever the client writes, the server behind gets one maxResults,
// which is the gateway's, and no page token but the gateway's.
func FuzzPageQuery(f *testing.F) {
	for _, seed := range []string{"", "maxResults=5&x=1", "pageToken=a&%70ageToken=b", "x;y", "a&&b=%zz&=", "PageToken=1", "pageToken%00=1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		q, refusal := parsePageQuery(raw, 100)
		if refusal != nil {
			return
		}
		if q.want < 0 || q.want > 100 {
			t.Fatalf("%q asks for %d", raw, q.want)
		}
		sent := q.upstream("of the server", 100)
		for parameter := range strings.SplitSeq(sent, "&") {
			name, value, _ := strings.Cut(parameter, "=")
			name, err := url.QueryUnescape(name)
			switch {
			case err != nil:
				t.Errorf("%q sends %q, which the server may read otherwise", raw, sent)
			case strings.EqualFold(name, "maxResults") && parameter != "maxResults=100", strings.EqualFold(name, "pageToken") && value != "of+the+server":
				t.Errorf("%q sends %q", raw, sent)
			}
		}
		if strings.Count(sent, "maxResults=100") < 1 || !strings.HasSuffix(sent, "pageToken=of+the+server") {
			t.Errorf("%q sends %q", raw, sent)
		}
	})
}
