package caddymodule

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gatehouse-auth/gatehouse/schemes/delta"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

func (r *recipients) rotateCommand() *cobra.Command {
	var (
		oldExpiresIn, linksOut string
		all                    bool
	)
	cmd := &cobra.Command{
		Use:   "rotate NAME --old-expires-in DURATION",
		Short: "Make a new activation link, and let the tokens in use end",
		Long: `
Makes a new activation link, and prints it. The token in use goes on for at most
the given time; 0s ends it at once. A link that was never used is replaced.

With --all it rotates every recipient of the realm that holds a token, and writes
their links to the CSV file --links-out (name, activation_link, expires_at), which only
its owner can read. It can be stopped, and run again with the same file: whose link is
in the file is passed over, and a link that waits is written and not replaced. Take a
new file for the next campaign. Where a link waits already, old tokens keep their end: if
that is later than what is asked, the recipient is named, and the exit status is 1.

Who holds an imported token that opens every share, or is the server's own, is passed by
and named: several may share it, and it would end for all of them. Rotate such a recipient
by name.`,
		Example: `  caddy gatehouse recipient rotate acme --old-expires-in 24h
  caddy gatehouse recipient rotate --all --old-expires-in 30d --links-out links.csv`,
		Args: func(cmd *cobra.Command, args []string) error {
			switch {
			case all && len(args) > 0:
				return errors.New("write a NAME or --all, not both")
			case all && linksOut == "":
				return errors.New("--all needs --links-out FILE")
			case all:
				return nil
			case linksOut != "":
				return errors.New("--links-out goes with --all")
			default:
				return oneName("recipient")(cmd, args)
			}
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := lifetime("old-expires-in", oldExpiresIn)
			if err != nil {
				return err
			}
			if all {
				return r.rotateAll(cmd, d, linksOut)
			}
			return r.one(cmd, http.MethodPost, r.path(args[0], "/rotate"), map[string]any{"old_expires_in": d.String()})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&oldExpiresIn, "old-expires-in", "", "How long the tokens in use go on at most, such as 24h or 0s")
	flags.BoolVar(&all, "all", false, "Every recipient of the realm that holds a token, but no imported one")
	flags.StringVar(&linksOut, "links-out", "", "With --all: the file to write the links to")
	_ = cmd.MarkFlagRequired("old-expires-in")
	return cmd
}

// campaign is what became of the recipients of one rotation of all.
type campaign struct {
	Rotated   []string         `json:"rotated"`
	Waiting   []string         `json:"waiting"`   // their link waited already, and was written
	InFile    int              `json:"in_file"`   // their link is in the file from before
	PassedBy  []campaignReason `json:"passed_by"` // there is nothing to rotate, or not in a campaign
	Failed    []campaignReason `json:"failed"`
	Outliving []campaignReason `json:"outliving"` // an old token ends later than was asked
	LinksFile string           `json:"links_file"`
}

type campaignReason struct {
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

func (r *recipients) rotateAll(cmd *cobra.Command, oldExpiresIn time.Duration, path string) (err error) {
	links, err := openLinkFile(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, links.Close()) }()
	all, err := r.list(url.Values{})
	if err != nil {
		return err
	}
	c := campaign{Rotated: []string{}, Waiting: []string{}, PassedBy: []campaignReason{}, Failed: []campaignReason{}, Outliving: []campaignReason{}, LinksFile: path}
	for _, recipient := range all {
		if links.holds(recipient.Name) {
			c.InFile++
			c.noteOutliving(recipient, oldExpiresIn)
			continue
		}
		if err := r.rotateOne(&c, recipient.ID, recipient.Name, oldExpiresIn, links); err != nil {
			return fmt.Errorf("%w\nstopped at recipient %s; run the command again with the same file to go on", err, recipient.Name)
		}
	}
	if err := r.print(cmd, c, c.writeTo); err != nil {
		return err
	}
	if len(c.Failed) > 0 {
		err = fmt.Errorf("%d of %d recipients could not be rotated", len(c.Failed), len(all))
	}
	if len(c.Outliving) > 0 {
		err = errors.Join(err, fmt.Errorf("old tokens of %d of %d recipients go on for longer than %s", len(c.Outliving), len(all), days(oldExpiresIn)))
	}
	return err
}

// rotateOne gets one recipient's link into the file. Its error ends the campaign; what
// concerns the recipient alone is noted.
func (r *recipients) rotateOne(c *campaign, id, name string, oldExpiresIn time.Duration, links *linkFile) error {
	// Looked at again, by id: since it was listed, much may have happened.
	var view recipientView
	err := r.call(http.MethodGet, r.path(id, ""), nil, &view)
	if err == nil {
		name = view.Name
		if reason := view.nothingToRotate(); reason != "" {
			c.PassedBy = append(c.PassedBy, campaignReason{name, reason})
			return nil
		}
		noted, action, body := &c.Rotated, "/rotate", map[string]any{"old_expires_in": oldExpiresIn.String()}
		if view.linkWaits() {
			noted, action, body = &c.Waiting, "/link", nil
			c.noteOutliving(view, oldExpiresIn)
		}
		if err = r.call(http.MethodPost, r.path(id, action), body, &view); err == nil {
			*noted = append(*noted, name)
		}
	}
	switch {
	case isRefusal(err):
		c.Failed = append(c.Failed, campaignReason{name, err.Error()})
		return nil
	case err != nil:
		return err
	}
	expires := ""
	if view.LinkExpiresAt != nil {
		expires = view.LinkExpiresAt.UTC().Format(time.RFC3339)
	}
	return links.add(name, view.ActivationLink, expires)
}

// noteOutliving names a recipient of whom an old token goes on for longer than asked:
// one that was rotated before, and is not again.
func (c *campaign) noteOutliving(view recipientView, oldExpiresIn time.Duration) {
	asked, waits := time.Now().Add(oldExpiresIn), view.linkWaits()
	for _, t := range view.Tokens {
		// Beside a link that waits every token is an old one.
		old := t.Status == string(tokenstore.Rotated) || waits && t.Status != "pending"
		if !old || t.ExpiresAt != nil && !t.ExpiresAt.After(asked) {
			continue
		}
		reason := "its old token never ends"
		if t.ExpiresAt != nil {
			reason = "its old token goes on until " + when(*t.ExpiresAt) + " UTC"
		}
		if waits {
			reason = "a link waits already; " + reason
		}
		c.Outliving = append(c.Outliving, campaignReason{view.Name, reason + "; rotate it by name to end it sooner"})
		return
	}
}

// linkWaits tells whether a link of the recipient waits to be used.
func (v recipientView) linkWaits() bool {
	return slices.ContainsFunc(v.Tokens, func(t credentialView) bool { return t.Status == "pending" })
}

// nothingToRotate says why a campaign passes a recipient by; empty if it does not. One
// that holds nothing was revoked, or let its token end: a new link would let it in
// again unasked.
func (v recipientView) nothingToRotate() string {
	switch {
	case v.Disabled:
		return "it is disabled"
	case v.Auth == authFederation:
		return "its own identity provider vouches for it"
	case v.NotAfter != nil && len(v.Tokens) == 0:
		return "it has ended"
	case len(v.Tokens) == 0:
		return "it holds no token; recipient link makes it a link"
	case v.sharesToken():
		return "it holds an imported token that several may share; rotate it by name"
	default:
		return ""
	}
}

// sharesToken tells whether the recipient stands for many: it holds an imported token
// that opens everything, or that is the server's own. They would all lose it before the
// end that it was given.
func (v recipientView) sharesToken() bool {
	imported := slices.ContainsFunc(v.Tokens, func(t credentialView) bool { return t.Imported })
	return imported && (v.Warning != "" || slices.ContainsFunc(v.Grants, func(grant string) bool { return delta.ObjectOf(grant) == "*" }))
}

// maxNamed is how many recipients a summary names of whom nothing needs to be done.
const maxNamed = 20

// writeTo writes a summary for people.
func (c campaign) writeTo(out io.Writer) {
	for _, list := range []struct {
		what  string
		names []string
	}{{"rotated", c.Rotated}, {"link waited already", c.Waiting}} {
		if len(list.names) > 0 && len(list.names) <= maxNamed {
			_, _ = fmt.Fprintf(out, "%s: %s\n", list.what, strings.Join(list.names, ", "))
		}
	}
	for _, one := range c.Outliving {
		_, _ = fmt.Fprintf(out, "%s: %s\n", one.Name, one.Reason)
	}
	for _, list := range []struct {
		what    string
		reasons []campaignReason
	}{{"passed by", c.PassedBy}, {"failed", c.Failed}} {
		for _, one := range list.reasons {
			_, _ = fmt.Fprintf(out, "%s: %s: %s\n", list.what, one.Name, one.Reason)
		}
	}
	_, _ = fmt.Fprintf(out, "rotated %d, link waited already %d, in the file from before %d, passed by %d, failed %d\nlinks are in %s\n",
		len(c.Rotated), len(c.Waiting), c.InFile, len(c.PassedBy), len(c.Failed), c.LinksFile)
}
