// Package webio reads requests and writes responses: JSON bodies, forms, pages
// of lists, and errors. It knows no route and no rule.
//
// The functions that read return ErrTooLarge, ErrMediaType, ErrSyntax or a
// *FieldError for a mistake of the client, and no other error.
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
	// ErrTooLarge means that a body is larger than MaxBody.
	ErrTooLarge = errors.New("the body is larger than 64 KiB")
	// ErrMediaType means that a body has the wrong type, the wrong charset, or
	// is compressed.
	ErrMediaType = errors.New("the body is not sent as application/json")
	// ErrSyntax means that a body or a query is malformed. An error that wraps
	// it has the reason.
	ErrSyntax = errors.New("the request cannot be read")
)

// FieldError describes a mistake in one field of a form or a query.
type FieldError struct {
	// Field is the name of the field. Reason continues the sentence after it,
	// such as "must be a whole number from 1 to 100".
	Field, Reason string
}

// Error returns the name of the field and the reason.
func (e *FieldError) Error() string { return e.Field + " " + e.Reason }

func syntax(cause error) error { return fmt.Errorf("%w: %w", ErrSyntax, cause) }

// ReadBody reads the body of a request into memory, up to one byte more than
// MaxBody, so that decoding it later does not wait for the client. An error is
// returned to the code that reads the body later.
func ReadBody(r *http.Request) {
	if r.Body == nil || r.Body == http.NoBody || r.ContentLength > MaxBody {
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, MaxBody+1))
	r.Body = &heldBody{Reader: bytes.NewReader(body), closer: r.Body, err: err}
}

// heldBody is a body in memory, and the error that ended it.
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

// WriteTo replaces the method of bytes.Reader, which would hide the error.
func (b *heldBody) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, struct{ io.Reader }{b})
}

// Close closes the body of the connection.
func (b *heldBody) Close() error { return b.closer.Close() }

// Decode reads the body of a route that needs one: one JSON object, in the way
// of package strictjson.
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

// DecodeOptional is Decode for a route without required fields. If there is no
// body, with or without a Content-Type, it does not change into.
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

// checkMediaType refuses the types that a page of another site can send without
// a preflight, above all text/plain and forms.
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

// IsUpload says whether a body is a form that can have files.
func IsUpload(r *http.Request) bool {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && kind == "multipart/form-data"
}

// Form reads a body that is a form. It does not include fields of the query.
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

// Fields stores fields of a form or a query by name, and ignores unknown
// fields. It returns a *FieldError for a field that was given twice or is not
// valid text.
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

// PageOf reads the page and the limit of a list. The defaults are page 1 and
// the given limit. A page has at most 100 records.
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

// number reads a whole number without a sign and without leading zeros.
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
