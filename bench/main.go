package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

func main() {
	var o options
	flag.IntVar(&o.rounds, "rounds", 5, "rounds of each work; medians are printed")
	flag.IntVar(&o.requests, "requests", 10_000, "requests in a round, on each side")
	flag.Uint64Var(&o.tokens, "tokens", 1_000_000, "tokens in the large store")
	flag.Uint64Var(&o.small, "small", 100_000, "tokens in the small store")
	flag.Uint64Var(&o.families, "families", 10_000, "token families of the personal data account")
	flag.Uint64Var(&o.identities, "identities", 60_000, "identity tokens of the marketplace")
	flag.Uint64Var(&o.accesses, "accesses", 12_000, "consumers' tokens of the BitBroker")
	flag.IntVar(&o.connections, "connections", 8, "connections to each side, one request at a time on each")
	flag.IntVar(&o.parallel, "parallel", 32, "rotations at a time")
	flag.BoolVar(&o.markdown, "markdown", false, "print tables as Markdown")
	flag.StringVar(&o.binary, "binary", filepath.Join("..", "bin", "caddy"), "Caddy with Gatehouse in it, as ../xcaddy.sh builds it")
	flag.StringVar(&o.only, "only", "", "measure only the kinds of requests whose names contain this")
	flag.StringVar(&o.profile, "profile", "", "folder for CPU profiles of both sides; profiling itself costs CPU time, so discard the tables of such a run")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := o.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type options struct {
	rounds, requests, connections, parallel int
	tokens, small, families, identities     uint64
	accesses                                uint64
	markdown                                bool
	binary, only, profile                   string
}

// check refuses what would measure something else than it says.
func (o options) check() error {
	if o.rounds < 1 || o.requests < 100 || o.connections < 1 || o.parallel < 1 {
		return errors.New("rounds, connections and parallel are at least 1, requests at least 100")
	}
	if min(o.tokens, o.small) < managed {
		return fmt.Errorf("a store has at least %d tokens", managed)
	}
	if o.families < 1 {
		return errors.New("there is at least one token family")
	}
	if o.identities < uint64(o.rounds+1) {
		return errors.New("there is at least one identity token for each round, and one to warm up")
	}
	if o.accesses < uint64(o.rounds+1) {
		return errors.New("there is at least one consumer's token for each round, and one to warm up")
	}
	return nil
}

// run measures everything and prints the tables.
func (o options) run(ctx context.Context) (err error) {
	if err := o.check(); err != nil {
		return err
	}
	directory, err := os.MkdirTemp("", "gatehouse-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(directory)) }()
	b := &bench{options: o, directory: directory}
	defer func() { err = errors.Join(err, b.close()) }() // before the folder goes
	if err := b.prepare(ctx); err != nil {
		return err
	}
	for _, measure := range []func(context.Context) error{
		b.compareAll, b.measureSignIns, b.measureHammered, b.rotate, b.reissue,
	} {
		if err := measure(ctx); err != nil {
			return err
		}
	}
	return b.sizes()
}

// say tells what goes on, apart from the tables.
func say(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

// copyBinary takes a copy, so that a build meanwhile does not make the two sides
// differ.
func copyBinary(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("%w (build it with ../xcaddy.sh)", err)
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o700)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// timed runs fn and returns how long it took.
func timed(fn func() error) (time.Duration, error) {
	started := time.Now()
	err := fn()
	return time.Since(started), err
}
