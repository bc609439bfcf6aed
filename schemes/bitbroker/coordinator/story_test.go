package coordinator

import (
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the answers in testdata")

// Each file is a story of one site: requests, on lines that begin with >, and after each the
// whole answer. In a request, caller= is who calls, type= the content type, none= and like=
// the headers If-None-Match and Cache-Control; what follows on further such lines is the body.
func TestAnswersAreThoseOfBitBroker(t *testing.T) {
	files, err := filepath.Glob("testdata/*.story")
	must(t, err)
	answers := 0
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".story"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			must(t, err)
			got, n := tell(newSite(t), string(data))
			answers += n
			switch {
			case *update:
				must(t, os.WriteFile(file, []byte(got), 0o600))
			case got != string(data):
				reportFirst(t, string(data), got)
			}
		})
	}
	if answers < 200 {
		t.Errorf("only %d answers", answers)
	}
}

// reportFirst tells the first request whose answer is another one.
func reportFirst(t *testing.T, want, got string) {
	wants, gots := strings.Split(want, "\n\n"), strings.Split(got, "\n\n")
	for i := range min(len(wants), len(gots)) {
		if wants[i] != gots[i] {
			t.Fatalf("got\n%s\n\nwant\n%s", gots[i], wants[i])
		}
	}
	t.Fatalf("%d answers, not %d", len(gots), len(wants))
}

// tell takes a story anew, and counts its answers.
func tell(s *site, story string) (told string, n int) {
	var b strings.Builder
	for block := range strings.SplitSeq(strings.TrimSpace(story), "\n\n") {
		var request []string
		for line := range strings.SplitSeq(block, "\n") {
			if strings.HasPrefix(line, "#") {
				fmt.Fprintln(&b, line)
			}
			if text, is := strings.CutPrefix(line, "> "); is {
				request = append(request, text)
				fmt.Fprintln(&b, line)
			}
		}
		if len(request) > 0 {
			w, _ := s.ask(readAsked(s.t, request))
			fmt.Fprintln(&b, w.Code)
			for _, name := range slices.Sorted(maps.Keys(w.Header())) {
				fmt.Fprintf(&b, "%s: %s\n", name, strings.Join(w.Header()[name], "; "))
			}
			if body := w.Body.String(); body != "" {
				fmt.Fprintln(&b, body)
			}
			n++
		}
		fmt.Fprintln(&b)
	}
	return strings.TrimSpace(b.String()) + "\n", n
}

func readAsked(t testing.TB, request []string) asked {
	words := strings.Fields(request[0])
	a := asked{method: words[0], path: words[1], body: strings.Join(request[1:], "\n"), header: http.Header{}}
	for _, word := range words[2:] {
		name, value, _ := strings.Cut(word, "=")
		switch name {
		case "caller":
			id, err := strconv.ParseUint(value, 10, 64)
			must(t, err)
			a.caller = id
		case "type":
			a.header.Set("Content-Type", strings.ReplaceAll(value, "+", " "))
		case "coding":
			a.header.Set("Content-Encoding", value)
		case "none":
			a.header.Set("If-None-Match", strings.ReplaceAll(value, "+", " "))
		case "like":
			a.header.Set("Cache-Control", value)
		default:
			t.Fatalf("%s?", word)
		}
	}
	return a
}
