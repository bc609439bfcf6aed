package databricks

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gatehouse-auth/gatehouse/schemes/delta"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// Databricks grants a recipient SELECT on a share, and nothing finer. Here that is a
// grant of the whole share. It is told and changed so that nobody believes access to
// be less than it is:
//
//   - A recipient has SELECT on a share if its grants on the share and on all shares
//     (*) give it, together. Who may read a part of a share only is not shown as if it
//     had all of it.
//   - Adding SELECT adds the grant of the whole share.
//   - Removing SELECT removes every grant on the share and on what is in it, whatever
//     it gives: to who speaks this API, a recipient whose SELECT was removed reaches
//     nothing of the share any more. The audit names what was removed.
//   - A recipient with a grant of all shares would go on reaching the share, so removing
//     SELECT from it is refused, and nothing is changed.
const (
	privilegeSelect = "SELECT"
	everyShare      = "*"
)

type assignment struct {
	Principal  string   `json:"principal"`
	Privileges []string `json:"privileges"`
}

type sharePermissions struct {
	Assignments []assignment `json:"privilege_assignments"`
	Next        string       `json:"next_page_token,omitempty"`
}

type shareAssignment struct {
	ShareName   string       `json:"share_name"`
	Assignments []assignment `json:"privilege_assignments"`
}

type recipientPermissions struct {
	Permissions []shareAssignment `json:"permissions_out"`
	Next        string            `json:"next_page_token,omitempty"`
}

// maxChanges is how many changes one call may ask for.
const maxChanges = 100

func selectFor(recipient tokenstore.Recipient) assignment {
	return assignment{recipient.Name, []string{privilegeSelect}}
}

func (a *API) recipientPermissions(c *call) (any, error) {
	p, err := c.pageOf()
	if err != nil {
		return nil, err
	}
	recipient, err := c.store.Recipient(c.ctx(), c.Identity.Realm, c.values["name"])
	if err != nil {
		return nil, err
	}
	answer := recipientPermissions{Permissions: []shareAssignment{}}
	all, err := sharesWithSelect(c.ctx(), recipient.Grants)
	if err != nil {
		return nil, err
	}
	shares, next := cut(all, p, tokenstore.FoldName)
	for _, share := range shares {
		answer.Permissions = append(answer.Permissions, shareAssignment{share, []assignment{selectFor(recipient)}})
	}
	if next != "" {
		answer.Next = c.next(next)
	}
	return answer, nil
}

// sharesWithSelect are the shares that grants give SELECT on, sorted by their folded
// names; * stands for all shares. A recipient may have thousands of grants, so each is
// looked at once, and none once ctx has ended.
func sharesWithSelect(ctx context.Context, grants []string) ([]string, error) {
	given := make(map[string]*sum) // by the share's folded name
	for _, grant := range grants {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		object := delta.ObjectOf(grant)
		if strings.Contains(object, "/") {
			continue
		}
		folded := tokenstore.FoldName(object)
		if given[folded] == nil {
			given[folded] = &sum{share: object}
		}
		given[folded].add(grant)
	}
	everywhere := given[everyShare]
	names := make([]string, 0, len(given))
	for folded, on := range given {
		if everywhere != nil {
			on.include(everywhere)
		}
		if on.hasSelect() {
			names = append(names, folded)
		}
	}
	slices.Sort(names)
	for i, folded := range names {
		names[i] = given[folded].share
	}
	return names, nil
}

// hasSelect tells whether grants give SELECT on a share, whose name is folded: those
// on it and those on all shares add up.
func hasSelect(grants []string, share string) bool {
	var given sum
	for _, grant := range grants {
		if object := delta.ObjectOf(grant); object == everyShare || tokenstore.FoldName(object) == share {
			given.add(grant)
		}
	}
	return given.hasSelect()
}

// sum is what grants on one share, or on all, give together.
type sum struct {
	share      string          // as the first of the grants writes it
	selects    bool            // a grant names no privileges, and gives SELECT
	privileges map[string]bool // that grants name
}

