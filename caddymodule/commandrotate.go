package caddymodule

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/spf13/cobra"
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
new file for the next campaign.`,
		Example: `  caddy gatehouse recipient rotate acme --old-expires-in 24h
  caddy gatehouse recipient rotate --all --old-expires-in 30d --links-out links.csv`,
		Args: func(cmd *cobra.Command, args []string) error {
			if all {
				return cobra.NoArgs(cmd, args)
			}
			return cobra.ExactArgs(1)(cmd, args)
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
	flags.BoolVar(&all, "all", false, "Every recipient of the realm that holds a token")
	flags.StringVar(&linksOut, "links-out", "", "With --all: the file to write the links to")
	_ = cmd.MarkFlagRequired("old-expires-in")
	cmd.MarkFlagsRequiredTogether("all", "links-out")
	return cmd
}

// campaign is what became of the recipients of one rotation of all.
type campaign struct {
	Rotated   []string         `json:"rotated"`
	Waiting   []string         `json:"waiting"`   // their link waited already, and was written
	InFile    int              `json:"in_file"`   // their link is in the file from before
	PassedBy  []campaignReason `json:"passed_by"` // there is nothing to rotate
	Failed    []campaignReason `json:"failed"`
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
	c := campaign{Rotated: []string{}, Waiting: []string{}, PassedBy: []campaignReason{}, Failed: []campaignReason{}, LinksFile: path}
	for _, recipient := range all {
		if links.holds(recipient.Name) {
			c.InFile++
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
		return fmt.Errorf("%d of %d recipients could not be rotated", len(c.Failed), len(all))
	}
	return nil
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
	default:
		return ""
	}
}

// writeTo writes a summary for people.
func (c campaign) writeTo(out io.Writer) {
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
