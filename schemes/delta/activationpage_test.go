package delta

import (
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

func TestSharesOfGrants(t *testing.T) {
	for _, tc := range []struct {
		name         string
		grants, want []string
	}{
		{"none", nil, nil},
		{"each once, whatever the level and case", []string{"sales/retail", "Finance", "SALES", "finance/reports/q3"}, []string{"sales", "Finance"}},
		{"a part of a share", []string{"sales/retail", "finance", "Sales/wholesale/orders"}, []string{"sales (in part)", "finance"}},
		{"with privileges", []string{"sales discover,metadata", "hr/people query"}, []string{"sales", "hr (in part)"}},
		{"every share", []string{"sales", "* discover"}, []string{"everything that is shared"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := sharesOf(tc.grants); !slices.Equal(got, tc.want) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestWorksUntilTheEarliestEnd(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	after := func(hours int) time.Time { return now.Add(time.Duration(hours) * time.Hour) }
	for _, tc := range []struct {
		name      string
		link      tokenstore.Link
		recipient tokenstore.Recipient
		want      time.Time
	}{
		{"of the site's lifetime", tokenstore.Link{}, tokenstore.Recipient{}, after(48)},
		{"of its own lifetime", tokenstore.Link{}, tokenstore.Recipient{TokenLifetime: 72 * time.Hour}, after(72)},
		{"of the link's credential", tokenstore.Link{NotAfter: after(10)}, tokenstore.Recipient{NotAfter: after(20)}, after(10)},
		{"of the recipient", tokenstore.Link{NotAfter: after(90)}, tokenstore.Recipient{NotAfter: after(20)}, after(20)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := worksUntil(tokenstore.LinkInfo{Link: tc.link, Recipient: tc.recipient}, now, 48*time.Hour)
			if !got.Equal(tc.want) {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}
