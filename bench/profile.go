package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// profileTime is how long a profile is taken, from the start of a round.
const profileTime = 15 * time.Second

// profiled runs a measurement and, in round 1 if a folder for profiles is given,
// takes CPU profiles of the two servers meanwhile.
func (b *bench) profiled(ctx context.Context, w work, to *server, round int, measure func() (pair, error)) (pair, error) {
	if b.profile == "" || round != 1 {
		return measure()
	}
	if err := os.MkdirAll(b.profile, 0o755); err != nil {
		return pair{}, err
	}
	var (
		taking sync.WaitGroup
		errs   [2]error
	)
	name := strings.NewReplacer(" ", "-", ",", "", ":", "").Replace(w.name)
	for i, s := range []struct {
		side   string
		server *server
	}{{"bare", b.bare}, {"gateway", to}} {
		taking.Go(func() {
			errs[i] = takeProfile(ctx, s.server.admin, filepath.Join(b.profile, name+"."+s.side+".prof"))
		})
	}
	p, err := measure()
	taking.Wait()
	for _, e := range errs {
		if err == nil {
			err = e
		}
	}
	return p, err
}

func takeProfile(ctx context.Context, admin, path string) error {
	url := fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%.0f", admin, profileTime.Seconds())
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("taking a profile: %s", response.Status)
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = io.Copy(file, response.Body)
	return err
}
