package source

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

// fields are those of one record: texts in CSV, any value in JSON.
type fields map[string]any

// text returns the first of the named fields that is given, as text.
func (f fields) text(names ...string) string {
	for _, name := range names {
		if text := asText(f[name]); text != "" {
			return text
		}
	}
	return ""
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

// truth reads a field as the databases and languages write it; absent is false.
func (f fields) truth(names ...string) (bool, error) {
	switch text := f.text(names...); strings.ToLower(text) {
	case "", "0", "f", "false", "n", "no", "off":
		return false, nil
	case "1", "t", "true", "y", "yes", "on":
		return true, nil
	default:
		return false, fmt.Errorf("%s is neither true nor false", names[0])
	}
}

// layouts are how databases and programs write times. What names no zone is UTC.
var layouts = []string{
	time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02T15:04:05.999999999Z0700",
	"2006-01-02 15:04:05.999999999", "2006-01-02 15:04:05.999999999Z07", "2006-01-02 15:04:05.999999999Z07:00",
	"2006-01-02 15:04:05.999999999 -0700", "2006-01-02 15:04:05.999999999 UTC", "2006-01-02",
}

// time reads a field as text, or as seconds or milliseconds since 1970; absent
// is the zero time.
func (f fields) time(names ...string) (time.Time, error) {
	text := f.text(names...)
	if text == "" {
		return time.Time{}, nil
	}
	if number, err := strconv.ParseInt(text, 10, 64); err == nil {
		// Seconds reach this number in the year 5138, milliseconds did in 1973.
		if number < 100_000_000_000 {
			return time.Unix(number, 0).UTC(), nil
		}
		return time.UnixMilli(number).UTC(), nil
	}
	for _, layout := range layouts {
		if at, err := time.Parse(layout, text); err == nil {
			return at.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%s is not a time", names[0])
}

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

// list reads a field that holds a list of objects.
func (f fields) list(name string) []fields {
	items, _ := f[name].([]any)
	var list []fields
	for _, item := range items {
		if object, ok := item.(map[string]any); ok {
			list = append(list, object)
		}
	}
	return list
}
