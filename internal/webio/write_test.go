package webio

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/admit-go/admit/store"
)

func TestWriteSendsJSONAndItsLength(t *testing.T) {
	w := httptest.NewRecorder()
	if err := Write(w, http.StatusCreated, Message("<made>")); err != nil {
		t.Fatal(err)
	}
	body := w.Body.String()
	if w.Code != http.StatusCreated || body != `{"message":"<made>"}` || w.Header().Get("Content-Type") != "application/json" ||
		w.Header().Get("Content-Length") != strconv.Itoa(len(body)) {
		t.Errorf("sent %d %v %s", w.Code, w.Header(), body)
	}
}

func TestWriteSendsNothingOfWhatCannotBeShown(t *testing.T) {
	w := httptest.NewRecorder()
	if err := Write(w, http.StatusOK, map[string]any{"a": 1, "b": make(chan int)}); err == nil {
		t.Error("a channel was encoded")
	}
	if w.Body.Len() > 0 || len(w.Header()) > 0 {
		t.Errorf("sent %v %s", w.Header(), w.Body)
	}
}

func TestAnErrorHasOneShape(t *testing.T) {
	for name, try := range map[string]struct {
		failure Failure
		body    string
		headers map[string]string
	}{
		"plain": {
			Failure{Status: http.StatusNotFound, Code: "auth/not-found", Message: "There is nothing here."},
			`{"error":{"code":"auth/not-found","message":"There is nothing here."}}`,
			map[string]string{"Retry-After": "", "WWW-Authenticate": ""},
		},
		"with details": {
			Failure{Status: http.StatusBadRequest, Code: "c", Message: "m", Details: map[string]any{"b": "2", "a": 1}},
			`{"error":{"code":"c","message":"m","details":{"a":1,"b":"2"}}}`, nil,
		},
		"unauthorized": {
			Failure{Status: http.StatusUnauthorized, Code: "c", Message: "m"}, `{"error":{"code":"c","message":"m"}}`,
			map[string]string{"WWW-Authenticate": "Bearer"},
		},
		"later": {
			Failure{Status: http.StatusTooManyRequests, Code: "c", Message: "m", RetryAfter: 1500 * time.Millisecond},
			`{"error":{"code":"c","message":"m"}}`, map[string]string{"Retry-After": "2"},
		},
		"details that cannot be shown": {
			Failure{Status: http.StatusBadRequest, Code: "c", Message: "m", Details: map[string]any{"a": "\xff"}},
			`{"error":{"code":"c","message":"m"}}`, nil,
		},
	} {
		w := httptest.NewRecorder()
		w.Header().Set("Cache-Control", "public, max-age=300")
		WriteError(w, try.failure)
		if w.Code != try.failure.Status || w.Body.String() != try.body || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: sent %d %v %s", name, w.Code, w.Header(), w.Body)
		}
		for header, want := range try.headers {
			if got := w.Header().Get(header); got != want {
				t.Errorf("%s: %s is %q", name, header, got)
			}
		}
	}
}

func TestAListTellsWhichPageItIs(t *testing.T) {
	for name, try := range map[string]struct {
		records []int
		total   int
		page    store.Page
		want    string
	}{
		"some": {[]int{7, 8}, 5, store.Page{Number: 2, Limit: 2}, `{"items":["7","8"],"pagination":{"page":2,"limit":2,"total":5,"totalPages":3}}`},
		"none": {nil, 0, store.Page{Number: 1, Limit: 10}, `{"items":[],"pagination":{"page":1,"limit":10,"total":0,"totalPages":0}}`},
		"full": {[]int{1}, 10, store.Page{Number: 10, Limit: 1}, `{"items":["1"],"pagination":{"page":10,"limit":1,"total":10,"totalPages":10}}`},
	} {
		w := httptest.NewRecorder()
		if err := WriteList(w, try.records, try.total, try.page, strconv.Itoa); err != nil || w.Body.String() != try.want {
			t.Errorf("%s: sent %s, %v", name, w.Body, err)
		}
	}
}

func TestAnObjectReadsAsItsStructWould(t *testing.T) {
	at := time.Date(2026, 3, 4, 5, 6, 7, 8_900_000, time.FixedZone("east", 3600))
	var o Object
	o.Text("name", "An\"n\u2028\x01<é")
	o.Optional("image", "")
	o.Optional("nickname", "A")
	o.Instant("at", at)
	o.Instant("never", time.Time{})
	o.Raw("on", "true")
	w := httptest.NewRecorder()
	if err := Write(w, http.StatusOK, struct {
		Name     string   `json:"name"`
		Image    Optional `json:"image"`
		Nickname Optional `json:"nickname"`
		At       Instant  `json:"at"`
		Never    Instant  `json:"never"`
		On       bool     `json:"on"`
	}{"An\"n\u2028\x01<é", "", "A", Instant(at), Instant{}, true}); err != nil {
		t.Fatal(err)
	}
	if got := string(o.End()); got != w.Body.String() {
		t.Errorf("the object is\n%s, the struct\n%s", got, w.Body)
	}
	var back map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &back); err != nil || back["at"] != "2026-03-04T04:06:07.008Z" || back["never"] != nil {
		t.Errorf("read back %v, %v", back, err)
	}
}

func TestAnObjectIsAlwaysJSON(t *testing.T) {
	var o Object
	if got := string(o.End()); got != "{}" {
		t.Errorf("an empty one is %s", got)
	}
	o.Text("name", "\xff")
	if got := o.End(); !json.Valid(got) {
		t.Errorf("text that is not UTF-8 makes %s", got)
	}
}

func FuzzObjectIsJSON(f *testing.F) {
	f.Add("An\"n\\\u2028")
	f.Fuzz(func(t *testing.T, text string) {
		o := make(Object, 0, 64)
		o.Text("a", text)
		o.Optional("b", text)
		if got := o.End(); !json.Valid(got) {
			t.Errorf("%q makes %s", text, got)
		}
	})
}
