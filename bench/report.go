package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// table is rows of cells, the first of which is the head.
type table [][]string

// write prints the table, in columns for people or as Markdown.
func (t table) write(w io.Writer, markdown bool) error {
	if markdown {
		for i, row := range t {
			fmt.Fprintf(w, "| %s |\n", strings.Join(row, " | "))
			if i == 0 {
				fmt.Fprintf(w, "|%s\n", strings.Repeat("---|", len(row)))
			}
		}
		_, err := fmt.Fprintln(w)
		return err
	}
	tabs := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range t {
		fmt.Fprintln(tabs, strings.Join(row, "\t"))
	}
	fmt.Fprintln(tabs)
	return tabs.Flush()
}

var compareHead = []string{
	"work", "bare, CPU µs", "gateway, CPU µs", "ratio", "lowest-highest", "at most", "",
	"bare p50/p99 ms", "gateway p50/p99 ms",
}

// compareRow is a work's line: medians over its rounds.
func compareRow(w work, pairs []pair) []string {
	ratios := values(pairs, pair.ratio)
	limit, verdict := fmt.Sprintf("%.2f", w.limit), "ok"
	switch {
	case w.limit == 0:
		limit, verdict = "-", ""
	case median(ratios) > w.limit:
		verdict = "MISSED"
	}
	bare := values(pairs, func(p pair) sample { return p.bare })
	gateway := values(pairs, func(p pair) sample { return p.gateway })
	return []string{
		w.name, cpuOf(bare), cpuOf(gateway),
		fmt.Sprintf("%.2f", median(ratios)),
		fmt.Sprintf("%.2f-%.2f", slices.Min(ratios), slices.Max(ratios)),
		limit, verdict,
		latencyOf(bare), latencyOf(gateway),
	}
}

func cpuOf(samples []sample) string {
	return microseconds(median(values(samples, func(s sample) time.Duration { return s.cpu })))
}

func latencyOf(samples []sample) string {
	return fmt.Sprintf("%s / %s",
		milliseconds(median(values(samples, func(s sample) time.Duration { return s.p50 }))),
		milliseconds(median(values(samples, func(s sample) time.Duration { return s.p99 }))))
}

var sizeHead = []string{
	"tokens", "filled in", "start to first answer", "resident at start, MiB", "after the load, MiB", "+ mapped files, MiB", "look-up, CPU µs",
}

// size is what a store of some size costs.
type size struct {
	tokens                uint64
	filled, start         time.Duration
	atStart, afterTheLoad memory
	lookup                float64 // microseconds of CPU time
}

func (s size) row() []string {
	return []string{
		thousands(s.tokens), s.filled.Round(time.Second).String(), s.start.Round(time.Millisecond).String(),
		strconv.Itoa(s.atStart.own), strconv.Itoa(s.afterTheLoad.own), strconv.Itoa(s.afterTheLoad.mapped),
		fmt.Sprintf("%.1f", s.lookup),
	}
}

// commitHead is the head of what ends in a commit, such as rotations.
func commitHead(what string) []string {
	return []string{what + ", parallel", what + "/s", "driver's commits/s", "ratio", "at least", "", "CPU µs", "p50/p99 ms"}
}

// commitRow is its line, beside the commits measured in the same rounds.
func commitRow(parallel int, samples []sample, commits []float64) []string {
	const least = 0.5
	rates := values(samples, func(s sample) float64 { return s.rate })
	ratios := make([]float64, len(rates))
	for i := range rates {
		ratios[i] = rates[i] / commits[i]
	}
	verdict := "ok"
	if median(ratios) < least {
		verdict = "MISSED"
	}
	return []string{
		strconv.Itoa(parallel), fmt.Sprintf("%.0f", median(rates)), fmt.Sprintf("%.0f", median(commits)),
		fmt.Sprintf("%.2f", median(ratios)), fmt.Sprintf("%.2f", least), verdict,
		cpuOf(samples), latencyOf(samples),
	}
}

func values[S, V any](samples []S, of func(S) V) []V {
	all := make([]V, len(samples))
	for i, s := range samples {
		all[i] = of(s)
	}
	return all
}

// median returns the middle of an odd number of values; of an even number, the
// mean of the two in the middle.
func median[V float64 | time.Duration](of []V) V {
	sorted := slices.Sorted(slices.Values(of))
	half := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[half]
	}
	return (sorted[half-1] + sorted[half]) / 2
}

func microseconds(d time.Duration) string { return fmt.Sprintf("%.1f", d.Seconds()*1e6) }

func milliseconds(d time.Duration) string { return fmt.Sprintf("%.2f", d.Seconds()*1e3) }

// thousands writes a number with its digits in groups.
func thousands(n uint64) string {
	digits := number(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

var signInHead = []string{"sign-ins, parallel", "sign-ins/s", "CPU ms each", "p50/p99 ms"}

// signInRow is the line of sign-ins: medians over the rounds.
func signInRow(parallel int, samples []sample) []string {
	cpu := median(values(samples, func(s sample) time.Duration { return s.cpu }))
	return []string{
		strconv.Itoa(parallel), fmt.Sprintf("%.0f", median(values(samples, func(s sample) float64 { return s.rate }))),
		milliseconds(cpu), latencyOf(samples),
	}
}

var hammeredHead = []string{
	"data call", "bare p50/p99 ms", "gateway p50/p99 ms", "with sign-ins p50/p99 ms", "sign-ins/s meanwhile",
}

// hammeredRow is the line of data calls while sign-ins are hammered.
func hammeredRow(rounds []hammered) []string {
	return []string{
		"repeated token",
		latencyOf(values(rounds, func(h hammered) sample { return h.bare })),
		latencyOf(values(rounds, func(h hammered) sample { return h.calm })),
		latencyOf(values(rounds, func(h hammered) sample { return h.hammered })),
		fmt.Sprintf("%.0f", median(values(rounds, func(h hammered) float64 { return h.rate }))),
	}
}
