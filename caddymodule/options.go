package caddymodule

import (
	"math"
	"slices"
	"strconv"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/dustin/go-humanize"
)

// options reads the options of one block, each at most once.
type options struct {
	tokens *caddyfile.Dispenser
	seen   map[string]bool
}

func newOptions(tokens *caddyfile.Dispenser) *options {
	return &options{tokens, make(map[string]bool)}
}

// text takes the one argument of the option at hand.
func (o *options) text(value *string) error {
	name := o.tokens.Val()
	if o.seen[name] {
		return o.tokens.Errf("option %s is given twice", name)
	}
	o.seen[name] = true
	if !o.tokens.NextArg() || o.tokens.Val() == "" {
		return o.tokens.Errf("option %s needs a value", name)
	}
	*value = o.tokens.Val()
	if o.tokens.NextArg() {
		return o.tokens.Errf("option %s takes one value", name)
	}
	return nil
}

// texts takes one or more arguments.
func (o *options) texts(values *[]string) error {
	name := o.tokens.Val()
	if o.seen[name] {
		return o.tokens.Errf("option %s is given twice; write all its values on one line", name)
	}
	o.seen[name] = true
	arguments := o.tokens.RemainingArgs()
	if len(arguments) == 0 || slices.Contains(arguments, "") {
		return o.tokens.Errf("option %s needs a value", name)
	}
	*values = arguments
	return nil
}

// flag is an option without an argument.
func (o *options) flag(value *bool) error {
	name := o.tokens.Val()
	if o.seen[name] {
		return o.tokens.Errf("option %s is given twice", name)
	}
	o.seen[name] = true
	if o.tokens.NextArg() {
		return o.tokens.Errf("option %s takes no value", name)
	}
	*value = true
	return nil
}

func (o *options) duration(value *caddy.Duration) error {
	name := o.tokens.Val()
	var text string
	if err := o.text(&text); err != nil {
		return err
	}
	d, err := caddy.ParseDuration(text)
	if err != nil || d <= 0 {
		return o.tokens.Errf("option %s: %q is not a duration such as 72h or 90d", name, text)
	}
	*value = caddy.Duration(d)
	return nil
}

func (o *options) number(value *int) error {
	name := o.tokens.Val()
	var text string
	if err := o.text(&text); err != nil {
		return err
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return o.tokens.Errf("option %s: %q is not a whole number above zero", name, text)
	}
	*value = n
	return nil
}

// size takes a number of bytes, such as 4MiB.
func (o *options) size(value *int64) error {
	name := o.tokens.Val()
	var text string
	if err := o.text(&text); err != nil {
		return err
	}
	n, err := humanize.ParseBytes(text)
	if err != nil || n < 1 || n > math.MaxInt64 {
		return o.tokens.Errf("option %s: %q is not a size such as 4MiB", name, text)
	}
	*value = int64(n)
	return nil
}

// limits takes up to as many numbers as there are values, or the word off.
func (o *options) limits(values ...*int) error {
	name := o.tokens.Val()
	if o.seen[name] {
		return o.tokens.Errf("option %s is given twice", name)
	}
	o.seen[name] = true
	arguments := o.tokens.RemainingArgs()
	switch {
	case len(arguments) == 0:
		return o.tokens.Errf("option %s needs a value", name)
	case len(arguments) > len(values):
		return o.tokens.Errf("option %s takes %d at most", name, len(values))
	case len(arguments) == 1 && arguments[0] == "off":
		*values[0] = noLimit
		return nil
	}
	for i, argument := range arguments {
		n, err := strconv.Atoi(argument)
		if err != nil || n < 1 {
			return o.tokens.Errf("option %s: %q is neither a whole number above zero nor off", name, argument)
		}
		*values[i] = n
	}
	return nil
}
