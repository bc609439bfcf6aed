package tokenlist

import (
	"fmt"
	"strings"
	"testing"
)

func TestListTakesWhatSpreadsheetsWrite(t *testing.T) {
	for name, text := range map[string]string{
		"plain":                  "name,token\nacme,a-secret-token\nbeta,another-token\n",
		"no line break at end":   "name,token\nacme,a-secret-token\nbeta,another-token",
		"CRLF":                   "name,token\r\nacme,a-secret-token\r\nbeta,another-token\r\n",
		"byte order mark":        "\ufeffname,token\nacme,a-secret-token\nbeta,another-token\n",
		"quoted":                 "\"name\",\"token\"\n\"acme\",\"a-secret-token\"\n\"beta\",\"another-token\"\n",
		"blank lines and spaces": "\n name , Token \n\n acme , a-secret-token\n   \n,\nbeta,another-token\n\n",
		"other order":            "token,comment,name\na-secret-token,,acme\nanother-token,,beta\n",
	} {
		t.Run(name, func(t *testing.T) {
			f, err := Read(strings.NewReader(text))
			if err != nil || len(f.Problems) > 0 {
				t.Fatal(err, f)
			}
			if len(f.Rows) != 2 || f.Rows[0].Name != "acme" || f.Rows[0].Token != "a-secret-token" || f.Rows[1].Name != "beta" || f.Rows[1].Token != "another-token" {
				t.Errorf("read %+v", f.Rows)
			}
		})
	}
}

func TestListSaysWhichLineIsWrong(t *testing.T) {
	const text = "name,token,grants,until\n" + // 1
		"acme,token-one,\"a;b/c; d metadata,query;\",2031-12-31\n" +
		"\n" +
		"beta,token-two\n" + // 4
		"\"a name\nof two lines\",token-three,,\n" + // 5, 6
		"gamma,token-four,,soon\n" + // 7
		"ACME,token-five,,\n" +
		"delta,token-one,,\n" +
		"eps\"ilon,token-six,,\n" + // 10
		"zeta,token-seven,,,\n" +
		"eta,token-eight,,2031-12-31T18:00:00+02:00\n" +
		"\"theta,token-nine,,\n" // 13, never closed
	f, err := Read(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[int]string)
	for row, problem := range f.Problems {
		got[f.Lines[row]] = problem
		if f.Rows[row].Token != "" {
			t.Errorf("line %d would be sent", f.Lines[row])
		}
		if strings.Contains(problem, "token-") {
			t.Errorf("line %d: %q tells a token", f.Lines[row], problem)
		}
	}
	want := map[int]string{
		4:  "it has 2 columns, the first line 4",
		7:  "until is neither a day such as 2031-12-31 nor a time such as 2031-12-31T18:00:00Z",
		8:  "its name stands on line 2 already",
		9:  "its token stands on line 2 already",
		10: wrongQuote,
		11: "it has 5 columns, the first line 4",
		13: wrongQuote,
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	first := f.Rows[0]
	if fmt.Sprintf("%q", first.Grants) != `["a" "b/c" "d metadata,query"]` || first.NotAfter.UTC().String() != "2031-12-31 23:59:59 +0000 UTC" {
		t.Errorf("line 2: %+v until %v", first, first.NotAfter)
	}
	if last := f.Rows[len(f.Rows)-2]; last.Name != "eta" || last.NotAfter.UTC().Hour() != 16 {
		t.Errorf("line 12: %+v", last)
	}
}

func TestListThatIsNone(t *testing.T) {
	for name, tc := range map[string]struct{ text, want string }{
		"empty":             {"", "the file is empty"},
		"blank":             {"\n \n", "the file is empty"},
		"header only":       {"name,token\n", "no recipients"},
		"no header":         {"a-secret-token,acme\n", "column 1 is none of"},
		"semicolons":        {"name;token\nacme;a-secret-token\n", "with commas between them"},
		"unknown column":    {"name,token,expires\n", "column 3 is none of"},
		"column twice":      {"name,token,Name\n", "name stands twice"},
		"no token column":   {"name,grants\n", "the column token is missing"},
		"no name column":    {"token\n", "the column name is missing"},
		"quote in header":   {"na\"me,token\n", wrongQuote},
		"UTF-16":            {"\xff\xfen\x00a\x00", "UTF-16"},
		"UTF-16 big endian": {"\xfe\xff\x00n\x00a", "UTF-16"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Read(strings.NewReader(tc.text))
			if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "a-secret") {
				t.Errorf("got %v, want %s", err, tc.want)
			}
		})
	}
}

// Whatever a file holds: no panic, and each line that is sent has a name and a token
// that no line before has.
func FuzzList(f *testing.F) {
	f.Add("name,token\nacme,a-secret-token\n")
	f.Add("\ufefftoken,name,grants,until,comment\r\na,b,c;d,2031-12-31,\"x\r\ny\"\r\n\r\n,,,,\r\n")
	f.Add("name,token\n\"a,b\n")
	f.Fuzz(func(t *testing.T, text string) {
		file, err := Read(strings.NewReader(text))
		if err != nil {
			return
		}
		if len(file.Rows) != len(file.Lines) {
			t.Fatalf("%d rows, %d lines", len(file.Rows), len(file.Lines))
		}
		names, tokens := make(map[string]bool), make(map[string]bool)
		for i, row := range file.Rows {
			if _, bad := file.Problems[i]; bad {
				if row.Name != "" || row.Token != "" {
					t.Fatalf("row %d is bad and would be sent: %+v", i, row)
				}
				continue
			}
			if row.Name == "" || row.Token == "" || names[row.Name] || tokens[row.Token] {
				t.Fatalf("row %d: %+v", i, row)
			}
			names[row.Name], tokens[row.Token] = true, true
			if i > 0 && file.Lines[i] <= file.Lines[i-1] {
				t.Fatalf("line %d follows %d", file.Lines[i], file.Lines[i-1])
			}
		}
	})
}
