package caddymodule

import (
	"context"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
)

// redacting holds the configurations, by their context, that have a redacting
// log filter. Caddy provisions logging before apps.
var redacting sync.Map // context.Context -> struct{}

func noteRedaction(ctx caddy.Context) {
	base := ctx.Context
	redacting.Store(base, struct{}{})
	context.AfterFunc(base, func() { redacting.Delete(base) })
}

// warnOfAccessLogs says so if a server of the configuration that has a gate
// writes access logs and nothing redacts them. A handler cannot keep secrets out
// of them: Caddy takes what it logs before any handler runs.
func warnOfAccessLogs(ctx caddy.Context, logger *zap.Logger) {
	if _, ok := redacting.Load(ctx.Context); ok {
		return
	}
	app, err := ctx.AppIfConfigured("http")
	if err != nil {
		return
	}
	for name, server := range app.(*caddyhttp.App).Servers {
		if server.Logs != nil && hasGate(server.Routes) {
			logger.Warn("access logs are on for a site with a gate, and no filter keeps tokens out of them; "+
				"use `format filter` with the filter gatehouse_redact on request>uri, as Caddyfile.example does",
				zap.String("server", name))
		}
	}
}
