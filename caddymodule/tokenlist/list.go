package tokenlist

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// Row is one recipient of a list, with the token that it brings.
type Row struct {
	Name     string     `json:"name,omitempty"`
	Token    string     `json:"token,omitempty"`
	Grants   []string   `json:"grants,omitempty"` // none: it can read nothing yet
	NotAfter *time.Time `json:"not_after,omitempty"`
	Comment  string     `json:"comment,omitempty"`
}

// List is a list as it was read.
type List struct {
	// Rows are all lines but blank ones. What is wrong with one is in Problems, and the
	// row is then empty.
	Rows     []Row
	Lines    []int          // of each row, from 1
	Problems map[int]string // by index of the row
}

// columnNames are the columns that a file can have, in any order; the first two it
// must have.
var columnNames = []string{"name", "token", "grants", "until", "comment"}

// wrongQuote is all that can be wrong with a line as CSV.
const wrongQuote = "a quote stands where CSV has none, or is never closed"

// Byte order marks of the encodings that spreadsheets write.
var (
	utf8Mark  = []byte{0xEF, 0xBB, 0xBF}
	utf16Mark = [][]byte{{0xFF, 0xFE}, {0xFE, 0xFF}}
)

// Read reads a list: CSV in UTF-8 (RFC 4180), whose first line names the columns. An
// error says that it cannot be read at all; what is wrong with a line is noted.
func Read(in io.Reader) (*List, error) {
	buffered := bufio.NewReader(in)
	if mark, _ := buffered.Peek(len(utf8Mark)); bytes.Equal(mark, utf8Mark) {
		_, _ = buffered.Discard(len(utf8Mark))
	} else if len(mark) > 1 && (bytes.Equal(mark[:2], utf16Mark[0]) || bytes.Equal(mark[:2], utf16Mark[1])) {
		return nil, errors.New("the file is in UTF-16; save it as CSV in UTF-8")
	}
	r := csv.NewReader(buffered)
	r.FieldsPerRecord, r.TrimLeadingSpace, r.ReuseRecord = -1, true, true
	f := &List{Problems: make(map[int]string)}
	var columns []string
	seen := &seenBefore{names: make(map[string]int), tokens: make(map[string]int)}
	for {
		record, err := r.Read()
		if err == io.EOF { //nolint:errorlint // Reader returns io.EOF itself
			break
		}
		faulty, isFault := errors.AsType[*csv.ParseError](err)
		switch {
		case err != nil && !isFault:
			return nil, err
		case columns == nil && isFault:
			return nil, fmt.Errorf("line %d: %s", faulty.StartLine, wrongQuote)
		case isFault:
			f.note(faulty.StartLine, Row{}, wrongQuote)
			continue
		case blank(record):
			continue
		}
		line, _ := r.FieldPos(0)
		if columns == nil {
			if columns, err = columnsOf(record); err != nil {
				return nil, fmt.Errorf("line %d: %w", line, err)
			}
			continue
		}
		row, problem := rowOf(columns, record)
		if problem == "" {
			problem = seen.problem(row, line)
		}
		f.note(line, row, problem)
	}
	if columns == nil {
		return nil, errors.New("the file is empty; its first line names the columns: " + strings.Join(columnNames, ","))
	}
	if len(f.Rows) == 0 {
		return nil, errors.New("there are no recipients in the file")
	}
	return f, nil
}

func (f *List) note(line int, row Row, problem string) {
	if problem != "" {
		f.Problems[len(f.Rows)] = problem
		row = Row{}
	}
	f.Rows, f.Lines = append(f.Rows, row), append(f.Lines, line)
}

func blank(record []string) bool {
	return !slices.ContainsFunc(record, func(field string) bool { return strings.TrimSpace(field) != "" })
}

// columnsOf reads the first line. A file without such a line begins with a token, so
// what is not known is not quoted.
func columnsOf(record []string) ([]string, error) {
	columns := make([]string, len(record))
	for i, field := range record {
		name := strings.ToLower(strings.TrimSpace(field))
		switch {
		case !slices.Contains(columnNames, name):
			return nil, fmt.Errorf("column %d is none of %s; the first line names the columns, with commas between them", i+1, strings.Join(columnNames, ", "))
		case slices.Contains(columns, name):
			return nil, fmt.Errorf("the column %s stands twice", name)
		}
		columns[i] = name
	}
	for _, required := range columnNames[:2] {
		if !slices.Contains(columns, required) {
			return nil, fmt.Errorf("the column %s is missing", required)
		}
	}
	return columns, nil
}

// rowOf reads a line; problem says what is wrong with it, empty if nothing is so far.
func rowOf(columns, record []string) (row Row, problem string) {
	if len(record) != len(columns) {
		return row, fmt.Sprintf("it has %d columns, the first line %d", len(record), len(columns))
	}
	for i, column := range columns {
		field := strings.Clone(strings.TrimSpace(record[i]))
		switch column {
		case "name":
			row.Name = field
		case "token":
			row.Token = field
		case "comment":
			row.Comment = field
		case "grants":
			for grant := range strings.SplitSeq(field, ";") {
				if grant = strings.TrimSpace(grant); grant != "" {
					row.Grants = append(row.Grants, grant)
				}
			}
		case "until":
			if field == "" {
				continue
			}
			at, ok := ParseEnd(field)
			if !ok {
				return row, "until is neither a day such as 2031-12-31 nor a time such as 2031-12-31T18:00:00Z"
			}
			row.NotAfter = &at
		}
	}
	switch {
	case row.Name == "":
		return row, "it has no name"
	case row.Token == "":
		return row, "it has no token"
	}
	return row, ""
}

// seenBefore knows the lines on which names and tokens stand.
type seenBefore struct{ names, tokens map[string]int }

func (s *seenBefore) problem(row Row, line int) string {
	name := tokenstore.FoldName(row.Name)
	if first, twice := s.names[name]; twice {
		return fmt.Sprintf("its name stands on line %d already", first)
	}
	if first, twice := s.tokens[row.Token]; twice {
		return fmt.Sprintf("its token stands on line %d already", first)
	}
	s.names[name], s.tokens[row.Token] = line, line
	return ""
}

// ParseEnd reads a moment at which something ends: RFC 3339, or a day, whose last
// second in UTC it is.
func ParseEnd(text string) (at time.Time, ok bool) {
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return day.Add(24*time.Hour - time.Second), true
	}
	at, err := time.Parse(time.RFC3339, text)
	return at, err == nil
}
