package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/gatehouse-auth/gatehouse/tokenstore/badgerstore"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "store:", err)
		os.Exit(1)
	}
}

// settings of all commands; each uses some.
type settings struct {
	directory       string
	tokens, managed uint64
	count, parallel int
	issuer          string
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errors.New("name a command: fill, lookup or commit")
	}
	var s settings
	flags := flag.NewFlagSet(args[0], flag.ExitOnError)
	flags.StringVar(&s.directory, "directory", "", "directory of the store")
	flags.Uint64Var(&s.tokens, "tokens", 100_000, "tokens in the store, one recipient each")
	flags.Uint64Var(&s.managed, "managed", 0, "how many recipients get a management key")
	flags.StringVar(&s.issuer, "issuer", "", "issuer that vouches for one recipient; none if empty")
	flags.IntVar(&s.count, "count", 10_000, "look-ups or commits to measure")
	flags.IntVar(&s.parallel, "parallel", 32, "commits at a time")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}

	driver, err := badgerstore.Open(badgerstore.Options{Directory: s.directory})
	if err != nil {
		return err
	}
	var result any
	switch args[0] {
	case "fill":
		if err = fill(ctx, driver, s); err == nil {
			err = addSpecial(ctx, driver, s.issuer)
		}
	case "lookup":
		result, err = lookup(ctx, driver, s)
	case "commit":
		result, err = commit(ctx, driver, s)
	default:
		err = fmt.Errorf("there is no command %q", args[0])
	}
	err = errors.Join(err, driver.Close())
	if err != nil || result == nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(result)
}
