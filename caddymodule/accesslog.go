package caddymodule

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/logging"
	"go.uber.org/zap"
)

// redacting holds, for each configuration, the logs that have the redacting filter, and
// the fields that they hide. Caddy provisions logging before apps.
//
// A configuration is known by the channel that closes when it ends: its context is
// not the same everywhere. Caddy's http app adds values to it, and passes that on to
// this app whenever it comes first, which is a matter of chance.
var redacting = struct {
	sync.Mutex
	logs map[<-chan struct{}]map[*logging.FilterEncoder]hiddenFields
}{logs: make(map[<-chan struct{}]map[*logging.FilterEncoder]hiddenFields)}

// noteRedaction notes the log whose encoder a filter is provisioned for.
func noteRedaction(ctx caddy.Context) {
	config := ctx.Done()
	redacting.Lock()
	defer redacting.Unlock()
	if redacting.logs[config] == nil {
		redacting.logs[config] = make(map[*logging.FilterEncoder]hiddenFields)
		context.AfterFunc(ctx.Context, func() {
			redacting.Lock()
			defer redacting.Unlock()
			delete(redacting.logs, config)
		})
	}
	for _, module := range ctx.Modules() {
		if encoder, ok := module.(*logging.FilterEncoder); ok {
			redacting.logs[config][encoder] = hiddenBy(encoder)
		}
	}
}

// shownSecrets are the fields of log entries, as filters name them, in which a contract's
// passwords and tokens stand in headers that Caddy does not know. It hides only
// Authorization, Proxy-Authorization and cookies itself.
type shownSecrets struct {
	// logged are all of them.
	logged []string
	// proxied are those that are in what goes on to the server behind. reverse_proxy writes
	// them to the default log when an answer breaks off, access logs or not.
	proxied []string
}

// secretShower is a SchemeModule whose contract has such headers.
type secretShower interface {
	shownSecrets() shownSecrets
}

// showsSecrets is what logs show of the site's secrets, if nothing is done about it.
func (g *Gate) showsSecrets(module SchemeModule) shownSecrets {
	shower, ok := module.(secretShower)
	if !ok {
		return shownSecrets{}
	}
	shown := shower.shownSecrets()
	if g.Shadow {
		shown.proxied = shown.logged // requests go on as they came
	}
	return shown
}

// hiddenFields are the fields, or objects of fields, that a log leaves out.
type hiddenFields []string

// hiddenBy returns what a log leaves out. Its encoder still has its fields as they are
// configured while their filters are provisioned.
func hiddenBy(encoder *logging.FilterEncoder) hiddenFields {
	var hidden hiddenFields
	for field, raw := range encoder.FieldsRaw {
		var how struct {
			Filter string `json:"filter"`
		}
		if json.Unmarshal(raw, &how) == nil && (how.Filter == "delete" || how.Filter == "replace") {
			hidden = append(hidden, field)
		}
	}
	return hidden
}

func (h hiddenFields) has(field string) bool {
	return slices.ContainsFunc(h, func(hidden string) bool {
		return field == hidden || strings.HasPrefix(field, hidden+">")
	})
}

// warnOfLogs says so if logs would show secrets: if servers that have a gate write access
// logs, and fewer logs redact than there are; and if fewer hide the headers of a contract
// than get them. Caddy does not tell an app which log is encoded how, so they are
// counted. A handler cannot keep secrets out of a log: Caddy takes what it logs before
// any handler runs, and reverse_proxy logs what it sends.
func warnOfLogs(ctx caddy.Context, logger *zap.Logger) {
	app, err := ctx.AppIfConfigured("http")
	if err != nil {
		return
	}
	redact, hide := make(logNames), make(map[string]logNames) // what must be done, in which logs
	for _, server := range app.(*caddyhttp.App).Servers {
		if !hasGate(server.Routes) {
			continue
		}
		logs := accessLogsOf(server)
		maps.Copy(redact, logs)
		for _, gate := range gatesIn(server.Routes) {
			for _, field := range gate.shown.logged {
				hide[field] = hide[field].and(logs)
			}
			for _, field := range gate.shown.proxied {
				hide[field] = hide[field].and(logNames{defaultLog: true})
			}
		}
	}
	if have := logsThat(ctx, func(hiddenFields) bool { return true }); have < len(redact) {
		logger.Warn("access logs are on for a site with a gate, and not every log keeps tokens out; "+
			"give each site's log and the default log `format filter` with the filter gatehouse_redact on request>uri, as Caddyfile.example does",
			zap.Int("logs", len(redact)), zap.Int("redacting", have))
	}
	var shown []string
	for field, logs := range hide {
		if logsThat(ctx, func(hidden hiddenFields) bool { return hidden.has(field) }) < len(logs) {
			shown = append(shown, field)
		}
	}
	if len(shown) > 0 {
		slices.Sort(shown)
		logger.Warn("not every log keeps passwords and tokens out that stand in headers unknown to Caddy; "+
			"give each site's log and the default log, to which reverse_proxy writes even where access logs are off, "+
			"`format filter` with gatehouse_redact on request>uri and the filter delete on these fields, as Caddyfile.example does",
			zap.Strings("fields", shown))
	}
}

// logNames is a set of logs.
type logNames map[string]bool

// defaultLog is the name of the default log.
const defaultLog = ""

// and adds other logs.
func (l logNames) and(others logNames) logNames {
	if l == nil {
		l = make(logNames)
	}
	maps.Copy(l, others)
	return l
}

// accessLogsOf are the logs to which a server writes of its requests if access logs are
// on: theirs, and the default one, which gets their errors.
func accessLogsOf(server *caddyhttp.Server) logNames {
	if server.Logs == nil {
		return nil
	}
	logs := logNames{defaultLog: true, server.Logs.DefaultLoggerName: true}
	for _, loggers := range server.Logs.LoggerNames {
		for _, name := range loggers {
			logs[name] = true
		}
	}
	return logs
}

// logsThat is how many of the logs of a configuration that have the redacting filter hide
// what they are asked for.
func logsThat(ctx caddy.Context, hide func(hiddenFields) bool) int {
	redacting.Lock()
	defer redacting.Unlock()
	n := 0
	for _, hidden := range redacting.logs[ctx.Done()] {
		if hide(hidden) {
			n++
		}
	}
	return n
}
