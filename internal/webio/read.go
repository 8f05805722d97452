// Package webio reads requests and writes responses: JSON bodies, forms, pages
// of lists, and the one shape of an error. It knows no route and no rule.
//
// What a client got wrong is one of ErrTooLarge, ErrMediaType, ErrSyntax and
// *FieldError; nothing else is answered by the functions that read.
package webio

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/admit-go/admit/internal/strictjson"
	"github.com/admit-go/admit/store"
)

// MaxBody is the greatest size of a request body, in bytes.
const MaxBody = 64 << 10

var (
	// ErrTooLarge says that a body is larger than MaxBody.
	ErrTooLarge = errors.New("the body is larger than 64 KiB")
	// ErrMediaType says that a body is not what its route reads: another type,
	// another charset, or compressed.
	ErrMediaType = errors.New("the body is not sent as application/json")
	// ErrSyntax says that a body or a query cannot be read. An error that wraps
	// it tells why.
	ErrSyntax = errors.New("the request cannot be read")
)

// FieldError says what is wrong with one field of a form or a query.
type FieldError struct {
	// Field is the name of the field; Reason goes on after it, such as "must be
	// a whole number from 1 to 100".
	Field, Reason string
}

// Error returns the name of the field and the reason.
func (e *FieldError) Error() string { return e.Field + " " + e.Reason }

func syntax(cause error) error { return fmt.Errorf("%w: %w", ErrSyntax, cause) }

// ReadBody reads the body of a request into memory, up to one byte more than
// MaxBody, so that whoever decodes it later waits for nobody. What goes wrong is
// answered to whoever reads the body.
func ReadBody(r *http.Request) {
	if r.Body == nil || r.Body == http.NoBody || r.ContentLength > MaxBody {
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, MaxBody+1))
	r.Body = &heldBody{Reader: bytes.NewReader(body), closer: r.Body, err: err}
}

// heldBody is a body that was read, and the error that ended it.
type heldBody struct {
	*bytes.Reader
	closer io.Closer
	err    error
}

func (b *heldBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err == io.EOF && b.err != nil {
		err = b.err
	}
	return n, err
}

// WriteTo is not bytes.Reader's: it would hide the error.
func (b *heldBody) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, struct{ io.Reader }{b})
}

// Close closes the body of the connection.
func (b *heldBody) Close() error { return b.closer.Close() }

// Decode reads the body of a route that needs one: one JSON object, read as
// package strictjson does.
func Decode(r *http.Request, into any) error {
	if r.ContentLength > MaxBody {
		return ErrTooLarge
	}
	if err := checkMediaType(r); err != nil {
		return err
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, MaxBody+1))
	if err != nil {
		return syntax(err)
	}
	if len(body) > MaxBody {
		return ErrTooLarge
	}
	if err := strictjson.Unmarshal(body, into); err != nil {
		return syntax(err)
	}
	return nil
}

// DecodeOptional is Decode for a route without required fields: it takes no body
// at all, with or without a Content-Type, and leaves into as it is.
func DecodeOptional(r *http.Request, into any) error {
	if r.Body == nil {
		return nil
	}
	var first [1]byte
	n, err := io.ReadFull(r.Body, first[:])
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err != nil {
		return syntax(err)
	}
	r.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(first[:n]), r.Body), r.Body}
	return Decode(r, into)
}

// checkMediaType refuses what a page of another site can send without being
// asked, text/plain and forms above all.
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

// IsForm reports whether a request declares its body to be a form.
func IsForm(r *http.Request) bool {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return kind == "application/x-www-form-urlencoded"
}

// Form reads a body that is a form. The fields of the query are not among them.
func Form(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	if r.ContentLength > MaxBody {
		return nil, ErrTooLarge
	}
	r.Body = http.MaxBytesReader(w, r.Body, MaxBody)
	if err := r.ParseForm(); err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return nil, ErrTooLarge
		}
		return nil, syntax(err)
	}
	return r.PostForm, nil
}

// Query reads the query of a request.
func Query(r *http.Request) (url.Values, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, syntax(err)
	}
	return values, nil
}

// Fields puts fields of a form or a query where they belong, by name; others
// are passed over. A field that was given twice or is no text is a *FieldError.
func Fields(values url.Values, into map[string]*string) error {
	for _, name := range slices.Sorted(maps.Keys(into)) {
		given := values[name]
		switch {
		case len(given) == 0:
		case len(given) > 1:
			return &FieldError{name, "was given twice"}
		case !utf8.ValidString(given[0]) || strings.ContainsRune(given[0], 0):
			return &FieldError{name, "is not valid text"}
		default:
			*into[name] = given[0]
		}
	}
	return nil
}

// PageOf reads page and limit of a list. The first page and the given limit
// stand for what is not there; at most 100 records are a page.
func PageOf(r *http.Request, limit int) (store.Page, error) {
	page := store.Page{Number: 1, Limit: limit}
	query, err := Query(r)
	if err != nil {
		return page, err
	}
	if err := number(query, "page", 1, 1_000_000, &page.Number); err != nil {
		return page, err
	}
	if err := number(query, "limit", 1, 100, &page.Limit); err != nil {
		return page, err
	}
	return page, nil
}

// number reads a whole number in its one spelling: no sign, no zero in front.
func number(query url.Values, name string, least, most int, into *int) error {
	values := query[name]
	if len(values) == 0 {
		return nil
	}
	n, err := strconv.Atoi(values[0])
	if err != nil || len(values) > 1 || n < least || n > most || strconv.Itoa(n) != values[0] {
		return &FieldError{name, "must be a whole number from " + strconv.Itoa(least) + " to " + strconv.Itoa(most)}
	}
	*into = n
	return nil
}
