package webio

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/admit-go/admit/store"
)

type named struct {
	Name string `json:"name"`
}

func posted(kind string, body io.Reader) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/", body)
	r.Header.Set("Content-Type", kind)
	return r
}

// unsized hides how long a text is, as a chunked body does.
func unsized(text string) io.Reader { return io.MultiReader(strings.NewReader(text)) }

func TestDecodeReadsOneObject(t *testing.T) {
	for body, want := range map[string]error{
		`{"name":"Ann"}`:                nil,
		` {"name":"Ann","other":[1]} `:  nil,
		`{"Name":"Bob","name":"Ann"}`:   nil,
		`{"name":"Ann","name":"Bob"}`:   ErrSyntax,
		`{"name":"Ann"}{"name":"Bob"}`:  ErrSyntax,
		`{"name":"Ann\u0000"}`:          ErrSyntax,
		"{\"name\":\"Ann\xff\"}":        ErrSyntax,
		`{"name":7}`:                    ErrSyntax,
		`["Ann"]`:                       ErrSyntax,
		``:                              ErrSyntax,
		`{"name":"Ann`:                  ErrSyntax,
		"\ufeff" + `{"name":"Ann"}`:     ErrSyntax,
		`{"name":"Ann"} // a comment`:   ErrSyntax,
		`{"name":"Ann","x":{"a":1,}}`:   ErrSyntax,
		`{"name":"Ann","x":"\ud800\"}"`: ErrSyntax,
	} {
		var in named
		err := Decode(posted("application/json", strings.NewReader(body)), &in)
		if !errors.Is(err, want) || err == nil && in.Name != "Ann" {
			t.Errorf("%s: got %+v, %v", body, in, err)
		}
	}
}

