package contract

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
)

// Reporter gets the differences to the document. *testing.T is a Reporter.
type Reporter interface {
	Helper()
	Errorf(format string, args ...any)
}

type validKey struct{}

// Valid returns a context for requests that the document must describe, so that
// the requests are checked too.
func Valid(ctx context.Context) context.Context { return context.WithValue(ctx, validKey{}, true) }

// Transport sends requests through next and reports every response that the
// document does not describe. Only paths for which covers returns true belong
// to the document. If covers is nil, all paths do.
func (c *Contract) Transport(t Reporter, next http.RoundTripper, covers func(path string) bool) http.RoundTripper {
	return &transport{contract: c, report: t, next: next, covers: covers}
}

type transport struct {
	contract *Contract
	report   Reporter
	next     http.RoundTripper
	covers   func(path string) bool
}

func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	x := Exchange{Request: r}
	if valid, _ := r.Context().Value(validKey{}).(bool); valid {
		x.Valid = true
		if r.GetBody != nil {
			body, err := r.GetBody()
			if err != nil {
				return nil, fmt.Errorf("read the request again: %w", err)
			}
			if x.RequestBody, err = io.ReadAll(body); err != nil {
				return nil, fmt.Errorf("read the request again: %w", err)
			}
		}
	}
	response, err := t.next.RoundTrip(r)
	if err != nil || t.covers != nil && !t.covers(r.URL.Path) {
		return response, err
	}
	x.Response = response
	x.Body, err = io.ReadAll(response.Body)
	if err = joinClose(err, response.Body); err != nil {
		return nil, fmt.Errorf("read the response: %w", err)
	}
	response.Body = io.NopCloser(bytes.NewReader(x.Body))
	if err := t.contract.Check(x); err != nil {
		t.report.Helper()
		t.report.Errorf("%v", err)
	}
	return response, nil
}

func joinClose(err error, c io.Closer) error {
	if closed := c.Close(); err == nil {
		err = closed
	}
	return err
}