func (s *sum) add(grant string) {
	_, names, named := strings.Cut(grant, " ")
	if !named {
		s.selects = true
		return
	}
	if s.privileges == nil {
		s.privileges = make(map[string]bool)
	}
	for name := range strings.SplitSeq(names, ",") {
		s.privileges[name] = true
	}
}

func (s *sum) include(other *sum) {
	s.selects = s.selects || other.selects
	if s.privileges == nil {
		s.privileges = other.privileges // from here on it is only read
		return
	}
	maps.Copy(s.privileges, other.privileges)
}

func (s *sum) hasSelect() bool {
	names := slices.Collect(maps.Keys(s.privileges))
	return s.selects || len(names) > 0 && delta.IncludesSelect(everyShare+" "+strings.Join(names, ","))
}

func sameObject(a, b string) bool { return tokenstore.FoldName(a) == tokenstore.FoldName(b) }

// shareOf is the share of the call's path.
func (c *call) shareOf() (string, error) {
	share := c.values["share"]
	if share == everyShare || strings.ContainsAny(share, "/ ") || delta.CheckGrant(share) != nil {
		return "", invalid("%q is not the name of a share.", share)
	}
	return share, nil
}

func (a *API) sharePermissions(c *call) (any, error) {
	p, err := c.pageOf()
	if err != nil {
		return nil, err
	}
	share, err := c.shareOf()
	if err != nil {
		return nil, err
	}
	return a.grantees(c.ctx(), c, share, p)
}

// granteesRead is how many recipients are held at a time to look for grantees: each
// may have thousands of grants.
const granteesRead = 100

// grantees are the recipients that have SELECT on a share. A share is whatever a
// grant names, so one that nobody was granted has none.
func (a *API) grantees(ctx context.Context, c *call, share string, p page) (sharePermissions, error) {
	answer, folded := sharePermissions{Assignments: []assignment{}}, tokenstore.FoldName(share)
	for after := p.after; ; {
		recipients, next, err := c.store.Recipients(ctx, c.Identity.Realm, after, granteesRead)
		if err != nil {
			return answer, err
		}
		for _, recipient := range recipients {
			if err := ctx.Err(); err != nil {
				return answer, err
			}
			if !hasSelect(recipient.Grants, folded) {
				continue
			}
			if p.limit > 0 && len(answer.Assignments) == p.limit {
				answer.Next = c.next(answer.Assignments[p.limit-1].Principal)
				return answer, nil
			}
			answer.Assignments = append(answer.Assignments, selectFor(recipient))
		}
		if after = next; after == "" {
			return answer, nil
		}
	}
}

// change is what is to become of one recipient's access to the share.
type change struct {
	principal   string
	add, remove bool
	recipient   tokenstore.Recipient
}

func (a *API) updatePermissions(c *call) (any, error) {
	share, err := c.shareOf()
	if err != nil {
		return nil, err
	}
	changes, err := c.permissionChanges()
	if err != nil {
		return nil, err
	}
	// All are looked at before any is made. The store changes one recipient at a time.
	seen := make(map[string]bool)
	for i := range changes {
		ch := &changes[i]
		ch.recipient, err = c.store.Recipient(c.ctx(), c.Identity.Realm, ch.principal)
		if errors.Is(err, tokenstore.ErrNotFound) {
			return nil, noRecipient(ch.principal)
		}
		if err != nil {
			return nil, err
		}
		if seen[ch.recipient.ID] {
			return nil, invalid("Recipient %s stands in two changes.", ch.recipient.Name)
		}
		seen[ch.recipient.ID] = true
		if _, _, err := ch.apply(ch.recipient, share); err != nil {
			return nil, err
		}
	}
	for i, ch := range changes {
		if err := a.makeChange(c, ch, share); err != nil {
			return nil, partly(err, c, changes, i)
		}
	}
	// Left out on request, since the list of all grantees can be long.
	if omit := c.body.raw("omit_permissions_list"); string(omit) == "true" {
		return sharePermissions{Assignments: []assignment{}}, nil
	}
	ctx := c.Request.Context()
	answer, err := a.grantees(ctx, c, share, page{})
	if err != nil && ctx.Err() != nil {
		return answer, nil // what was asked for is done; who asked has left and wants no list
	}
	return answer, err
}

