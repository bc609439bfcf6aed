package harness

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// PersonalServer is a server of personal data accounts as it stands behind a gateway:
// the data API in memory, and what else the npm client and the tests call. Like the
// original it puts a token of its own on every answer, has a list of users with their
// password hashes.
//
// GET …/data/{namespace}/answers/{status} answers with any status, so that a test can
// see what becomes of it. 200 comes with a token in the trailer too, 303 leads to
// /elsewhere, 599 breaks the connection off.
type PersonalServer struct {
	*Upstream
	// OwnToken is put on every answer as X-Auth-Token; PersonalToken unless changed
	// before the first request.
	OwnToken string

	storage *httptest.Server
	tokens  *TokenCheck

	mu      sync.Mutex
	made    int
	records []Record
	files   map[string]*personalFile
}

// Record is one record of the data API.
type Record struct {
	Endpoint string          `json:"endpoint"`
	ID       string          `json:"recordId,omitempty"`
	Data     json.RawMessage `json:"data"`
}

// Marks of the stand-in that nobody beyond the gateway may see.
const (
	PersonalToken = "token-of-the-server-behind"
	PersonalHash  = "$2a$12$0123456789012345678901uDvI4cAPQ0ZsFmBdvKLCkbqP4g6Dx1u"
)

// NewPersonalServer starts a server that believes the gateway's identity headers, and
// answers 401 where they are missing. With a check it looks at X-Auth-Token instead, as
// the original does.
func NewPersonalServer(tb testing.TB, check *TokenCheck) *PersonalServer {
	tb.Helper()
	p := &PersonalServer{OwnToken: PersonalToken, tokens: check, files: make(map[string]*personalFile)}
	p.storage = httptest.NewServer(http.HandlerFunc(p.store))
	tb.Cleanup(p.storage.Close)
	p.Upstream = NewUpstream(tb, p.handler().ServeHTTP)
	return p
}

// Records returns what is kept, in the order of its creation.
func (p *PersonalServer) Records() []Record {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.records)
}

func (p *PersonalServer) handler() http.Handler {
	api := http.NewServeMux()
	api.HandleFunc("GET /data/{namespace}/answers/{status}", answerWith)
	api.HandleFunc("GET /data/{namespace}/{endpoint...}", p.list)
	api.HandleFunc("POST /data/{namespace}/{endpoint...}", p.create)
	api.HandleFunc("POST /data-batch", p.createBatch)
	api.HandleFunc("PUT /data", p.update)
	api.HandleFunc("DELETE /data", p.delete)
	api.HandleFunc("GET /data-debit", fixed(200, `[]`))
	api.HandleFunc("GET /she/function", fixed(200, `[{"id":"data-feed-counter"}]`))
	api.HandleFunc("GET /system/status", fixed(200, `[{"title":"Database Storage","kind":{"metric":"1"}}]`))
	api.HandleFunc("GET /phata/profile", fixed(200, `{"public":true}`))
	p.serveFiles(api)

	mux := http.NewServeMux()
	for _, mount := range []string{"/api/v2", "/api/v2.0", "/api/v2.6"} {
		mux.Handle(mount+"/", http.StripPrefix(mount, p.identified(api)))
	}
	mux.Handle("GET /users/user", p.identified(fixed(200,
		`[{"userId":"6096eba1-0e9a-4607-9dfd-072b91dbc52f","email":"ann","pass":"`+PersonalHash+`","name":"Ann","enabled":true}]`)))
	mux.HandleFunc("GET /system/update", fixed(200, `{"message":"Database update finished"}`))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		answer(w, 404, fmt.Sprintf(`{"error":"Handler Not Found","message":"Request handler at %s:%s does not exist"}`, r.Method, r.URL.Path))
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Auth-Token", p.OwnToken)
		mux.ServeHTTP(w, r)
	})
}

