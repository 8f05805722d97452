package contract

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

// Exchange is one request with what came back.
type Exchange struct {
	Request *http.Request
	// RequestBody is what was sent; it is only looked at when Valid is set.
	RequestBody []byte
	// Valid says that the request is meant to be one the document describes.
	Valid    bool
	Response *http.Response
	Body     []byte
}

// Check answers with everything that the document does not promise about an
// exchange, joined; nil when there is nothing.
func (c *Contract) Check(x Exchange) error {
	found := c.find(x.Request.URL.EscapedPath())
	method := x.Request.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	operation, known := found[method]
	errs := []error{checkHeaders(x)}
	switch {
	case len(found) == 0:
		errs = append(errs, c.checkGeneral(x, http.StatusNotFound, "auth/not-found"))
	case method == http.MethodOptions:
		errs = append(errs, checkOptions(x))
	case !known:
		errs = append(errs, c.checkGeneral(x, http.StatusMethodNotAllowed, "auth/method-not-allowed"), checkAllow(x, found))
	default:
		errs = append(errs, c.checkOperation(x, operation))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("%s %s answered %d %.300s: %w",
			x.Request.Method, x.Request.URL.Path, x.Response.StatusCode, x.Body, err)
	}
	return nil
}

// ticket is what a paused sign-in goes on with.
var ticket = regexp.MustCompile(`"(mfaToken|startOverToken)":"[\w-]{43}"`)

// checkHeaders demands what holds for every response.
func checkHeaders(x Exchange) error {
	var errs []error
	h := x.Response.Header
	if got := h.Values("X-Content-Type-Options"); !slices.Equal(got, []string{"nosniff"}) {
		errs = append(errs, fmt.Errorf("the header X-Content-Type-Options is %q, not nosniff", got))
	}
	if len(h.Values("Content-Type")) > 1 {
		errs = append(errs, fmt.Errorf("several Content-Types: %q", h.Values("Content-Type")))
	}
	if x.Response.StatusCode < http.StatusBadRequest {
		return errors.Join(errs...)
	}
	if len(h.Values("Set-Cookie")) > 0 {
		errs = append(errs, errors.New("a refusal sets a cookie"))
	}
	// A random ticket may spell anything.
	if leak := internals.Find(ticket.ReplaceAll(x.Body, nil)); leak != nil {
		errs = append(errs, fmt.Errorf("a refusal tells of the server's insides: %q", leak))
	}
	return errors.Join(errs...)
}

// internals are traces that no message for people has: code, SQL, stacks,
// types, addresses in memory and in files.
var internals = regexp.MustCompile(`(?i)\.go:\d|goroutine|runtime error|panic|sqlite|postgres|pgx|\bsql\b|` +
	`\b(select|insert|update|delete)\b.{0,40}\b(from|into|set)\b|0x[0-9a-f]{6,}|\*admit\.|/(home|tmp|usr|var)/`)

func checkNoStore(x Exchange) error {
	if got := x.Response.Header.Values("Cache-Control"); !slices.Equal(got, []string{"no-store"}) {
		return fmt.Errorf("the header Cache-Control is %q, not no-store", got)
	}
	return nil
}

// checkOptions: an answer to OPTIONS names methods and has no content.
func checkOptions(x Exchange) error {
	if x.Response.StatusCode != http.StatusNoContent || len(x.Body) > 0 {
		return errors.New("OPTIONS must answer 204 without a body")
	}
	h := x.Response.Header
	if h.Get("Allow") == "" && h.Get("Access-Control-Allow-Methods") == "" {
		return errors.New("OPTIONS names no methods")
	}
	return checkNoStore(x)
}

func checkAllow(x Exchange, found map[string]Operation) error {
	want := []string{http.MethodOptions}
	for method := range found {
		want = append(want, method)
		if method == http.MethodGet {
			want = append(want, http.MethodHead)
		}
	}
	got := strings.Split(x.Response.Header.Get("Allow"), ", ")
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(want, got) {
		return fmt.Errorf("the methods in Allow are %q, want %q", got, want)
	}
	return nil
}

// checkGeneral demands an error of the given status and code.
func (c *Contract) checkGeneral(x Exchange, status int, code string) error {
	if x.Response.StatusCode != status {
		return fmt.Errorf("the document does not know this route, so the status must be %d", status)
	}
	if x.Request.Method == http.MethodHead {
		return checkNoStore(x)
	}
	if strings.Contains(x.Request.Header.Get("Accept"), "text/html") && strings.HasPrefix(x.Response.Header.Get("Content-Type"), "text/html") {
		return checkNoStore(x) // a browser that followed a damaged link
	}
	if got := codeOf(x.Body); got != code {
		return fmt.Errorf("the code is %q, not %s", got, code)
	}
	return errors.Join(checkNoStore(x), c.checkShape(x))
}

