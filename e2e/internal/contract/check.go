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
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

// readJSONLines makes JSON lines a text for the document. Tests read them themselves.
var readJSONLines = sync.OnceFunc(func() {
	openapi3filter.RegisterBodyDecoder("application/x-ndjson", func(body io.Reader, _ http.Header, _ *openapi3.SchemaRef, _ openapi3filter.EncodingFn) (any, error) {
		text, err := io.ReadAll(body)
		return string(text), err
	})
})

// Exchange is one request with what came back.
type Exchange struct {
	Request *http.Request
	// RequestBody is the body of the request. It is checked only if Valid is set.
	RequestBody []byte
	// Valid says that the request must be a request that the document describes.
	Valid    bool
	Response *http.Response
	Body     []byte
}

// Check returns every difference between an exchange and the document, joined,
// or nil if there is none.
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

// ticket is the ticket by which a paused sign-in is completed.
var ticket = regexp.MustCompile(`"(mfaToken|startOverToken)":"[\w-]{43}"`)

// random is a text in a refusal that may contain any word by chance: a ticket, or the
// record that proves a domain.
var random = regexp.MustCompile(`"(mfaToken|startOverToken|recordValue)":"(admit-verification=)?[\w-]{43}"`)

// signinCookie is the cookie of the browser that a sign-in was paused in.
var signinCookie = regexp.MustCompile(`^(__Host-)?signin=[\w-]{43}; `)

// checkHeaders checks the rules for the headers of every response.
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
	// A pause binds its ticket to the browser; no other refusal gives anything.
	if set := h.Values("Set-Cookie"); len(set) > 0 && !(len(set) == 1 && signinCookie.MatchString(set[0]) && ticket.Match(x.Body)) {
		errs = append(errs, errors.New("a refusal sets a cookie"))
	}
	if leak := internals.Find(random.ReplaceAll(x.Body, nil)); leak != nil {
		errs = append(errs, fmt.Errorf("a refusal tells of the server's insides: %q", leak))
	}
	return errors.Join(errs...)
}

// internals matches traces that no message for people may contain: code, SQL,
// stacks, types, addresses in memory, and paths of files.
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

// checkGeneral checks that a response is an error with a status and a code.
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

// checkShape checks an error that belongs to no operation against the schema of
// errors.
func (c *Contract) checkShape(x Exchange) error {
	if got := x.Response.Header.Get("Content-Type"); got != "application/json" {
		return fmt.Errorf("the header Content-Type is %q, not application/json", got)
	}
	return c.shapes.check(x.Body, "components", "schemas", "Error")
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
	names, shaped := hasShape(x, o, documented)
	if shaped && x.Request.Method != http.MethodHead {
		errs = append(errs, c.shapes.check(x.Body, names...))
	}
	response := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: request, Status: status, Header: x.Response.Header,
		Options: &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true, ExcludeResponseBody: page || shaped},
	}
	response.SetBodyBytes(x.Body)
	return errors.Join(append(errs, openapi3filter.ValidateResponse(context.Background(), response))...)
}

func isPage(x Exchange) bool {
	return strings.HasPrefix(x.Response.Header.Get("Content-Type"), "text/html")
}

// checkPage checks that a page is safe: the document describes it, no page may
// frame it, its policy allows no foreign script, and the secret in its address
// is not sent on.
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

// checkDefault checks the status of a refusal that any route can answer against
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
