package caddymodule

import (
	"context"
	"encoding/json"
	"slices"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/logging"
	"go.uber.org/zap"
)

// redacting holds, for each configuration, the logs that have the redacting filter, and
// whether they keep the headers of signInHeaders out too. Caddy provisions logging
// before apps.
//
// A configuration is known by the channel that closes when it ends: its context is
// not the same everywhere. Caddy's http app adds values to it, and passes that on to
// this app whenever it comes first, which is a matter of chance.
var redacting = struct {
	sync.Mutex
	logs map[<-chan struct{}]map[*logging.FilterEncoder]bool
}{logs: make(map[<-chan struct{}]map[*logging.FilterEncoder]bool)}

// noteRedaction notes the log whose encoder a filter is provisioned for.
func noteRedaction(ctx caddy.Context) {
	config := ctx.Done()
	redacting.Lock()
	defer redacting.Unlock()
	if redacting.logs[config] == nil {
		redacting.logs[config] = make(map[*logging.FilterEncoder]bool)
		context.AfterFunc(ctx.Context, func() {
			redacting.Lock()
			defer redacting.Unlock()
			delete(redacting.logs, config)
		})
	}
	for _, module := range ctx.Modules() {
		if encoder, ok := module.(*logging.FilterEncoder); ok {
			redacting.logs[config][encoder] = hidesSignIns(encoder)
		}
	}
}

// signInHeaders are the headers of a request in which passwords and tokens stand that
// nobody can tell by their shape, or that Caddy does not know.
var signInHeaders = []string{"Username", "Password", "X-Auth-Token"}

// hidesSignIns tells whether a log does something about these headers. Its encoder still
// has its fields as they are configured while their filters are provisioned.
func hidesSignIns(encoder *logging.FilterEncoder) bool {
	var all struct {
		Filter string `json:"filter"`
	}
	if json.Unmarshal(encoder.FieldsRaw["request>headers"], &all) == nil && all.Filter == "delete" {
		return true
	}
	return !slices.ContainsFunc(signInHeaders, func(name string) bool {
		_, filtered := encoder.FieldsRaw["request>headers>"+name]
		return !filtered
	})
}

// warnOfAccessLogs says so if servers that have a gate write access logs, and fewer
// logs redact than there are: theirs, and the default one, which gets their errors.
// Caddy does not tell an app which log is encoded how, so they are counted. A
// handler cannot keep secrets out of a log: Caddy takes what it logs before any
// handler runs.
func warnOfAccessLogs(ctx caddy.Context, logger *zap.Logger) {
	app, err := ctx.AppIfConfigured("http")
	if err != nil {
		return
	}
	names, signIns := make(map[string]bool), false
	for _, server := range app.(*caddyhttp.App).Servers {
		if server.Logs == nil || !hasGate(server.Routes) {
			continue
		}
		signIns = signIns || hasSignIns(server.Routes)
		names[server.Logs.DefaultLoggerName] = true
		for _, loggers := range server.Logs.LoggerNames {
			for _, name := range loggers {
				names[name] = true
			}
		}
	}
	if len(names) == 0 {
		return
	}
	names[""] = true // the default log
	have := redactingLogs(ctx)
	if have < len(names) {
		logger.Warn("access logs are on for a site with a gate, and not every log keeps tokens out; "+
			"give each site's log and the default log `format filter` with the filter gatehouse_redact on request>uri, as Caddyfile.example does",
			zap.Int("logs", len(names)), zap.Int("redacting", have))
	}
	if have := logsWithoutSignIns(ctx); signIns && have < len(names) {
		logger.Warn("access logs are on for a site where owners sign in, and not every log keeps their passwords out; "+
			"let the filter of each site's log and of the default log delete the headers Username, Password and X-Auth-Token of the request, as Caddyfile.example does",
			zap.Int("logs", len(names)), zap.Int("without_passwords", have))
	}
}

// logsWithoutSignIns is how many of redactingLogs keep the headers of sign-ins out.
func logsWithoutSignIns(ctx caddy.Context) int {
	redacting.Lock()
	defer redacting.Unlock()
	n := 0
	for _, hides := range redacting.logs[ctx.Done()] {
		if hides {
			n++
		}
	}
	return n
}

// redactingLogs is how many logs of a configuration have the redacting filter.
func redactingLogs(ctx caddy.Context) int {
	redacting.Lock()
	defer redacting.Unlock()
	return len(redacting.logs[ctx.Done()])
}
