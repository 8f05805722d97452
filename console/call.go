package console

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/admit-go/admit"
)

// call sends a request of the visitor to the API, in this process. The session
// cookie of the visitor goes along, so the route sees the visitor as its caller:
// role, recent proof and every other rule are those of the API. It returns the body
// of the answer, or the *admit.Error that the API answered.
func (v *visit) call(method, path string, body any) ([]byte, error) {
	var sent []byte
	if body != nil {
		var err error
		if sent, err = json.Marshal(body); err != nil {
			return nil, err
		}
	}
	target, err := url.Parse(v.config.BasePath + path)
	if err != nil {
		return nil, admit.ErrInvalidRequest
	}
	r := v.r.Clone(v.r.Context())
	r.Method, r.URL, r.RequestURI = method, target, target.RequestURI()
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(sent)), int64(len(sent))
	r.Header = maps.Clone(v.r.Header)
	// Without Sec-Fetch-Site the API renews no cookie: the answer to the page has the
	// new one already. The forms of other sites were refused before.
	for _, name := range []string{"Sec-Fetch-Site", "Authorization", "X-Api-Key", "Content-Encoding"} {
		r.Header.Del(name)
	}
	r.Header.Set("Accept", "application/json")
	r.Header.Set("Content-Type", "application/json")
	w := &answer{header: http.Header{}}
	v.auth.Handler().ServeHTTP(w, r)
	if w.status < http.StatusBadRequest {
		return w.body.Bytes(), nil
	}
	return nil, w.refusal()
}

// answer is what the API answers.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(status int) { a.status = status }

func (a *answer) Write(b []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	return a.body.Write(b)
}

// refusal reads the error of an answer.
func (a *answer) refusal() error {
	var read struct {
		Error struct {
			Code    string         `json:"code"`
			Message string         `json:"message"`
			Details map[string]any `json:"details"`
		} `json:"error"`
	}
	if err := json.Unmarshal(a.body.Bytes(), &read); err != nil || read.Error.Code == "" {
		return admit.ErrInternal
	}
	refused := &admit.Error{Code: read.Error.Code, Status: a.status, Message: read.Error.Message, Details: read.Error.Details}
	if seconds, err := strconv.Atoi(a.header.Get("Retry-After")); err == nil {
		refused.RetryAfter = time.Duration(seconds) * time.Second
	}
	return refused
}

// asError finds what a rule has answered.
func asError(err error) *admit.Error {
	if known, ok := errors.AsType[*admit.Error](err); ok {
		return known
	}
	return admit.ErrInternal
}