func TestDecodeReadsNoMoreThanMaxBody(t *testing.T) {
	body := func(size int) string { return `{"name":"Ann"}` + strings.Repeat(" ", size-len(`{"name":"Ann"}`)) }
	for name, try := range map[string]struct {
		body io.Reader
		want error
	}{
		"as large as allowed":          {strings.NewReader(body(MaxBody)), nil},
		"larger":                       {strings.NewReader(body(MaxBody + 1)), ErrTooLarge},
		"chunked, as large as allowed": {unsized(body(MaxBody)), nil},
		"chunked, larger":              {unsized(body(MaxBody + 1)), ErrTooLarge},
	} {
		var in named
		if err := Decode(posted("application/json", try.body), &in); !errors.Is(err, try.want) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestDecodeReadsJSONAlone(t *testing.T) {
	for kind, want := range map[string]error{
		"application/json":                  nil,
		"Application/JSON; charset=UTF-8":   nil,
		"application/json; charset=latin1":  ErrMediaType,
		"text/plain":                        ErrMediaType,
		"application/x-www-form-urlencoded": ErrMediaType,
		"multipart/form-data; boundary=b":   ErrMediaType,
		"application/problem+json":          ErrMediaType,
		"":                                  ErrMediaType,
		"application/json; charset":         ErrMediaType,
	} {
		if err := Decode(posted(kind, strings.NewReader(`{}`)), &named{}); !errors.Is(err, want) {
			t.Errorf("%q: got %v", kind, err)
		}
	}
	compressed, twice, none := posted("application/json", strings.NewReader(`{}`)), posted("application/json", strings.NewReader(`{}`)), posted("", strings.NewReader(`{}`))
	compressed.Header.Set("Content-Encoding", "gzip")
	twice.Header.Add("Content-Type", "application/json")
	none.Header.Del("Content-Type")
	for name, r := range map[string]*http.Request{"compressed": compressed, "two types": twice, "no type": none} {
		if err := Decode(r, &named{}); !errors.Is(err, ErrMediaType) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// broken is a body whose client hangs up.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestABodyThatBreaksOffCannotBeRead(t *testing.T) {
	err := Decode(posted("application/json", broken{}), &named{})
	if !errors.Is(err, ErrSyntax) || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("JSON: got %v", err)
	}
	if _, err := Form(httptest.NewRecorder(), posted("application/x-www-form-urlencoded", broken{})); !errors.Is(err, ErrSyntax) {
		t.Errorf("form: got %v", err)
	}
}

func TestFormReadsTheBodyAlone(t *testing.T) {
	r := posted("application/x-www-form-urlencoded; charset=utf-8", strings.NewReader("token=a%20b&x=1"))
	r.URL.RawQuery = "token=of-the-query"
	if !IsForm(r) || IsForm(posted("application/json", nil)) || IsForm(httptest.NewRequest(http.MethodPost, "/", nil)) {
		t.Error("a form is not told apart")
	}
	values, err := Form(httptest.NewRecorder(), r)
	if err != nil || len(values["token"]) != 1 || values.Get("token") != "a b" {
		t.Errorf("got %v, %v", values, err)
	}
	large := "token=" + strings.Repeat("a", MaxBody)
	for name, try := range map[string]struct {
		body io.Reader
		want error
	}{
		"larger": {strings.NewReader(large), ErrTooLarge}, "chunked, larger": {unsized(large), ErrTooLarge},
		"as large as allowed": {unsized(large[:MaxBody]), nil}, "badly encoded": {strings.NewReader("token=%zz"), ErrSyntax},
	} {
		if _, err := Form(httptest.NewRecorder(), posted("application/x-www-form-urlencoded", try.body)); !errors.Is(err, try.want) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestFieldsAreTextAndGivenOnce(t *testing.T) {
	for query, want := range map[string]string{
		"token=a&email=b&more=c&more=d": "",
		"token=a":                       "",
		"token=":                        "",
		"token=a&token=a":               "token was given twice",
		"email=%ff":                     "email is not valid text",
		"email=a%00":                    "email is not valid text",
		"token=%00&email=%00":           "email is not valid text",
	} {
		token, email := "", ""
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		err = Fields(values, map[string]*string{"token": &token, "email": &email})
		field, ok := errors.AsType[*FieldError](err)
		switch {
		case want == "" && (err != nil || token != values.Get("token") || email != values.Get("email")):
			t.Errorf("%s: got %q, %q, %v", query, token, email, err)
		case want != "" && (!ok || field.Error() != want):
			t.Errorf("%s: got %v", query, err)
		}
	}
}

func TestPageOfTakesOnlyWholeNumbersInRange(t *testing.T) {
	for query, want := range map[string]store.Page{
		"": {Number: 1, Limit: 10}, "page=3": {Number: 3, Limit: 10}, "page=2&limit=100&x=y": {Number: 2, Limit: 100},
		"page=1000000&limit=1": {Number: 1_000_000, Limit: 1},
	} {
		page, err := PageOf(httptest.NewRequest(http.MethodGet, "/?"+query, nil), 10)
		if err != nil || page != want {
			t.Errorf("%q: got %+v, %v", query, page, err)
		}
	}
	for query, want := range map[string]string{
		"page=0": "page", "page=-1": "page", "page=%2B1": "page", "page=01": "page", "page=1000001": "page", "page=": "page",
		"page=1&page=1": "page", "page=1.0": "page", "limit=101": "limit", "limit=0": "limit", "limit=ten": "limit",
		"page=99999999999999999999": "page",
	} {
		_, err := PageOf(httptest.NewRequest(http.MethodGet, "/?"+query, nil), 10)
		if field, ok := errors.AsType[*FieldError](err); !ok || field.Field != want {
			t.Errorf("%q: got %v", query, err)
		}
	}
	if _, err := PageOf(httptest.NewRequest(http.MethodGet, "/?page=%zz", nil), 10); !errors.Is(err, ErrSyntax) {
		t.Errorf("a query that is badly encoded: %v", err)
	}
}

func FuzzDecodeAnswersItsOwnErrors(f *testing.F) {
	f.Add("application/json", `{"name":"Ann"}`)
	f.Add("application/json;charset=utf-8", `{"name":"\u0000"}`)
	f.Fuzz(func(t *testing.T, kind, body string) {
		r := posted("", strings.NewReader(body))
		r.Header["Content-Type"] = []string{kind}
		err := Decode(r, &named{})
		if err != nil && !errors.Is(err, ErrTooLarge) && !errors.Is(err, ErrMediaType) && !errors.Is(err, ErrSyntax) {
			t.Errorf("answered %v", err)
		}
	})
}
