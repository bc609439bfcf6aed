package harness

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
)

// Catalog answers the listings of the Delta Sharing protocol as the open-source server
// does, with its weaknesses: pages of at most 500, page tokens that anybody can forge,
// and items that repeat the caller's spelling of share and schema. It also answers
// metadata, so that a grant can be tried.
type Catalog struct {
	// Token is the server's global one.
	Token  string
	Shares []CatalogShare
}

// CatalogShare is a share with its schemas.
type CatalogShare struct {
	Name    string
	Schemas []CatalogSchema
}

// CatalogSchema is a schema with the names of its tables.
type CatalogSchema struct {
	Name   string
	Tables []string
}

// catalogPage is the server's default and its limit of maxResults.
const catalogPage = 500

func (c *Catalog) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer "+c.Token {
		PlainUnauthorized(w, r)
		return
	}
	_, rest, _ := strings.Cut(r.URL.Path, "/shares")
	var path []string
	if rest = strings.Trim(rest, "/"); rest != "" {
		path = strings.Split(rest, "/")
	}
	items, found := c.list(path)
	switch {
	case len(path) == 6 && path[5] == "metadata":
		w.Header().Set("Delta-Table-Version", "0")
		w.Header().Set("Content-Type", "application/x-ndjson; charset=utf-8")
		_, _ = w.Write([]byte(`{"protocol":{"minReaderVersion":1}}` + "\n"))
	case found:
		answerPage(w, r, strings.Join(path, "/"), items)
	default:
		catalogError(w, http.StatusNotFound, "RESOURCE_DOES_NOT_EXIST")
	}
}

// list returns the items of a listing, whose path is given below /shares.
func (c *Catalog) list(path []string) (items []map[string]any, found bool) {
	if len(path) == 0 {
		for _, share := range c.Shares {
			items = append(items, map[string]any{"name": share.Name, "id": "id-of-" + share.Name})
		}
		return items, true
	}
	for _, share := range c.Shares {
		if !strings.EqualFold(share.Name, path[0]) {
			continue
		}
		for _, schema := range share.Schemas {
			switch {
			case len(path) == 2 && path[1] == "schemas":
				items = append(items, map[string]any{"name": schema.Name, "share": path[0]})
			case len(path) == 2 && path[1] == "all-tables":
				items = append(items, tables(path[0], schema.Name, schema.Tables)...)
			case len(path) == 4 && path[3] == "tables" && strings.EqualFold(schema.Name, path[2]):
				return tables(path[0], path[2], schema.Tables), true
			}
		}
		return items, len(path) == 2 && (path[1] == "schemas" || path[1] == "all-tables")
	}
	return nil, false
}

func tables(share, schema string, names []string) []map[string]any {
	var items []map[string]any
	for _, name := range names {
		items = append(items, map[string]any{
			"name": name, "schema": schema, "share": share, "shareId": "id-of-" + share, "id": "id-of-" + name,
			"location": "s3://bucket/" + name, "auxiliaryLocations": []string{"s3://more/" + name}, "accessModes": []string{"url", "dir"},
		})
	}
	return items
}

// answerPage answers the part of a listing that is asked for.
func answerPage(w http.ResponseWriter, r *http.Request, path string, items []map[string]any) {
	query := r.URL.Query()
	size, from := catalogPage, 0
	if text := query.Get("maxResults"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 || n > catalogPage {
			catalogError(w, http.StatusBadRequest, "INVALID_PARAMETER_VALUE")
			return
		}
		size = n
	}
	if text := query.Get("pageToken"); text != "" {
		var of string
		if from, of = readCatalogToken(text); of != path || from < 0 || from > len(items) {
			catalogError(w, http.StatusBadRequest, "INVALID_PARAMETER_VALUE")
			return
		}
	}
	to := min(from+size, len(items))
	answer := map[string]any{"items": items[from:to]}
	if to < len(items) {
		answer["nextPageToken"] = CatalogToken(to, path)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_ = json.NewEncoder(w).Encode(answer)
}

// CatalogToken is the page token of an offset in a listing: no secret is needed to
// make one.
func CatalogToken(offset int, path string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.Itoa(offset) + "|" + path))
}

func readCatalogToken(token string) (offset int, path string) {
	text, _ := base64.RawURLEncoding.DecodeString(token)
	number, path, _ := strings.Cut(string(text), "|")
	offset, err := strconv.Atoi(number)
	if err != nil {
		return -1, ""
	}
	return offset, path
}

func catalogError(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"errorCode": code, "message": "the catalog says no"})
}
