package caddymodule

import (
	"net/http"
	"slices"
	"time"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// clientView is who was seen to use a token.
type clientView struct {
	TokenID   string    `json:"token_id"`
	Status    string    `json:"status"` // of the token: "active" or "rotated"
	Imported  bool      `json:"imported"`
	ClientIP  string    `json:"client_ip"`
	UserAgent string    `json:"user_agent"`
	FirstSeen time.Time `json:"first_seen_at"`
	LastSeen  time.Time `json:"last_seen_at"`
}

// usageView is who uses the old tokens of a recipient, the latest first.
type usageView struct {
	Recipient string       `json:"recipient"`
	OldToken  bool         `json:"has_old_token"`
	Clients   []clientView `json:"clients"`
	// Full says that of one of the tokens as many clients are known as are kept: there
	// may be more.
	Full bool `json:"list_full"`
}

func showUsage(app *App, r *http.Request) (any, error) {
	_, store, realm, err := recipientCall(app, r)
	if err != nil {
		return nil, err
	}
	recipient, live, err := store.Credentials(r.Context(), realm, r.PathValue("name"))
	if err != nil {
		return nil, err
	}
	view := usageView{Recipient: recipient.Name, Clients: []clientView{}}
	for _, c := range live {
		if !isOld(c) {
			continue
		}
		view.OldToken = true
		clients, err := store.Clients(r.Context(), c.Accessor)
		if err != nil {
			return nil, err
		}
		view.Full = view.Full || len(clients) == tokenstore.MaxClients
		for _, client := range clients {
			view.Clients = append(view.Clients, clientView{
				TokenID: c.Accessor, Status: statusOf(c), Imported: c.Token.Imported,
				ClientIP: client.IP, UserAgent: client.UserAgent, FirstSeen: client.First, LastSeen: client.Last,
			})
		}
	}
	slices.SortStableFunc(view.Clients, func(a, b clientView) int { return b.LastSeen.Compare(a.LastSeen) })
	return view, nil
}
