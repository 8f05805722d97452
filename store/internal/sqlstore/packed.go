package sqlstore

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// errPacked says that a packed row does not have the form that its statement
// makes.
var errPacked = errors.New("packed row cannot be read")

// unpack reads a JSON array of texts, whole numbers and nulls, as the databases
// write it, into fields. A field for bytes expects hexadecimal text. Null
// leaves a field unchanged. Texts share the memory of the row.
func unpack(row string, fields []any) error {
	rest, ok := strings.CutPrefix(row, "[")
	for i, field := range fields {
		n := length(rest)
		last := i == len(fields)-1
		if !ok || n == 0 || n >= len(rest) || last != (rest[n] == ']') {
			return errPacked
		}
		if err := unpackField(rest[:n], field); err != nil {
			return fmt.Errorf("%w: column %d: %w", errPacked, i+1, err)
		}
		rest = strings.TrimPrefix(rest[n+1:], " ")
	}
	if rest != "" {
		return errPacked
	}
	return nil
}

// length returns the length of the first element of rest, or 0 if the element
// has no end.
func length(rest string) int {
	if rest == "" || rest[0] != '"' {
		for i := range len(rest) {
			if rest[i] == ',' || rest[i] == ']' {
				return i
			}
		}
		return 0
	}
	n := 1
	for {
		quote := strings.IndexByte(rest[n:], '"')
		if quote < 0 {
			return 0
		}
		n += quote + 1
		// A quote after an odd number of backslashes is part of the text.
		before := n - 1
		for rest[before-1] == '\\' {
			before--
		}
		if (n-before)%2 == 1 {
			return n
		}
	}
}

func unpackField(element string, field any) (err error) {
	if element == "null" {
		return nil
	}
	switch f := field.(type) {
	case *string:
		*f, err = unquote(element)
	case *int64:
		*f, err = strconv.ParseInt(element, 10, 64)
	case *int:
		*f, err = strconv.Atoi(element)
	case *moment:
		var n int64
		n, err = strconv.ParseInt(element, 10, 64)
		f.set(n)
	case *flag:
		*f = element != "0"
	case *[]byte:
		var text string
		if text, err = unquote(element); err == nil {
			*f, err = hex.DecodeString(text)
		}
	case *list:
		var text string
		if text, err = unquote(element); err == nil {
			err = f.Scan(text)
		}
	default:
		err = fmt.Errorf("no way to read a %T", field)
	}
	return err
}

// unquote reads a JSON string, mostly without a copy.
func unquote(element string) (string, error) {
	if len(element) < 2 || element[0] != '"' {
		return "", errPacked
	}
	if strings.IndexByte(element, '\\') < 0 {
		return element[1 : len(element)-1], nil
	}
	var text string
	err := json.Unmarshal([]byte(element), &text)
	return text, err
}
