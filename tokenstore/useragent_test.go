package tokenstore

import (
	"fmt"
	"strings"
	"testing"
)

func TestUserAgentWithoutWhatIsMadeForEachQuery(t *testing.T) {
	const id = "550e8400-e29b-41d4-a716-446655440000"
	for _, tt := range []struct{ name, agent, want string }{
		{"none", "", ""},
		{"Python", "Delta-Sharing-Python/1.3.0 pandas/2.2.0 Python/3.11.2", "Delta-Sharing-Python/1.3.0 pandas/2.2.0 Python/3.11.2"},
		{"Spark", "Delta-Sharing-Spark/1.2.0 Spark/3.5.1 QueryId-1f0c2d3e Hadoop/3.3.4 java/11", "Delta-Sharing-Spark/1.2.0 Spark/3.5.1 Hadoop/3.3.4 java/11"},
		{"Spark, whole id", "Delta-Sharing-Spark/1.2.0 Spark/3.5 QueryId-" + id + " java/11", "Delta-Sharing-Spark/1.2.0 Spark/3.5 java/11"},
		{"Spark, no query", "a/1 QueryId-not_set b/2", "a/1 b/2"},
		{"several", "QueryId-1 a/1 QueryId-2 QueryId-3 b/2 QueryId-4", "a/1 b/2"},
		{"nothing else", "QueryId-1", ""},
		{"no word of its own", "MyQueryId-1 a/QueryId-2/3 b", "MyQueryId-1 a/ b"},
		{"UUID", "job " + id + " client/2", "job client/2"},
		{"UUID in capitals", "job/" + strings.ToUpper(id), "job/"},
		{"UUID in a word", "client/2 (session=" + id + "; x)", "client/2 (session=; x)"},
		{"UUID behind a hyphen", "run-" + id, "run-"},
		{"UUID without hyphens", "a/1 " + strings.ReplaceAll(id, "-", ""), "a/1"},
		{"less than a UUID", "a/550e8400-e29b-41d4-a716-44665544000", "a/550e8400-e29b-41d4-a716-44665544000"},
		{"longer word", "a/" + id + "x", "a/" + id + "x"},
		{"control bytes", "a\x1b[31m QueryId-1\tb é", "a?[31m ??"},
		{"spaces of its own", "a  b ", "a  b "},
		{"long", strings.Repeat("x", 201), strings.Repeat("x", 200)},
		{"what is cut out takes no room", strings.Repeat("QueryId-x ", 30) + strings.Repeat("x", 201), strings.Repeat("x", 200)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := agentOf(tt.agent); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func FuzzUserAgent(f *testing.F) {
	f.Add("Delta-Sharing-Spark/1.2.0 Spark/3.5", "Hadoop/3.3", uint64(1), uint64(2))
	f.Add("", "", uint64(0), ^uint64(0))
	f.Add("a-", "\xff", uint64(1<<40), uint64(3))
	f.Fuzz(func(t *testing.T, before, behind string, one, other uint64) {
		of := func(id uint64) string {
			return agentOf(fmt.Sprintf("%s QueryId-%x (%016[2]x-%016[2]x) %s", before, id, behind))
		}
		got := of(one)
		if len(before)+len(behind) < 3*maxUserAgent && got != of(other) {
			t.Fatalf("two queries of a client are two clients: %q and %q", got, of(other))
		}
		if len(got) > maxUserAgent || printable(got) != got {
			t.Fatalf("%d bytes: %q", len(got), got)
		}
	})
}
