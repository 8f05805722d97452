package strictjson_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/admit-go/admit/internal/strictjson"
)

type body struct {
	Email string   `json:"email"`
	Age   int      `json:"age"`
	List  []string `json:"list"`
}

func TestIO02_RefusesWhatTwoReadersCouldReadDifferently(t *testing.T) {
	for name, text := range map[string]string{
		"duplicate key":           `{"email":"a","email":"b"}`,
		"duplicate unknown key":   `{"x":1,"x":2}`,
		"nested duplicate":        `{"x":{"a":1,"a":2}}`,
		"duplicate by escape":     `{"email":"a","\u0065mail":"b"}`,
		"trailing data":           `{"email":"a"}{}`,
		"trailing word":           `{"email":"a"} x`,
		"array":                   `[]`,
		"string":                  `"a"`,
		"null":                    `null`,
		"number for a string":     `{"email":1}`,
		"bool for a string":       `{"email":true}`,
		"object for a string":     `{"email":{}}`,
		"array for a string":      `{"email":["a"]}`,
		"string for a number":     `{"age":"1"}`,
		"fraction for an integer": `{"age":1.5}`,
		"huge number":             `{"age":1e400}`,
		"raw invalid UTF-8":       "{\"email\":\"\xff\"}",
		"overlong encoding":       "{\"email\":\"\xc0\xaf\"}",
		"lone surrogate":          `{"email":"\ud800"}`,
		"NUL escape":              `{"email":"a\u0000b"}`,
		"NUL in an unknown key":   `{"x\u0000":1}`,
		"NUL deep in unknown":     `{"x":[{"y":"\u0000"}]}`,
		"raw NUL":                 "{\"email\":\"\x00\"}",
		"comment":                 `{"email":"a"/**/}`,
		"trailing comma":          `{"email":"a",}`,
		"byte order mark":         "\ufeff{}",
		"cut off":                 `{"email":"a`,
		"empty":                   ``,
		"too deep":                `{"x":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `}`,
	} {
		var into body
		if err := strictjson.Unmarshal([]byte(text), &into); err == nil {
			t.Errorf("%s was taken: %.60q", name, text)
		}
	}
}

func TestIO02_KeysMatchExactlyAndUnknownOnesAreIgnored(t *testing.T) {
	var into body
	text := `{"Email":"x","EMAIL":"y","role":"admin","email":"a\\u0000","age":3,"list":null}`
	if err := strictjson.Unmarshal([]byte(text), &into); err != nil {
		t.Fatal(err)
	}
	if into.Email != `a\u0000` || into.Age != 3 || into.List != nil {
		t.Fatalf("got %+v", into)
	}
}

func TestAnObjectIsAskedForByName(t *testing.T) {
	var into body
	if err := strictjson.Unmarshal([]byte(`[1]`), &into); !errors.Is(err, strictjson.ErrNotObject) {
		t.Fatalf("got %v", err)
	}
}

func FuzzUnmarshalNeverPanics(f *testing.F) {
	f.Add([]byte(`{"email":"a","age":1,"list":["\u0000"]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var into body
		if strictjson.Unmarshal(data, &into) == nil && strings.Contains(into.Email, "\x00") {
			t.Fatalf("U+0000 came through: %q", data)
		}
	})
}
