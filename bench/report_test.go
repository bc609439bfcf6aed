package main

import (
	"strings"
	"testing"
	"time"
)

func TestMedian(t *testing.T) {
	for _, tc := range []struct {
		name string
		of   []float64
		want float64
	}{
		{"one", []float64{3}, 3},
		{"odd, not sorted", []float64{9, 1, 2}, 2},
		{"even", []float64{4, 1, 3, 2}, 2.5},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := median(tc.of); got != tc.want {
				t.Errorf("median(%v) = %v, want %v", tc.of, got, tc.want)
			}
		})
	}
}

func TestThousands(t *testing.T) {
	for n, want := range map[uint64]string{0: "0", 999: "999", 1000: "1,000", 100_000: "100,000", 1_000_000: "1,000,000"} {
		if got := thousands(n); got != want {
			t.Errorf("thousands(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestQuantileIsWhatAShareDidNotExceed(t *testing.T) {
	var l load
	for n := range 100 {
		l.latencies = append(l.latencies, time.Duration(n+1))
	}
	for share, want := range map[float64]time.Duration{0: 1, .50: 51, .99: 100, 1: 100} {
		if got := l.quantile(share); got != want {
			t.Errorf("quantile(%v) = %d, want %d", share, got, want)
		}
	}
}

// at is a round in which bare Caddy took 100 and the gateway so many microseconds.
func at(gateway time.Duration) pair {
	return pair{sample{cpu: 100 * time.Microsecond}, sample{cpu: gateway * time.Microsecond}}
}

func TestCompareRowJudgesTheMedianRound(t *testing.T) {
	for _, tc := range []struct {
		name, want string
		pairs      []pair
	}{
		{"one bad round of three is noise", "1.05 1.00-3.00 1.10 ok", []pair{at(105), at(300), at(100)}},
		{"two of three are not", "1.20 1.00-1.30 1.10 MISSED", []pair{at(120), at(130), at(100)}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			row := compareRow(work{name: "some", limit: 1.10}, tc.pairs)
			if got := strings.Join(row[3:7], " "); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
			if len(row) != len(compareHead) {
				t.Errorf("%d cells under %d heads", len(row), len(compareHead))
			}
		})
	}
}

func TestWorkWithoutALimitIsNotJudged(t *testing.T) {
	row := compareRow(work{name: "some"}, []pair{at(900)})
	if got := strings.Join(row[3:7], " "); got != "9.00 9.00-9.00 - " {
		t.Errorf("got %q", got)
	}
}

func TestRotationRowIsARatioOfRates(t *testing.T) {
	for _, tc := range []struct {
		name, want string
		rate       float64
	}{
		{"half is enough", "0.50 0.50 ok", 500},
		{"less is not", "0.40 0.50 MISSED", 400},
	} {
		t.Run(tc.name, func(t *testing.T) {
			row := commitRow(32, []sample{{rate: tc.rate}}, []float64{1000})
			if got := strings.Join(row[3:6], " "); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
			if len(row) != len(commitHead("rotations")) {
				t.Errorf("%d cells under %d heads", len(row), len(commitHead("rotations")))
			}
		})
	}
}

func TestSignInRows(t *testing.T) {
	fast, slow := sample{cpu: 40 * time.Millisecond, p50: time.Millisecond, p99: 2 * time.Millisecond, rate: 30}, sample{rate: 10}
	row := signInRow(4, []sample{fast, slow, fast})
	if got := strings.Join(row, " "); got != "4 30 40.00 1.00 / 2.00" || len(row) != len(signInHead) {
		t.Errorf("got %q under %d heads", got, len(signInHead))
	}
	row = hammeredRow([]hammered{{bare: fast, calm: fast, hammered: sample{p50: 3 * time.Millisecond, p99: 9 * time.Millisecond}, rate: 25}})
	if got := strings.Join(row[1:], " "); got != "1.00 / 2.00 1.00 / 2.00 3.00 / 9.00 25" || len(row) != len(hammeredHead) {
		t.Errorf("got %q under %d heads", got, len(hammeredHead))
	}
}

func TestTables(t *testing.T) {
	result := table{{"work", "ratio"}, {"repeated token", "1.05"}}
	for _, tc := range []struct {
		name, want string
		markdown   bool
	}{
		{"columns", "work            ratio\nrepeated token  1.05\n\n", false},
		{"markdown", "| work | ratio |\n|---|---|\n| repeated token | 1.05 |\n\n", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var out strings.Builder
			if err := result.write(&out, tc.markdown); err != nil || out.String() != tc.want {
				t.Errorf("got %q, %v; want %q", out.String(), err, tc.want)
			}
		})
	}
}
