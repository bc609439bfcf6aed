// Package caddymodule makes Gatehouse a part of Caddy: the app that holds the
// store, the gate that every request of a site passes, the Caddyfile, the admin
// API, the commands, logs and metrics.
//
// Its one invariant: the gate never starts open. What is misconfigured fails to
// load, what cannot be checked is refused, and a site without a decision has no
// way past the gate.
//
// A request's way is passage.go, step by step. The other files:
//
//	app.go, storepool.go, badger.go   the app, and the store that outlives reloads
//	gate.go, gatechain.go             the handler and its life, and that it stands alone
//	body.go                           the request's body, and who is still allowed at its end
//	answer.go, recorder.go            the answer: streamed, or read and rewritten
//	delta.go, issuerpool.go           the delta scheme as configuration, and its issuer
//	pda.go, tlspermission.go          the pda scheme as configuration, and which hosts get certificates
//	dx.go                             the dx scheme as configuration
//	rules.go, rulesoption.go, shorthands.go
//	                                  rules as configuration, and what the Caddyfile does to them
//	explain*.go, explanation*.go, commandexplain.go
//	                                  what would happen to a request, and why
//	shadow.go                         what would be refused goes on as it came
//	caddyfile.go, options.go          directive and global option
//	compose.go, firstline.go          answers of several reads, and the first line of one
//	admin.go                          what operators do, as HTTP on Caddy's admin endpoint:
//	adminrecipients.go, adminfederation.go, adminimport.go, adminusage.go
//	                                  of recipients
//	adminaccounts.go, adminapplications.go, accountview.go
//	                                  of accounts and applications
//	adminusers.go                     of users whose tokens another issuer makes
//	admintokens.go, adminadmins.go    of tokens, the audit, and admin tokens
//	recipientview.go, recipientlist.go, standing.go
//	                                  a recipient as it is shown, which a list shows, and how it stands
//	adminsite*.go                     administration as Databricks' clients speak it
//	command.go, commandargs.go        the same as commands, and what they take:
//	commandrecipient.go, commandcreate.go, commandupdate.go, commandsettings.go,
//	commandlist.go, commandrotate.go, commandusage.go, commandfederation.go, commandimport.go
//	                                  of recipients
//	commandaccount.go, commandaccountcreate.go, commandpassword.go, commandapplication.go
//	                                  of accounts and applications
//	commanduser.go                    of users whose tokens another issuer makes
//	commandtoken.go, commandadmin.go  of tokens, and admin tokens
//	commandrules.go, commandrulescheck.go
//	                                  of rules, which need no server
//	commandtable.go, recipienttable.go, accounttable.go
//	                                  what they print
//	linkfile*.go                      the file of links that rotate --all writes
//	audit.go, metrics.go, survey.go, redact.go, accesslog.go, processlog.go
//	                                  what is told of a decision and of recipients, and what is not
//
// It is the only package that imports Caddy. Only the module's root may import
// it, for its registrations.
package caddymodule