// identified refuses calls of which the server does not learn who makes them. The
// profile and the content of a public file are anybody's.
func (p *PersonalServer) identified(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		anybody := r.URL.Path == "/phata/profile" || strings.HasPrefix(r.URL.Path, "/files/content/")
		known := r.Header.Get("X-Gatehouse-Subject") != "" && r.Header.Get("X-Gatehouse-Kind") != ""
		if p.tokens != nil {
			known = p.tokens.Check(r) == nil
		}
		if !known && !anybody {
			answer(w, 401, `{"error":"Not Authenticated","message":"Not Authenticated"}`)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}

func answerJSON(w http.ResponseWriter, status int, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	answer(w, status, string(text))
}

func fixed(status int, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { answer(w, status, text) }
}

func answerWith(w http.ResponseWriter, r *http.Request) {
	switch status, _ := strconv.Atoi(r.PathValue("status")); {
	case status == 200:
		answer(w, status, `{"message":"the server says 200"}`)
		_ = http.NewResponseController(w).Flush() // without it there is no trailer
		w.Header().Set(http.TrailerPrefix+"X-Auth-Token", PersonalToken)
	case status == 303:
		http.Redirect(w, r, "/elsewhere", status)
	case status == 599:
		panic(http.ErrAbortHandler)
	case status >= 200:
		answer(w, status, fmt.Sprintf(`{"message":"the server says %d"}`, status))
	default:
		answer(w, 400, `{"message":"no such status"}`)
	}
}

func (p *PersonalServer) list(w http.ResponseWriter, r *http.Request) {
	endpoint, query := r.PathValue("namespace")+"/"+r.PathValue("endpoint"), r.URL.Query()
	found := []Record{}
	for _, record := range p.Records() {
		if record.Endpoint == endpoint {
			found = append(found, record)
		}
	}
	if field := query.Get("orderBy"); field != "" {
		slices.SortStableFunc(found, func(a, b Record) int {
			order := strings.Compare(fieldOf(a, field), fieldOf(b, field))
			if query.Get("ordering") == "descending" {
				return -order
			}
			return order
		})
	}
	skip, _ := strconv.Atoi(query.Get("skip"))
	found = found[min(max(skip, 0), len(found)):]
	if take, err := strconv.Atoi(query.Get("take")); err == nil {
		found = found[:min(max(take, 0), len(found))]
	}
	answerJSON(w, 200, found)
}

// fieldOf is a member of a record's data as text.
func fieldOf(r Record, name string) string {
	var data map[string]json.RawMessage
	_ = json.Unmarshal(r.Data, &data)
	return string(data[name])
}

// create keeps one record, or each of an array.
func (p *PersonalServer) create(w http.ResponseWriter, r *http.Request) {
	endpoint := r.PathValue("namespace") + "/" + r.PathValue("endpoint")
	body, _ := io.ReadAll(r.Body)
	var many []json.RawMessage
	if json.Unmarshal(body, &many) == nil {
		added := []Record{}
		for _, data := range many {
			added = append(added, p.add(endpoint, data))
		}
		answerJSON(w, 201, added)
		return
	}
	if !json.Valid(body) {
		answer(w, 400, `{"error":"Bad Request","message":"invalid JSON"}`)
		return
	}
	answerJSON(w, 201, p.add(endpoint, body))
}

func (p *PersonalServer) add(endpoint string, data json.RawMessage) Record {
	p.mu.Lock()
	defer p.mu.Unlock()
	record := Record{endpoint, p.newID(), data}
	p.records = append(p.records, record)
	return record
}

// newID returns a UUID that tells its turn. The caller holds the lock.
func (p *PersonalServer) newID() string {
	p.made++
	return fmt.Sprintf("00000000-0000-4000-8000-%012d", p.made)
}

func (p *PersonalServer) createBatch(w http.ResponseWriter, r *http.Request) {
	var records []Record
	if err := json.NewDecoder(r.Body).Decode(&records); err != nil {
		answer(w, 400, `{"error":"Bad Request","message":"invalid JSON"}`)
		return
	}
	added := []Record{}
	for _, record := range records {
		added = append(added, p.add(record.Endpoint, record.Data))
	}
	answerJSON(w, 201, added)
}

// update finds records by their id and believes the endpoint that the body says, as
// the original does.
func (p *PersonalServer) update(w http.ResponseWriter, r *http.Request) {
	var changed []Record
	if err := json.NewDecoder(r.Body).Decode(&changed); err != nil {
		answer(w, 400, `{"error":"Bad Request","message":"invalid JSON"}`)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, record := range changed {
		at := slices.IndexFunc(p.records, func(r Record) bool { return r.ID == record.ID })
		if at < 0 {
			answer(w, 400, `{"message":"Bad Request","cause":"Some records were not found"}`)
			return
		}
		p.records[at] = record
	}
	answerJSON(w, 201, changed)
}

// delete takes ?records=ID&records=ID. What the npm client sends for several, one value
// with commas, is no UUID.
func (p *PersonalServer) delete(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	kept := slices.Clone(p.records)
	for _, id := range r.URL.Query()["records"] {
		at := slices.IndexFunc(kept, func(r Record) bool { return r.ID == id })
		if at < 0 {
			answer(w, 400, `{"error":"Bad Request","message":"Cannot parse parameter records as UUID"}`)
			return
		}
		kept = slices.Delete(kept, at, at+1)
	}
	p.records = kept
	answer(w, 200, `{"message":"All records deleted"}`)
}
