package harness

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
)

// personalFile is a file's metadata; its content is in the storage, which stands for a
// cloud's: clients write and read there directly, by links that need no token.
type personalFile struct {
	ID         string   `json:"fileId"`
	Name       string   `json:"name"`
	Source     string   `json:"source"`
	Tags       []string `json:"tags,omitempty"`
	ContentURL string   `json:"contentUrl,omitempty"`
	Public     bool     `json:"contentPublic"`
	Status     struct {
		Status string `json:"status"`
		Size   int    `json:"size,omitempty"`
	} `json:"status"`

	content []byte
}

func (p *PersonalServer) serveFiles(api *http.ServeMux) {
	api.HandleFunc("POST /files/upload", p.upload)
	api.HandleFunc("PUT /files/file/{id}/complete", p.withFile(func(w http.ResponseWriter, f *personalFile) {
		f.Status.Status, f.Status.Size, f.ContentURL = "Completed", len(f.content), ""
		answerJSON(w, 200, f)
	}))
	api.HandleFunc("GET /files/file/{id}", p.withFile(func(w http.ResponseWriter, f *personalFile) { answerJSON(w, 200, f) }))
	api.HandleFunc("DELETE /files/file/{id}", p.withFile(func(w http.ResponseWriter, f *personalFile) {
		f.Status.Status = "Deleted"
		answerJSON(w, 200, f)
	}))
	api.HandleFunc("GET /files/allowAccessPublic/{id}", p.withFile(func(w http.ResponseWriter, f *personalFile) {
		f.Public = true
		answerJSON(w, 200, f)
	}))
	// As in the original: what says private makes public.
	api.HandleFunc("GET /files/restrictAccessPublic/{id}", p.withFile(func(w http.ResponseWriter, f *personalFile) {
		f.Public = true
		answerJSON(w, 200, f)
	}))
	api.HandleFunc("POST /files/search", p.search)
	api.HandleFunc("GET /files/content/{id}", p.content)
}

func (p *PersonalServer) upload(w http.ResponseWriter, r *http.Request) {
	f := &personalFile{}
	if err := json.NewDecoder(r.Body).Decode(f); err != nil || f.Name == "" || f.Source == "" {
		answer(w, 400, `{"error":"Bad Request","message":"invalid JSON"}`)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	f.ID = p.newID()
	f.ContentURL = p.storage.URL + "/" + f.ID + "?signature=pre-signed"
	f.Status.Status = "New"
	p.files[f.ID] = f
	answerJSON(w, 200, f)
}

func (p *PersonalServer) withFile(do func(http.ResponseWriter, *personalFile)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		f := p.files[r.PathValue("id")]
		if f == nil {
			answer(w, 404, `{"message":"No such file","cause":"File `+r.PathValue("id")+` not found"}`)
			return
		}
		do(w, f)
	}
}

func (p *PersonalServer) search(w http.ResponseWriter, r *http.Request) {
	var like personalFile
	if err := json.NewDecoder(r.Body).Decode(&like); err != nil {
		answer(w, 400, `{"error":"Bad Request","message":"invalid JSON"}`)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	found := []*personalFile{}
	for _, f := range p.files {
		if (like.Name == "" || f.Name == like.Name) && (like.Source == "" || f.Source == like.Source) {
			found = append(found, f)
		}
	}
	answerJSON(w, 200, found)
}

func (p *PersonalServer) content(w http.ResponseWriter, r *http.Request) {
	known := r.Header.Get("X-Gatehouse-Subject") != "" || p.tokens != nil && p.tokens.Check(r) == nil
	p.mu.Lock()
	defer p.mu.Unlock()
	f := p.files[r.PathValue("id")]
	if f == nil || !f.Public && !known {
		w.WriteHeader(404)
		return
	}
	http.Redirect(w, r, p.storage.URL+"/"+f.ID+"?signature=pre-signed", http.StatusSeeOther)
}

// store is the storage: it knows no tokens, and must never be sent one.
func (p *PersonalServer) store(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	p.mu.Lock()
	defer p.mu.Unlock()
	f := p.files[strings.TrimPrefix(r.URL.Path, "/")]
	switch {
	case f == nil || r.URL.Query().Get("signature") != "pre-signed" || r.Header.Get("X-Auth-Token") != "":
		w.WriteHeader(403)
	case r.Method == http.MethodPut:
		f.content = body
	default:
		_, _ = w.Write(f.content)
	}
}
