package caddymodule

import (
	"fmt"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"
)

func tokenCommand(c *client) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Tokens that were issued, by their public id: list, show, revoke",
	}
	group(cmd)
	one := func(use, short, method, action string) *cobra.Command {
		return &cobra.Command{
			Use: use, Short: short,
			Args: func(cmd *cobra.Command, args []string) error {
				if len(args) != 1 {
					return fmt.Errorf("which token? %s ID; token list has the ids", cmd.CommandPath())
				}
				return nil
			},
			RunE: func(cmd *cobra.Command, args []string) error {
				var view tokenView
				if err := c.call(method, "/gatehouse/tokens/"+url.PathEscape(args[0])+action, nil, &view); err != nil {
					return err
				}
				return c.print(cmd, view, view.writeTo)
			},
		}
	}
	list := &cobra.Command{
		Use: "list", Short: "List tokens of all schemes and realms", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			all := []tokenView{}
			for after := ""; ; {
				var page struct {
					Tokens []tokenView `json:"tokens"`
					Next   string      `json:"next"`
				}
				if err := c.call(http.MethodGet, "/gatehouse/tokens?after="+url.QueryEscape(after), nil, &page); err != nil {
					return err
				}
				all = append(all, page.Tokens...)
				if after = page.Next; after == "" {
					break
				}
			}
			return c.print(cmd, all, tokenTable(all))
		},
	}
	var realm string
	revokeAll := &cobra.Command{
		Use: "revoke-all", Short: "End every token and pending link of a realm at once", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var answer notice
			if err := c.call(http.MethodPost, "/gatehouse/realms/"+url.PathEscape(realm)+"/revoke-all", nil, &answer); err != nil {
				return err
			}
			return c.print(cmd, answer, answer.writeTo)
		},
	}
	revokeAll.Flags().StringVar(&realm, "realm", "", "The realm")
	_ = revokeAll.MarkFlagRequired("realm")
	cmd.AddCommand(
		list,
		one("show ID", "Show a token", http.MethodGet, ""),
		one("revoke ID", "End one token at once", http.MethodPost, "/revoke"),
		revokeAll,
	)
	return cmd
}
