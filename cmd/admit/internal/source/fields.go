package source

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

// fields are those of one record: texts in CSV, any value in JSON.
type fields map[string]any

// absent are the words that databases and programs write for a value that is not
// there. "Null" is a family name and no such word.
var absent = map[string]bool{
	"": true, "NULL": true, "null": true, "None": true, "nil": true, "undefined": true, `\N`: true, "[NULL]": true, "(null)": true, "<null>": true,
	"NaN": true, "nan": true, "NaT": true, "<NA>": true,
}

// text returns the first of the named fields that is given, as text without
// blanks at its ends.
func (f fields) text(names ...string) string {
	for _, name := range names {
		if text := strings.TrimSpace(asText(f[name])); !absent[text] {
			return text
		}
	}
	return ""
}

// given says that one of the named fields holds something, whatever its shape.
func (f fields) given(names ...string) bool {
	for _, name := range names {
		switch value := f[name].(type) {
		case nil:
		case string:
			if !absent[strings.TrimSpace(value)] {
				return true
			}
		default:
			return true
		}
	}
	return false
}

func asText(value any) string {
	switch value := value.(type) {
	case string:
		return value
	case bool:
		return strconv.FormatBool(value)
	case float64:
		return strconv.FormatFloat(value, 'f', -1, 64)
	case map[string]any: // extended JSON writes {"$date": …}
		return fields(value).text("$date", "$numberLong")
	case []any:
		texts := make([]string, len(value))
		for i, item := range value {
			texts[i] = asText(item)
		}
		return strings.Join(texts, ",")
	}
	return ""
}

// truths are how databases, languages and spreadsheets write yes and no.
var truths = map[string]bool{
	"0": false, "f": false, "false": false, "n": false, "no": false, "off": false, "0.0": false, "[ ]": false, "b'0'": false, "\x00": false,
	"1": true, "t": true, "true": true, "y": true, "yes": true, "on": true, "1.0": true, "[v]": true, "b'1'": true, "\x01": true,
}

// truth reads a field that holds yes or no; absent is no.
func (f fields) truth(names ...string) (bool, error) {
	text := f.text(names...)
	if text == "" {
		return false, nil
	}
	value, known := truths[strings.ToLower(text)]
	if !known {
		return false, fmt.Errorf("%s is neither true nor false", names[0])
	}
	return value, nil
}

// layouts are how databases and programs write times. What names no zone is UTC.
var layouts = []string{
	time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02T15:04:05.999999999Z0700", "2006-01-02T15:04:05.999999999Z07",
	"2006-01-02 15:04:05.999999999", "2006-01-02 15:04:05.999999999Z07", "2006-01-02 15:04:05.999999999Z07:00",
	"2006-01-02 15:04:05.999999999 -0700", "2006-01-02 15:04:05.999999999 UTC", "2006-01-02 15:04:05.999999999 -0700 MST",
	"2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02",
}

// endless is the time of what never ends.
var endless = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)

// dayNumbers is above every number that a spreadsheet has for a day (the year
// 2173). As seconds these would all be the first day of 1970.
const dayNumbers = 100_000

// time reads a field as text, or as seconds or milliseconds since 1970; absent
// is the zero time, and so is the zero date of MySQL.
func (f fields) time(names ...string) (time.Time, error) {
	text := f.text(names...)
	switch {
	case text == "", strings.HasPrefix(text, "0000-00-00"), text == "-infinity":
		return time.Time{}, nil
	case text == "infinity":
		return endless, nil
	}
	if number, err := strconv.ParseFloat(text, 64); err == nil && number >= 1 && number < dayNumbers {
		return time.Time{}, fmt.Errorf("%s is the day number of a spreadsheet and no time", names[0])
	}
	at, ok := parseTime(text)
	if !ok {
		return time.Time{}, fmt.Errorf("%s is not a time", names[0])
	}
	if year := at.Year(); year < 1900 || year > 9999 {
		return time.Time{}, fmt.Errorf("%s is a time of no year between 1900 and 9999", names[0])
	}
	return at, nil
}

func parseTime(text string) (time.Time, bool) {
	if number, err := strconv.ParseFloat(text, 64); err == nil {
		if math.IsNaN(number) || math.Abs(number) > 1e15 {
			return time.Time{}, false
		}
		// Seconds reach this number in the year 5138, milliseconds did in 1973.
		if number < 100_000_000_000 {
			number *= 1000
		}
		return time.UnixMilli(int64(number)).UTC(), true
	}
	for _, layout := range layouts {
		if at, err := time.Parse(layout, text); err == nil {
			return at.UTC(), true
		}
	}
	return time.Time{}, false
}

// errShape says that a field holds something of a kind nobody expects there.
var errShape = errors.New("is of an unknown shape")

// object reads a field that holds an object, or its JSON text; nil when it does
// not.
func (f fields) object(name string) fields {
	switch value := f[name].(type) {
	case map[string]any:
		return value
	case string:
		var inner map[string]any
		if json.Unmarshal([]byte(value), &inner) == nil {
			return inner
		}
	}
	return nil
}

// list reads a field that holds a list of objects, or its JSON text.
func (f fields) list(name string) ([]fields, error) {
	if !f.given(name) {
		return nil, nil
	}
	items, ok := f[name].([]any)
	if text, isText := f[name].(string); isText {
		ok = json.Unmarshal([]byte(text), &items) == nil
	}
	if !ok {
		return nil, fmt.Errorf("%s %w", name, errShape)
	}
	list := make([]fields, len(items))
	for i, item := range items {
		object, ok := item.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("%s %w", name, errShape)
		}
		list[i] = object
	}
	return list, nil
}
