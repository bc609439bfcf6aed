package caddymodule

import (
	"fmt"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"
)

func (r *recipients) federationCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "federation",
		Short: "Which identities of a foreign identity provider are a recipient: add, remove",
		Long: `
A recipient made with --auth federation presents the tokens of its own identity
provider. Its federation policies say which: those of an issuer, for an audience, in
which a claim has a value. recipient show lists them.`,
	}
	group(cmd)
	cmd.AddCommand(r.federationAddCommand(), r.federationRemoveCommand())
	return cmd
}

func (r *recipients) federationAddCommand() *cobra.Command {
	var (
		issuer, claim, subject, policy, jwks, comment string
		audiences                                     []string
	)
	cmd := &cobra.Command{
		Use:     "add NAME --issuer URL --audience AUDIENCE --subject VALUE",
		Short:   "Accept the tokens of an identity as a recipient's",
		Example: `  caddy gatehouse recipient federation add acme --issuer https://login.acme.example --audience delta-sharing --subject 0oa1b2c3`,
		Args:    oneName("recipient"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return r.one(cmd, http.MethodPost, r.path(args[0], "/federation"), map[string]any{
				"name": policy, "comment": comment, "issuer": issuer, "jwks": jwks,
				"audiences": audiences, "claim": claim, "subject": subject,
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&issuer, "issuer", "", "The issuer, as its tokens say it in iss")
	flags.StringArrayVar(&audiences, "audience", nil, "The audience that a token must name in aud; with several, one of them")
	flags.StringVar(&claim, "claim", "sub", "The claim that names the identity: sub, oid, azp, appid, client_id or groups")
	flags.StringVar(&subject, "subject", "", "The claim's value, exactly")
	flags.StringVar(&policy, "policy", "", "What to call the policy. Default: its id")
	flags.StringVar(&jwks, "jwks", "", "The address of the issuer's keys. Default: as its discovery document says")
	flags.StringVar(&comment, "comment", "", "A note for operators")
	for _, required := range []string{"issuer", "audience", "subject"} {
		_ = cmd.MarkFlagRequired(required)
	}
	return cmd
}

func (r *recipients) federationRemoveCommand() *cobra.Command {
	return &cobra.Command{
		Use: "remove NAME POLICY", Short: "Refuse the tokens of an identity from now on; POLICY is its name or id",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return fmt.Errorf("which recipient, and which of its policies? %s NAME POLICY", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return r.one(cmd, http.MethodDelete, r.path(args[0], "/federation/"+url.PathEscape(args[1])), nil)
		},
	}
}
