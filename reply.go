package admit

import (
	"errors"
	"io"
	"math"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/admit-go/admit/internal/emailaddress"
	"github.com/admit-go/admit/internal/strictjson"
	"github.com/admit-go/admit/store"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// maxBody is the greatest size of a request body, in bytes.
const maxBody = 64 << 10

type errorBody struct {
	Error errorFields `json:"error"`
}

type errorFields struct {
	Code    string         `json:"code"`
	Message string         `json:"message"`
	Details map[string]any `json:"details,omitempty"`
}

func writeError(w http.ResponseWriter, e *Error) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	if e.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", "Bearer")
	}
	if e.RetryAfter > 0 {
		h.Set("Retry-After", retryAfter(e))
	}
	_ = writeJSON(w, e.Status, errorBody{errorFields{Code: e.Code, Message: e.Message, Details: e.Details}})
}

// retryAfter is how long to wait, in whole seconds (RFC 9110, section 10.2.3).
func retryAfter(e *Error) string { return strconv.Itoa(int(math.Ceil(e.RetryAfter.Seconds()))) }

// writeJSON sends one value. It fails only before anything was sent.
func writeJSON(w http.ResponseWriter, status int, value any) error {
	body, err := json.Marshal(value, json.Deterministic(true))
	if err != nil {
		return ErrInternal.because(err)
	}
	writeBody(w, status, body)
	return nil
}

// writeBody sends JSON.
func writeBody(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	h["Content-Type"] = []string{"application/json"}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that hung up is no error of ours
}

// object is a JSON object that is written member by member, without its end.
type object []byte

func (o *object) raw(name, value string) {
	before := byte(',')
	if len(*o) == 0 {
		before = '{'
	}
	*o = append(*o, before, '"')
	*o = append(*o, name...)
	*o = append(*o, '"', ':')
	*o = append(*o, value...)
}

func (o *object) text(name, value string) {
	o.raw(name, "")
	*o, _ = jsontext.AppendQuote(*o, value) // what is no UTF-8 is replaced, and is not in the store
}

func (o *object) optional(name, value string) {
	if value == "" {
		o.raw(name, "null")
		return
	}
	o.text(name, value)
}

func (o *object) instant(name string, at time.Time) {
	o.raw(name, "")
	*o = instant(at).append(*o)
}

type messageBody struct {
	Message string `json:"message"`
}

// instant is a time as the API shows it: UTC with milliseconds, null when zero.
type instant time.Time

func (t instant) append(b []byte) []byte {
	if time.Time(t).IsZero() {
		return append(b, "null"...)
	}
	return time.Time(t).UTC().AppendFormat(b, `"2006-01-02T15:04:05.000Z"`)
}

// MarshalJSONTo implements json.MarshalerTo.
func (t instant) MarshalJSONTo(to *jsontext.Encoder) error {
	return to.WriteValue(t.append(to.AvailableBuffer()))
}

// optional is a text that is null when it is not there.
type optional string

// MarshalJSONTo implements json.MarshalerTo.
func (t optional) MarshalJSONTo(to *jsontext.Encoder) error {
	if t == "" {
		return to.WriteToken(jsontext.Null)
	}
	return to.WriteToken(jsontext.String(string(t)))
}

// decode reads the body of a route that needs one.
func decode(r *http.Request, into any) error {
	if r.ContentLength > maxBody {
		return ErrPayloadTooLarge
	}
	if err := checkMediaType(r); err != nil {
		return err
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return ErrInvalidRequest.because(err)
	}
	if len(body) > maxBody {
		return ErrPayloadTooLarge
	}
	if err := strictjson.Unmarshal(body, into); err != nil {
		return ErrInvalidRequest.because(err)
	}
	return nil
}

func checkMediaType(r *http.Request) error {
	values := r.Header["Content-Type"]
	if len(values) != 1 || len(r.Header["Content-Encoding"]) > 0 {
		return ErrUnsupportedMediaType
	}
	if values[0] == "application/json" {
		return nil
	}
	kind, params, err := mime.ParseMediaType(values[0])
	if err != nil || kind != "application/json" {
		return ErrUnsupportedMediaType
	}
	if charset, ok := params["charset"]; ok && !strings.EqualFold(charset, "utf-8") {
		return ErrUnsupportedMediaType
	}
	return nil
}

// pageOf reads page and limit of a list.
func pageOf(r *http.Request, limit int) (store.Page, error) {
	page := store.Page{Number: 1, Limit: limit}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return page, ErrInvalidRequest.because(err)
	}
	if err := number(query["page"], 1, 1_000_000, &page.Number); err != nil {
		return page, ErrInvalidRequest.detail("page", err.Error())
	}
	if err := number(query["limit"], 1, 100, &page.Limit); err != nil {
		return page, ErrInvalidRequest.detail("limit", err.Error())
	}
	return page, nil
}

func number(values []string, least, most int, into *int) error {
	if len(values) == 0 {
		return nil
	}
	n, err := strconv.Atoi(values[0])
	if err != nil || len(values) > 1 || n < least || n > most || strconv.Itoa(n) != values[0] {
		return errors.New("must be a whole number from " + strconv.Itoa(least) + " to " + strconv.Itoa(most))
	}
	*into = n
	return nil
}

type listBody[T any] struct {
	Items      []T            `json:"items"`
	Pagination paginationBody `json:"pagination"`
}

type paginationBody struct {
	Page       int `json:"page"`
	Limit      int `json:"limit"`
	Total      int `json:"total"`
	TotalPages int `json:"totalPages"`
}

// writeList sends one page of records, each shown by a function.
func writeList[R, T any](w http.ResponseWriter, list Page[R], page PageParams, show func(R) T) error {
	body := listBody[T]{Items: make([]T, 0, len(list.Items)), Pagination: paginationBody{
		Page: page.Number, Limit: page.Limit, Total: list.Total, TotalPages: (list.Total + page.Limit - 1) / page.Limit,
	}}
	for _, record := range list.Items {
		body.Items = append(body.Items, show(record))
	}
	return writeJSON(w, http.StatusOK, body)
}

type sentBody struct {
	Message   string `json:"message"`
	Email     string `json:"email"`
	RequestID string `json:"requestId,omitempty"`
}

// writeSent answers every request for a mail, whoever it is for.
func writeSent(w http.ResponseWriter, status int, email, requestID string) error {
	return writeJSON(w, status, sentBody{"If the address can be used, a mail is on its way.", showEmail(email), requestID})
}

// showEmail gives back an address as it is kept.
func showEmail(email string) string {
	if address, err := emailaddress.Parse(email); err == nil {
		return address.Display
	}
	return ""
}