// checkShape holds an error that belongs to no operation against the schema of
// errors.
func (c *Contract) checkShape(x Exchange) error {
	if got := x.Response.Header.Get("Content-Type"); got != "application/json" {
		return fmt.Errorf("the header Content-Type is %q, not application/json", got)
	}
	var body any
	if err := json.Unmarshal(x.Body, &body); err != nil {
		return fmt.Errorf("the body is not JSON: %w", err)
	}
	return c.document.ValidateSchemaJSON(c.document.Components.Schemas["Error"].Value, body)
}

func codeOf(body []byte) string {
	var refusal struct {
		Error struct {
			Code string `json:"code"`
		} `json:"error"`
	}
	if json.Unmarshal(body, &refusal) != nil {
		return ""
	}
	return refusal.Error.Code
}

func (c *Contract) checkOperation(x Exchange, o Operation) error {
	var errs []error
	status := x.Response.StatusCode
	documented := o.spec.Responses.Status(status)
	if documented == nil && x.Request.Method != http.MethodHead {
		errs = append(errs, c.checkDefault(x))
	}
	if documented == nil || documented.Value.Headers["Cache-Control"] == nil {
		errs = append(errs, checkNoStore(x))
	}
	if x.Request.Method == http.MethodHead && len(x.Body) > 0 {
		errs = append(errs, errors.New("HEAD answers with a body"))
	}
	if documented != nil && len(documented.Value.Content) == 0 && len(x.Body) > 0 && status >= 300 && status < 400 {
		errs = append(errs, errors.New("a redirect has a body that the document does not know"))
	}
	request := &openapi3filter.RequestValidationInput{
		Request: x.Request.WithContext(context.Background()),
		Route: &routers.Route{
			Spec: c.document, Path: o.Path, PathItem: o.item, Method: o.Method, Operation: o.spec,
		},
		PathParams: parameters(o.Path, x.Request.URL.EscapedPath()),
		Options: &openapi3filter.Options{
			AuthenticationFunc: openapi3filter.NoopAuthenticationFunc,
		},
	}
	if x.Valid {
		request.Request.Body = io.NopCloser(bytes.NewReader(x.RequestBody))
		if err := openapi3filter.ValidateRequest(context.Background(), request); err != nil {
			errs = append(errs, fmt.Errorf("the request is not one that the document describes: %w", err))
		}
	}
	page := isPage(x)
	if page {
		errs = append(errs, checkPage(x, documented))
	}
	response := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: request, Status: status, Header: x.Response.Header,
		Options: &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true, ExcludeResponseBody: page},
	}
	response.SetBodyBytes(x.Body)
	return errors.Join(append(errs, openapi3filter.ValidateResponse(context.Background(), response))...)
}

func isPage(x Exchange) bool {
	return strings.HasPrefix(x.Response.Header.Get("Content-Type"), "text/html")
}

// checkPage demands what makes a page safe: the document knows it, nobody
// frames it, it runs nothing that was not meant to be there, and the secret in
// its address goes nowhere.
func checkPage(x Exchange, documented *openapi3.ResponseRef) error {
	var errs []error
	h := x.Response.Header
	if documented == nil || documented.Value.Content["text/html"] == nil {
		errs = append(errs, errors.New("the document does not know a page here"))
	}
	if got := h.Get("Content-Type"); got != "text/html; charset=utf-8" {
		errs = append(errs, fmt.Errorf("the header Content-Type is %q", got))
	}
	if got := h.Get("Referrer-Policy"); got != "no-referrer" {
		errs = append(errs, fmt.Errorf("the header Referrer-Policy is %q, not no-referrer", got))
	}
	policy := h.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"} {
		if !strings.Contains(policy, want) {
			errs = append(errs, fmt.Errorf("the header Content-Security-Policy is %q, without %s", policy, want))
		}
	}
	if strings.Contains(policy, "'unsafe-inline'") || strings.Contains(policy, "'unsafe-eval'") {
		errs = append(errs, fmt.Errorf("the header Content-Security-Policy is %q", policy))
	}
	return errors.Join(errs...)
}

// checkDefault holds the status of a refusal that any route can answer against
// its code.
func (c *Contract) checkDefault(x Exchange) error {
	code := codeOf(x.Body)
	if want, ok := c.statuses[code]; !ok || want != x.Response.StatusCode {
		return fmt.Errorf("the document does not know status %d with code %q here", x.Response.StatusCode, code)
	}
	if status := x.Response.StatusCode; status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		wait := x.Response.Header.Get("Retry-After")
		if seconds, err := strconv.Atoi(wait); err != nil || seconds < 1 {
			return fmt.Errorf("the header Retry-After is %q, not a number of seconds", wait)
		}
	}
	return nil
}

func parameters(template, path string) map[string]string {
	values := map[string]string{}
	segments := strings.Split(path, "/")
	for i, segment := range strings.Split(template, "/") {
		if name, ok := strings.CutPrefix(segment, "{"); ok {
			values[strings.TrimSuffix(name, "}")] = segments[i]
		}
	}
	return values
}
