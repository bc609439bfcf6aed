package tokenstore

import (
	"errors"
	"testing"
	"time"
)

func TestEndReason(t *testing.T) {
	never := time.Time{}
	none := Epoch{}
	second := Epoch{Number: 2, Ends: []time.Time{at(10), at(14)}} // epoch 0 ended at 10, epoch 1 at 14
	for _, test := range []struct {
		name                      string
		expires, rotated, revoked time.Time
		made                      uint64
		epoch                     Epoch
		now                       time.Time
		want                      EndReason // "" if it lives
		when                      time.Time
		status                    string
	}{
		{"lives", at(12), never, never, 0, none, at(11), "", never, "active"},
		{"the last moment", at(12), never, never, 0, none, at(12).Add(-1), "", never, "active"},
		{"expires at its moment", at(12), never, never, 0, none, at(12), Expired, at(12), "expired"},
		{"rotated, in its overlap", at(12), at(10), never, 0, none, at(11), "", never, "rotated"},
		{"rotated, after it", at(12), at(10), never, 0, none, at(13), Rotated, at(12), "expired"},
		{"rotated at once", at(10), at(10), never, 0, none, at(10), Rotated, at(10), "expired"},
		{"revoked", at(12), never, at(11), 0, none, at(11), Revoked, at(11), "revoked"},
		{"revoked, and its time has come since", at(12), never, at(11), 0, none, at(13), Revoked, at(11), "revoked"},
		{"revoked in its overlap", at(12), at(10), at(11), 0, none, at(13), Revoked, at(11), "revoked"},
		{"expired before a revocation", at(12), never, at(13), 0, none, at(14), Expired, at(12), "expired"},
		{"expired at the moment of a mass revocation", at(14), never, never, 1, second, at(15), Expired, at(14), "expired"},
		{"of the present epoch", at(20), never, never, 2, second, at(15), "", never, "active"},
		{"of an epoch to come", at(20), never, never, 3, second, at(15), "", never, "active"},
		{"of the epoch before", at(20), never, never, 1, second, at(15), Revoked, at(14), "revoked"},
		{"of the first epoch", at(20), never, never, 0, second, at(15), Revoked, at(10), "revoked"},
		{"of the first epoch, its time between the ends", at(12), never, never, 0, second, at(15), Revoked, at(10), "revoked"},
		{"expired before its epoch ended", at(12), never, never, 1, second, at(15), Expired, at(12), "expired"},
		{"revoked before its epoch ended", at(20), never, at(11), 1, second, at(15), Revoked, at(11), "revoked"},
		{"revoked after its epoch ended", at(20), never, at(15), 1, second, at(16), Revoked, at(14), "revoked"},
		{"an epoch whose clock ran ahead", at(20), never, never, 1, second, at(13), Revoked, at(14), "revoked"},
	} {
		t.Run(test.name, func(t *testing.T) {
			token := Token{ExpiresAt: test.expires, RotatedAt: test.rotated, RevokedAt: test.revoked, Epoch: test.made}
			end := token.end(test.now, test.epoch)
			switch {
			case test.want == "" && end != nil:
				t.Errorf("it ended: %s at %s", end.Reason, end.At)
			case test.want != "" && (end == nil || end.Reason != test.want || !end.At.Equal(test.when)):
				t.Errorf("end is %+v, want %s at %s", end, test.want, test.when)
			}
			status, when := token.status(test.now, test.epoch)
			if status != test.status || !when.Equal(test.when) {
				t.Errorf("status is %s at %s, want %s at %s", status, when, test.status, test.when)
			}
		})
	}
}

func TestEpochKeepsTheEndsOfTheTimeThatTokensAreKept(t *testing.T) {
	var e Epoch
	start := at(9)
	for day := range 100 {
		e = e.next(start.Add(time.Duration(day) * 24 * time.Hour))
	}
	if e.Number != 100 || len(e.Ends) > 32 {
		t.Errorf("after 100 days epoch %d has %d ends, want those of 30 days and one before", e.Number, len(e.Ends))
	}
	now := e.Ends[len(e.Ends)-1]
	for number := range e.Number {
		exact := start.Add(time.Duration(number) * 24 * time.Hour)
		if got := e.ended(number); exact.After(now.Add(-KeepEnded)) && !got.Equal(exact) || got.After(now.Add(-KeepEnded)) && !got.Equal(exact) {
			t.Errorf("epoch %d ended at %s, want %s", number, got, exact)
		}
	}
	if got := e.ended(e.Number); !got.IsZero() {
		t.Errorf("the present epoch ended at %s", got)
	}
}

func TestEndOfALink(t *testing.T) {
	link := Link{ExpiresAt: at(12), Epoch: 1}
	used, revoked := link, link
	used.UsedAt, revoked.RevokedAt = at(10), at(10)
	before, after := Epoch{Number: 1, Ends: []time.Time{at(8)}}, Epoch{Number: 2, Ends: []time.Time{at(8), at(10)}}
	for name, test := range map[string]struct {
		link  Link
		epoch Epoch
		now   time.Time
		want  bool
	}{
		"waits":                 {link, before, at(11), false},
		"the last moment":       {link, before, at(12).Add(-1), false},
		"expires at its moment": {link, before, at(12), true},
		"used":                  {used, before, at(11), true},
		"revoked":               {revoked, before, at(11), true},
		"of an earlier epoch":   {link, after, at(11), true},
	} {
		if got := test.link.over(test.now, test.epoch); got != test.want {
			t.Errorf("%s: over is %v, want %v", name, got, test.want)
		}
	}
}

func TestErrorTextsNameNoSecretAndTheTimeInUTC(t *testing.T) {
	zone := time.FixedZone("elsewhere", 3600)
	for _, test := range []struct {
		err  error
		want string
	}{
		{&EndedError{Reason: Revoked, At: at(9).In(zone), Token: Token{Accessor: "tok_1"}}, "token tok_1 was revoked at 2026-03-01T09:00:00Z"},
		{&DisabledError{Recipient: Recipient{Name: "acme", ManagementKey: []byte("key")}}, "recipient acme is disabled"},
		{&LinkOverError{Used: true}, "activation link was used"},
		{&LinkOverError{}, "activation link has expired or was replaced"},
	} {
		if got := test.err.Error(); got != test.want {
			t.Errorf("%q, want %q", got, test.want)
		}
	}
}

func TestLifetimeBounds(t *testing.T) {
	for d, good := range map[time.Duration]bool{
		0: true, time.Second: true, maxLifetime: true,
		-1: false, 1: false, time.Second - 1: false, maxLifetime + 1: false,
	} {
		if err := validLifetime(d); (err == nil) != good || !good && !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", d, err)
		}
	}
}