// permissionChanges reads what is to be changed.
func (c *call) permissionChanges() ([]change, error) {
	items, err := c.body.objects("changes")
	if err != nil {
		return nil, err
	}
	if len(items) > maxChanges {
		return nil, invalid("One call makes at most %d changes.", maxChanges)
	}
	changes := make([]change, len(items))
	for i, item := range items {
		principal, err := item.text("principal", maxName)
		if err != nil {
			return nil, err
		}
		if principal == nil || *principal == "" {
			return nil, invalid("%sprincipal is missing: the name of a recipient.", item.at)
		}
		changes[i].principal = *principal
		for field, wanted := range map[string]*bool{"add": &changes[i].add, "remove": &changes[i].remove} {
			privileges, err := item.texts(field)
			if err != nil {
				return nil, err
			}
			for _, privilege := range privileges {
				if privilege != privilegeSelect {
					return nil, invalid("%s%s: %q cannot be granted to a recipient; the privilege is %s.", item.at, field, privilege, privilegeSelect)
				}
				*wanted = true
			}
		}
		if changes[i].add && changes[i].remove {
			return nil, invalid("%sadd and %sremove name the same privilege.", item.at, item.at)
		}
	}
	return changes, nil
}

// apply returns the grants of a recipient after the change, and what it did, for the
// audit; empty if there is nothing to do.
func (ch change) apply(recipient tokenstore.Recipient, share string) (grants []string, detail string, err error) {
	switch {
	case ch.add:
		// Its own: that of all shares may be taken away.
		if slices.ContainsFunc(recipient.Grants, func(grant string) bool {
			return sameObject(delta.ObjectOf(grant), share) && delta.IncludesSelect(grant)
		}) {
			return recipient.Grants, "", nil
		}
		return append(slices.Clone(recipient.Grants), share), "granted " + share, nil
	case ch.remove:
		var removed []string
		for _, grant := range recipient.Grants {
			object := delta.ObjectOf(grant)
			if object == everyShare {
				return nil, "", conflict("Recipient %s has a grant of all shares (%s) and would go on reaching %s. Nothing was changed. "+
					"Take that grant away first, with `caddy gatehouse recipient update %s --ungrant '%s'`.", recipient.Name, grant, share, recipient.Name, grant)
			}
			if within(object, share) {
				removed = append(removed, grant)
			} else {
				grants = append(grants, grant)
			}
		}
		if len(removed) > 0 {
			detail = "ungranted " + strings.Join(removed, ", ")
		}
		return grants, detail, nil
	}
	return recipient.Grants, "", nil
}

// within tells whether an object is the share or lies in it.
func within(object, share string) bool {
	name, _, _ := strings.Cut(object, "/")
	return sameObject(name, share)
}

// errNothing says that a change has nothing to do.
var errNothing = errors.New("nothing to change")

func (a *API) makeChange(c *call, ch change, share string) error {
	_, err := c.store.ChangeRecipient(c.ctx(), c.Identity.Realm, ch.recipient.ID, c.actor(), "updateSharePermissions",
		func(recipient *tokenstore.Recipient) (string, error) {
			grants, detail, err := ch.apply(*recipient, share)
			if err == nil && detail == "" {
				err = errNothing
			}
			if err != nil {
				return "", err
			}
			recipient.Grants, err = delta.CheckGrants(grants)
			return detail, err
		})
	if errors.Is(err, errNothing) {
		return nil
	}
	return err
}

// partly is the fault of a change that failed after all had looked good. It says
// what was done before.
func partly(err error, c *call, changes []change, failed int) error {
	if errors.Is(err, tokenstore.ErrNotFound) {
		err = noRecipient(changes[failed].principal)
	}
	if failed == 0 {
		return err
	}
	f := *faultOf(err, c)
	names := make([]string, failed)
	for i, ch := range changes[:failed] {
		names[i] = ch.recipient.Name
	}
	f.Public = fmt.Sprintf("%s The changes of %s were made; that of %s and those behind it were not, or it is not known.",
		f.Public, strings.Join(names, ", "), changes[failed].recipient.Name)
	return &f
}
