// Package strictjson reads request bodies so strictly that two readers cannot
// disagree about them (RFC 8259 with RFC 7493): case-sensitive names, no
// duplicate names, no trailing data, valid UTF-8, no U+0000.
package strictjson

import (
	"bytes"
	"errors"
	"io"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// ErrNotObject means that the body is valid JSON, but not an object.
var ErrNotObject = errors.New("the body must be a JSON object")

var errNUL = errors.New("text must not contain U+0000")

// Unmarshal reads one JSON object into a struct. Unknown names are ignored
// after the same checks.
func Unmarshal(data []byte, into any) error {
	if jsontext.Value(data).Kind() != '{' {
		// A syntax error is distinguished from a value of the wrong type.
		if !jsontext.Value(data).IsValid() {
			return errors.New("the body is not valid JSON")
		}
		return ErrNotObject
	}
	if err := json.Unmarshal(data, into); err != nil {
		return err
	}
	if bytes.Contains(data, []byte(`\u0000`)) {
		return refuseNUL(data)
	}
	return nil
}

// refuseNUL checks the tokens, because `\\u0000` is six harmless characters.
func refuseNUL(data []byte) error {
	decoder := jsontext.NewDecoder(bytes.NewReader(data))
	for {
		token, err := decoder.ReadToken()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if token.Kind() == '"' && strings.Contains(token.String(), "\x00") {
			return errNUL
		}
	}
}
