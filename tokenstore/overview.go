package tokenstore

import (
	"context"
	"time"
)

// Overview is a recipient with what it holds, and when that was last used.
type Overview struct {
	Recipient Recipient
	// Credentials are those that are live, newest first.
	Credentials []Credential
	// Uses are the last uses of the live tokens by their accessors, and of the
	// federation policies by their ids; what was never used has none.
	Uses map[string]Use
}

// Overviews returns up to limit recipients of a realm in the order of their folded
// names, after the given name, each with its live credentials and their last uses,
// all of one snapshot; uses that are not written yet included. next is empty at the
// end.
func (s *Store) Overviews(ctx context.Context, realm, after string, limit int) (overviews []Overview, next string, err error) {
	err = s.driver.View(ctx, func(r Reader) error {
		var recipients []Recipient
		if recipients, next, err = recipientPage(r, realm, after, limit); err != nil {
			return err
		}
		now := s.clock()
		overviews = make([]Overview, len(recipients))
		for i, recipient := range recipients {
			if overviews[i], err = s.overview(r, recipient, now); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, "", err
	}
	return overviews, next, nil
}

func (s *Store) overview(r Reader, recipient Recipient, now time.Time) (Overview, error) {
	live, err := credentials(r, recipient, now)
	if err != nil {
		return Overview{}, err
	}
	o := Overview{Recipient: recipient, Credentials: live, Uses: make(map[string]Use)}
	note := func(accessor string) error {
		use, err := s.lastUse(r, accessor)
		if err == nil && !use.At.IsZero() {
			o.Uses[accessor] = use
		}
		return err
	}
	for _, c := range live {
		if c.Token == nil {
			continue // a link that waits has no token to use
		}
		if err := note(c.Accessor); err != nil {
			return Overview{}, err
		}
	}
	for _, policy := range recipient.Federation {
		if err := note(policy.ID); err != nil {
			return Overview{}, err
		}
	}
	return o, nil
}
