// Package openapi holds the description of every endpoint that Gatehouse serves
// itself, as OpenAPI 3.1: openapi.yaml.
//
// Its one invariant: what is described is served, and what is served is described. A
// test of caddymodule, which knows all routes, holds both.
//
// It may be imported by caddymodule. It imports nothing of ours.
package openapi
