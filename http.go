package admit

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"mime"
	"net/http"
	"net/url"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/admit-go/admit/internal/strictjson"
	"github.com/admit-go/admit/store"
)

// maxBody is the greatest size of a request body, in bytes.
const maxBody = 64 << 10

// serve answers every request to the handler.
func (a *Auth) serve(w http.ResponseWriter, r *http.Request) {
	id := requestID()
	h := w.Header()
	values := []string{id, "no-store", "nosniff"}
	h["X-Request-Id"], h["Cache-Control"], h["X-Content-Type-Options"] = values[0:1:1], values[1:2:2], values[2:3:3]

	ctx := &requestContext{request: r, requestID: id, auth: a, caller: caller{by: a.machinery}}
	ctx.lookup.start(a.requestBegan(r.Context()), a.config.RequestTimeout)
	defer ctx.lookup.stop()
	ctx.Context = &ctx.lookup
	r = r.WithContext(ctx)
	out := &recorded{ResponseWriter: w}
	w = out
	began := time.Now()
	var at *node

	if a.config.Instrument.RequestEnded != nil {
		defer func() { a.requestEnded(ctx, r, at, out.status, time.Since(began)) }()
	}
	defer func() {
		if cause := recover(); cause != nil {
			if err, ok := cause.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(cause)
			}
			a.log.ErrorContext(ctx, "panic while answering a request", "request", id,
				"panic", cause, "stack", string(debug.Stack()))
			writeError(w, ErrInternal.detail("requestId", id))
		}
		a.logRequest(ctx, r, at, out.status, began)
	}()

	at = a.router.find(r)
	if done := a.crossOrigin(w, r, at); done {
		return
	}
	if err := a.dispatch(w, r, at, ctx); err != nil {
		a.fail(w, r, err)
	}
}

// recorded remembers the status that was sent.
type recorded struct {
	http.ResponseWriter
	status int
}

func (w *recorded) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the writer below.
func (w *recorded) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// logRequest writes the one line of a request. It names the route, not the
// path: a path may hold what somebody typed.
func (a *Auth) logRequest(ctx *requestContext, r *http.Request, at *node, status int, began time.Time) {
	if !a.log.Enabled(ctx, slog.LevelInfo) {
		return
	}
	pattern := ""
	if at != nil {
		if found := at.serves(r.Method); found != nil {
			pattern = found.path
		}
	}
	// The line is the same from wherever it is written, so nobody looks for where.
	took := time.Since(began)
	line := slog.NewRecord(began.Add(took), slog.LevelInfo, "request", 0)
	line.AddAttrs(slog.String("request", ctx.requestID), slog.String("method", method(r.Method)), slog.String("route", pattern),
		slog.Int("status", status), slog.Duration("took", took))
	_ = a.log.Handler().Handle(ctx, line)
}

// method keeps made-up methods out of the log.
func method(name string) string {
	switch name {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return name
	}
	return "other"
}

// dispatch finds the route, asks who calls and whether they may, and serves.
func (a *Auth) dispatch(w http.ResponseWriter, r *http.Request, at *node, ctx *requestContext) error {
	if at == nil {
		return ErrNotFound
	}
	matched := at.serves(r.Method)
	if matched == nil {
		w.Header().Set("Allow", at.allow)
		return ErrMethodNotAllowed
	}
	if err := a.identify(r, &ctx.caller, matched); err != nil {
		return err
	}
	return a.limited(w, r, matched)
}

// fail answers with an error. Only what nobody foresaw is logged as an error;
// a store that is down is a warning with its cause.
func (a *Auth) fail(w http.ResponseWriter, r *http.Request, err error) {
	answer := asError(err)
	id := w.Header().Get("X-Request-Id")
	switch {
	case answer.Status == http.StatusServiceUnavailable:
		level := slog.LevelWarn
		if errors.Is(r.Context().Err(), context.Canceled) {
			level = slog.LevelDebug // the client hung up
		}
		a.log.Log(r.Context(), level, "request refused", "request", id, "error", err)
	case answer.Status >= http.StatusInternalServerError:
		a.log.ErrorContext(r.Context(), "request failed", "request", id, "error", err)
		answer = ErrInternal.detail("requestId", id)
	}
	writeError(w, answer)
}

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
		return ErrTooLarge
	}
	if err := checkMediaType(r); err != nil {
		return err
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return ErrInvalidRequest.because(err)
	}
	if len(body) > maxBody {
		return ErrTooLarge
	}
	if err := strictjson.Unmarshal(body, into); err != nil {
		return ErrInvalidRequest.because(err)
	}
	return nil
}

func checkMediaType(r *http.Request) error {
	values := r.Header["Content-Type"]
	if len(values) != 1 || len(r.Header["Content-Encoding"]) > 0 {
		return ErrMediaType
	}
	if values[0] == "application/json" {
		return nil
	}
	kind, params, err := mime.ParseMediaType(values[0])
	if err != nil || kind != "application/json" {
		return ErrMediaType
	}
	if charset, ok := params["charset"]; ok && !strings.EqualFold(charset, "utf-8") {
		return ErrMediaType
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
func writeList[R, T any](w http.ResponseWriter, records []R, total int, page store.Page, show func(R) T) error {
	body := listBody[T]{Items: make([]T, 0, len(records)), Pagination: paginationBody{
		Page: page.Number, Limit: page.Limit, Total: total, TotalPages: (total + page.Limit - 1) / page.Limit,
	}}
	for _, record := range records {
		body.Items = append(body.Items, show(record))
	}
	return writeJSON(w, http.StatusOK, body)
}

// requestID names a request in logs. It is no secret, so it need not be one.
func requestID() string {
	var raw [8]byte
	for i, n := 0, rand.Uint64(); i < 8; i, n = i+1, n>>8 {
		raw[i] = byte(n)
	}
	return hex.EncodeToString(raw[:])
}
