package harness

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
)

// minted is what its auth service answers.
type minted struct {
	Token string `json:"token"`
	KeyID string `json:"jti"`
}

// mint asks the auth service for a token. The status of the answer means nothing to it.
func (b *BitBroker) mint(role, context string) (minted, error) {
	var m minted
	res, err := b.call(http.MethodPost, "/auth/token", map[string]string{"scope": role, "aud": context})
	if err != nil {
		return m, err
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(&m); err != nil {
		return m, fmt.Errorf("invalid json response body: %w", err)
	}
	if len(m.KeyID) > 36 {
		return m, fmt.Errorf("value too long for type character(36)")
	}
	b.paused("minted")
	return m, nil
}

// rescind tells the auth service that keys are over.
func (b *BitBroker) rescind(keys ...string) error {
	res, err := b.call(http.MethodDelete, "/auth/token", keys)
	if err != nil {
		return err
	}
	b.paused("rescinded")
	return res.Body.Close()
}

// limit tells the rate service what somebody may; nil: nothing is known of it any more.
func (b *BitBroker) limit(role, context string, config any) error {
	method := http.MethodPut
	if config == nil {
		method = http.MethodDelete
	}
	res, err := b.call(method, "/rate/"+role+":"+context+"/config", config)
	if err != nil {
		return err
	}
	return res.Body.Close()
}

func (b *BitBroker) call(method, path string, body any) (*http.Response, error) {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return nil, err
		}
	}
	b.mu.Lock()
	services := b.services
	b.mu.Unlock()
	r, err := http.NewRequest(method, services+path, bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "application/json, text/plain")
	r.Header.Set("Content-Type", "application/json")
	return b.client.Do(r)
}
