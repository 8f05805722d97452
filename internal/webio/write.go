package webio

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/admit-go/admit/store"
)

// Write sends one value as JSON. It fails only if the value cannot be encoded.
// Then nothing was sent.
func Write(w http.ResponseWriter, status int, value any) error {
	body, err := json.Marshal(value, json.Deterministic(true))
	if err != nil {
		return fmt.Errorf("a response cannot be encoded: %w", err)
	}
	WriteBody(w, status, body)
	return nil
}

// WriteBody sends a body that is JSON already.
func WriteBody(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	h["Content-Type"] = []string{"application/json"}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that hung up is not our error
}

type message struct {
	Message string `json:"message"`
}

// Message is the body of a response that has only a sentence.
func Message(text string) any { return message{text} }

// Failure is an error as a client sees it.
type Failure struct {
	// Status is the HTTP status.
	Status int
	// Code is for programs, Message for people. Details are facts that a client
	// needs for its next step.
	Code, Message string
	Details       map[string]any
	// RetryAfter is the time to wait before the next try. Zero means none.
	RetryAfter time.Duration
}

type failureBody struct {
	Error failureFields `json:"error"`
}

type failureFields struct {
	Code    string         `json:"code"`
	Message string         `json:"message"`
	Details map[string]any `json:"details,omitempty"`
}

// WriteError sends a failure that caches must not keep. It leaves out details
// that cannot be encoded.
func WriteError(w http.ResponseWriter, f Failure) {
	w.Header().Set("Cache-Control", "no-store")
	f.Headers(w.Header())
	body := failureBody{failureFields{Code: f.Code, Message: f.Message, Details: f.Details}}
	if Write(w, f.Status, body) == nil {
		return
	}
	body.Error.Details = nil
	_ = Write(w, f.Status, body) // two texts can always be encoded
}

// Headers sets the headers of a failure. They do not depend on its body.
func (f Failure) Headers(h http.Header) {
	if f.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", "Bearer")
	}
	if f.RetryAfter > 0 {
		// Whole seconds, rounded up (RFC 9110, section 10.2.3).
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(f.RetryAfter.Seconds()))))
	}
}

type list[T any] struct {
	Items      []T        `json:"items"`
	Pagination pagination `json:"pagination"`
}

type pagination struct {
	Page       int `json:"page"`
	Limit      int `json:"limit"`
	Total      int `json:"total"`
	TotalPages int `json:"totalPages"`
}

// WriteList sends one page of records. A function makes the body of each
// record.
func WriteList[R, T any](w http.ResponseWriter, records []R, total int, page store.Page, show func(R) T) error {
	body := list[T]{Items: make([]T, 0, len(records)), Pagination: pagination{
		Page: page.Number, Limit: page.Limit, Total: total, TotalPages: (total + page.Limit - 1) / page.Limit,
	}}
	for _, record := range records {
		body.Items = append(body.Items, show(record))
	}
	return Write(w, http.StatusOK, body)
}

// Object is a JSON object that is written member by member, without its closing
// brace. Names are written unchanged, so they must be constants of plain
// letters.
type Object []byte

// Raw adds a member whose value is JSON already.
func (o *Object) Raw(name, value string) {
	before := byte(',')
	if len(*o) == 0 {
		before = '{'
	}
	*o = append(*o, before, '"')
	*o = append(*o, name...)
	*o = append(*o, '"', ':')
	*o = append(*o, value...)
}

// Text adds a text. Bytes that are not UTF-8 are replaced.
func (o *Object) Text(name, value string) {
	o.Raw(name, "")
	*o, _ = jsontext.AppendQuote(*o, value) // the error only reports a replacement
}

// Optional adds a text, or null for an empty text.
func (o *Object) Optional(name, value string) {
	if value == "" {
		o.Raw(name, "null")
		return
	}
	o.Text(name, value)
}

// Instant adds a time in the form of [Instant].
func (o *Object) Instant(name string, at time.Time) {
	o.Raw(name, "")
	*o = Instant(at).append(*o)
}

// End returns the whole object.
func (o *Object) End() []byte {
	if len(*o) == 0 {
		return []byte("{}")
	}
	return append(*o, '}')
}

// Instant is a time in the form of the API: UTC with milliseconds, and null if
// it is zero.
type Instant time.Time

func (t Instant) append(b []byte) []byte {
	if time.Time(t).IsZero() {
		return append(b, "null"...)
	}
	return time.Time(t).UTC().AppendFormat(b, `"2006-01-02T15:04:05.000Z"`)
}

// MarshalJSONTo implements json.MarshalerTo.
func (t Instant) MarshalJSONTo(to *jsontext.Encoder) error {
	return to.WriteValue(t.append(to.AvailableBuffer()))
}

// Optional is a text that is null when it is empty.
type Optional string

// MarshalJSONTo implements json.MarshalerTo.
func (t Optional) MarshalJSONTo(to *jsontext.Encoder) error {
	if t == "" {
		return to.WriteToken(jsontext.Null)
	}
	return to.WriteToken(jsontext.String(string(t)))
}
