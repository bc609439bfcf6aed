package storetest

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

// What tells a child process its task.
const (
	workloadVariable = "STORETEST_WORKLOAD"
	locationVariable = "STORETEST_LOCATION"
)

// Workload is work on a store that a process does until it is killed.
type Workload struct {
	// Name tells workloads of one test binary apart.
	Name string

	// Run opens the store at a location and works on it for ever, after a former
	// run that was killed as well as on an empty store. After each operation that
	// the store has acknowledged it calls ack, with a line that lets Check find
	// the operation again. It may do so from several goroutines. It returns only
	// when it fails.
	Run func(location string, ack func(line string)) error

	// Check opens the store at the location, after the kill, and compares it with
	// the lines that were acknowledged in all runs so far.
	Check func(t *testing.T, location string, acked []string)
}

// RunChild does the work, and doesn't return, if this process is the child of a
// RunCrash. Call it first in TestMain, with all workloads of the package.
func RunChild(workloads ...Workload) {
	name := os.Getenv(workloadVariable)
	if name == "" {
		return
	}
	for _, workload := range workloads {
		if workload.Name != name {
			continue
		}
		var mutex sync.Mutex
		err := workload.Run(os.Getenv(locationVariable), func(line string) {
			mutex.Lock()
			defer mutex.Unlock()
			if _, err := fmt.Println(line); err != nil {
				os.Exit(1) // the parent is gone
			}
		})
		fmt.Fprintf(os.Stderr, "workload %s ended: %v\n", name, err)
		os.Exit(1)
	}
	fmt.Fprintf(os.Stderr, "there is no workload %q\n", name)
	os.Exit(1)
}

// RunCrash runs a workload in a child process, kills it at a random point and
// checks what it left, several times on the same store.
func RunCrash(t *testing.T, workload Workload, location string, rounds int) {
	t.Helper()
	var acked []string
	for round := range rounds {
		lines := runAndKill(t, workload, location, rand.IntN(200))
		acked = append(acked, lines...)
		workload.Check(t, location, acked)
		if t.Failed() {
			t.Fatalf("in round %d, after %d acknowledged operations", round, len(acked))
		}
	}
}

// runAndKill returns what a child acknowledged until it was dead. It kills it
// after so many lines, while other operations are under way.
func runAndKill(t *testing.T, workload Workload, location string, lines int) []string {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), workloadVariable+"="+workload.Name, locationVariable+"="+location)
	var complaints strings.Builder
	child.Stderr = &complaints
	output, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var acked []string
	killed := false
	for scanner := bufio.NewReader(output); ; {
		if len(acked) >= lines && !killed {
			killed = true
			if err := child.Process.Kill(); err != nil {
				t.Errorf("killing the child: %v", err)
			}
		}
		line, err := scanner.ReadString('\n')
		if err != nil { // a line without its end was cut by the kill
			break
		}
		acked = append(acked, strings.TrimSuffix(line, "\n"))
	}
	_ = child.Wait() // it was killed: always an error
	if !killed {
		t.Fatalf("the child ended by itself: %s", complaints.String())
	}
	return acked
}
