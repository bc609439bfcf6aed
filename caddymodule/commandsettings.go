package caddymodule

import (
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"github.com/gatehouse-auth/gatehouse/caddymodule/tokenlist"
)

// settings are the options of create and update: what an operator says of a recipient.
type settings struct {
	comment, owner, life, until string
	networks                    []string
	rate, burst, concurrent     int
}

func (s *settings) register(flags *pflag.FlagSet) {
	flags.StringVar(&s.comment, "comment", "", "A note for operators")
	flags.StringVar(&s.owner, "owner", "", "Who answers for the recipient, in the operators' own words")
	flags.StringVar(&s.life, "token-lifetime", "", "How long tokens made from now on live, such as 30d; 0s: as the site says")
	flags.StringArrayVar(&s.networks, "ip", nil, "From where it may call: an address or network such as 192.0.2.0/24 or 2001:db8::/32; may be repeated. Default: anywhere")
	flags.IntVar(&s.rate, "rate", 0, "How many calls a second it may make in the long run; 0: as the site says")
	flags.IntVar(&s.burst, "burst", 0, "How many calls it may make at once after a pause; 0: as the site says")
	flags.IntVar(&s.concurrent, "concurrent", 0, "How many of its calls are answered at a time; 0: as the site says")
}

// fill adds to a request what was said on the command line.
func (s *settings) fill(body map[string]any, flags *pflag.FlagSet) error {
	for flag, value := range map[string]any{"comment": s.comment, "owner": s.owner} {
		if flags.Changed(flag) {
			body[flag] = value
		}
	}
	limits := map[string]int{}
	for flag, value := range map[string]int{"rate": s.rate, "burst": s.burst, "concurrent": s.concurrent} {
		if flags.Changed(flag) {
			limits[flag] = value
		}
	}
	if len(limits) > 0 {
		body["limits"] = limits
	}
	if flags.Changed("ip") {
		body["networks"] = s.networks
	}
	if flags.Changed("token-lifetime") {
		d, err := lifetime("token-lifetime", s.life)
		if err != nil {
			return err
		}
		body["token_lifetime"] = d.String()
	}
	if flags.Changed("until") {
		end, err := parseUntil(s.until)
		if err != nil {
			return err
		}
		body["not_after"] = end // nil: never
	}
	return nil
}

// never is the option --until of what has no end.
const never = "never"

// parseUntil reads the option of that name; nil is never.
func parseUntil(text string) (*time.Time, error) {
	if text == never {
		return nil, nil
	}
	at, ok := tokenlist.ParseEnd(text)
	if !ok {
		return nil, fmt.Errorf("--until: %q is neither a day such as 2031-12-31 nor a time such as 2031-12-31T18:00:00Z, nor never", text)
	}
	return &at, nil
}
