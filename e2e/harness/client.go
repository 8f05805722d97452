package harness

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/admit-go/admit/e2e/internal/contract"
)

// J is the body of a request that the API describes; the contract checks that
// it is. Other bodies (string, []byte, io.Reader) are sent as they are.
type J map[string]any

// Set changes a request before it is sent.
type Set func(*http.Request)

// Bearer sends an access token.
func Bearer(token string) Set { return Header("Authorization", "Bearer "+token) }

// Key sends an API key.
func Key(key string) Set { return Header("X-API-Key", key) }

// Header sends a header with these values; none removes it.
func Header(name string, values ...string) Set {
	return func(r *http.Request) {
		if len(values) == 0 {
			r.Header.Del(name)
			return
		}
		r.Header[http.CanonicalHeaderKey(name)] = values
	}
}

// Answer is a response with its body.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte

	t    testing.TB
	what string
}

// Do sends a request and reads the answer. A body is sent as JSON unless a Set
// says otherwise.
func (s *Server) Do(method, target string, body any, sets ...Set) *Answer {
	s.T.Helper()
	ctx := s.T.Context()
	if ctx.Err() != nil { // in Cleanup
		ctx = contextAfterTest
	}
	var reader io.Reader
	switch body := body.(type) {
	case nil:
	case string:
		reader = strings.NewReader(body)
	case []byte:
		reader = bytes.NewReader(body)
	case io.Reader:
		reader = body
	default:
		text, err := json.Marshal(body)
		if err != nil {
			s.T.Errorf("encode the body of %s %s: %v", method, target, err)
			return &Answer{t: s.T}
		}
		reader = bytes.NewReader(text)
		ctx = contract.Valid(ctx)
	}
	request, err := http.NewRequestWithContext(ctx, method, s.URL, reader)
	if err != nil {
		s.T.Errorf("%s %s: %v", method, target, err)
		return &Answer{t: s.T}
	}
	// The target is sent exactly as it is spelled.
	path, query, _ := strings.Cut(target, "?")
	request.URL.RawQuery = query
	request.URL.RawPath = path
	if request.URL.Path, err = url.PathUnescape(path); err != nil {
		request.URL.Opaque = "//" + request.URL.Host + path
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	for _, set := range sets {
		set(request)
	}
	response, err := s.client.Do(request)
	if err != nil {
		s.T.Errorf("%s %s: %v", method, target, err)
		return &Answer{t: s.T}
	}
	defer response.Body.Close()
	answer := &Answer{Status: response.StatusCode, Header: response.Header, t: s.T, what: method + " " + target}
	if answer.Body, err = io.ReadAll(response.Body); err != nil {
		s.T.Errorf("%s %s: %v", method, target, err)
	}
	for _, field := range []string{"accessToken", "refreshToken", "key", "requestId"} {
		if field != "key" || answer.String("uploadUrl") == "" { // the key of a picture is in its public URL
			s.Keep(field, answer.String(field))
		}
	}
	if sent, ok := body.(J); ok {
		s.keepSent(answer, sent)
	}
	return answer
}

// keepSent fails if an answer that refuses a request quotes a secret of the
// request. It keeps the secrets of accepted requests for the checks at the end
// of the test.
func (s *Server) keepSent(answer *Answer, sent J) {
	s.T.Helper()
	if address, ok := sent["email"].(string); ok && strings.Contains(address, "@") {
		s.addresses.Store(address, true)
	}
	for _, field := range []string{"password", "newPassword", "currentPassword", "token", "refreshToken"} {
		secret, _ := sent[field].(string)
		switch {
		case len(secret) < 8:
		case answer.Status < http.StatusBadRequest:
			s.Keep(field, secret)
		case len(secret) >= 12 && strings.Contains(string(answer.Body), secret): // shorter texts may be words
			s.T.Errorf("%s gave the %s back that it refused", answer.what, field)
		}
	}
}

// Want demands a status and, for a refusal, its code.
func (a *Answer) Want(status int, code ...string) *Answer {
	a.t.Helper()
	if a.Status != status || len(code) > 0 && !slices.Contains(code, a.Code()) {
		a.t.Errorf("%s answered %d %.500s, want %d %v", a.what, a.Status, a.Body, status, code)
	}
	return a
}

// Get returns the value of the body at a path of names, or nil if there is
// none.
func (a *Answer) Get(names ...string) any {
	var at any
	if json.Unmarshal(a.Body, &at) != nil {
		return nil
	}
	for _, name := range names {
		fields, _ := at.(map[string]any)
		at = fields[name]
	}
	return at
}

// String is Get for a text. It returns "" if the value is not a text.
func (a *Answer) String(names ...string) string {
	text, _ := a.Get(names...).(string)
	return text
}

// Code is the code of a refusal.
func (a *Answer) Code() string { return a.String("error", "code") }

// Tokens returns the pair of tokens of the body.
func (a *Answer) Tokens() Tokens {
	return Tokens{Access: a.String("accessToken"), Refresh: a.String("refreshToken")}
}

// Items returns the items of a list.
func (a *Answer) Items() []map[string]any {
	list, _ := a.Get("items").([]any)
	items := make([]map[string]any, len(list))
	for i, item := range list {
		items[i], _ = item.(map[string]any)
	}
	return items
}
