package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// server is a running Caddy.
type server struct {
	address, admin string
	directory      string // all that it writes but the store
	cmd            *exec.Cmd
	exited         chan error
}

// startServer runs the binary on a site and waits until it serves.
func startServer(ctx context.Context, binary, directory, site, upstream, store string) (*server, error) {
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return nil, err
	}
	s := &server{directory: directory, exited: make(chan error, 1)}
	var err error
	if s.address, err = freeAddress(); err != nil {
		return nil, err
	}
	if s.admin, err = freeAddress(); err != nil {
		return nil, err
	}
	config := filepath.Join(directory, "Caddyfile")
	for name, text := range map[string]string{
		config:                               caddyfile(site, s, upstream, store),
		filepath.Join(directory, "upstream"): "bench-upstream-token",
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	output, err := os.Create(filepath.Join(directory, "output"))
	if err != nil {
		return nil, err
	}
	defer output.Close()
	s.cmd = exec.Command(binary, "run", "--adapter", "caddyfile", "--config", config)
	s.cmd.Env = append(os.Environ(), "XDG_DATA_HOME="+directory, "XDG_CONFIG_HOME="+directory)
	s.cmd.Stdout, s.cmd.Stderr = output, output
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // it must not outlive the bench
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { s.exited <- s.cmd.Wait() }()
	if err := s.await(ctx); err != nil {
		text, _ := os.ReadFile(output.Name())
		return nil, errors.Join(fmt.Errorf("%w:\n%s", err, text), s.stop())
	}
	return s, nil
}

// await polls until the site serves, without asking the site itself: what its first
// request costs is measured.
func (s *server) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if response, err := http.Get("http://" + s.admin + "/config/apps/http"); err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-tick.C:
		case err := <-s.exited:
			s.exited <- err
			return fmt.Errorf("the server ended at start: %w", err)
		case <-ctx.Done():
			return fmt.Errorf("waiting for the server: %w", ctx.Err())
		}
	}
}

// stop ends the server as an operator does.
func (s *server) stop() error {
	if s == nil {
		return nil
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-s.exited:
		return nil
	case <-time.After(30 * time.Second):
		return errors.Join(errors.New("the server did not end within 30 s"), s.cmd.Process.Kill())
	}
}

// cpu returns the CPU time that the process has used, user and system, to the
// nanosecond. /proc/PID/stat counts in hundredths of a second.
func (s *server) cpu() (time.Duration, error) {
	// The clock id of a process's CPU time, as clock_getcpuclockid(3) makes it.
	clock := int32(^s.cmd.Process.Pid<<3 | 2)
	var at unix.Timespec
	if err := unix.ClockGettime(clock, &at); err != nil {
		return 0, fmt.Errorf("reading the server's CPU time: %w", err)
	}
	return time.Duration(at.Nano()), nil
}

// settle waits until the server has nothing left to do, such as merging what a store
// was just filled with.
func (s *server) settle(ctx context.Context) error {
	const (
		look = 500 * time.Millisecond
		idle = 5 * time.Millisecond
	)
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	tick := time.NewTicker(look)
	defer tick.Stop()
	last, err := s.cpu()
	for err == nil {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("waiting for the server to settle: %w", ctx.Err())
		}
		var now time.Duration
		if now, err = s.cpu(); now-last < idle {
			return err
		}
		last = now
	}
	return err
}

// memory is resident memory in MiB. Mapped pages of the store's files are not the
// process's own: the kernel drops them when it needs room.
type memory struct{ own, mapped int }

func (s *server) memory() (memory, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		return memory{}, err
	}
	field := func(name string) int {
		_, rest, _ := strings.Cut(string(text), name+":")
		words := strings.Fields(rest)
		if len(words) == 0 {
			return 0
		}
		kib, _ := strconv.Atoi(words[0])
		return kib >> 10
	}
	return memory{field("RssAnon"), field("RssFile")}, nil
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}
