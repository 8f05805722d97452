package sqlstore

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/admit-go/admit/store/internal/text"
)

// micros returns a time in the form of a column: microseconds since 1970, and 0
// for the zero time.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return text.Time(t).UnixMicro()
}

// bit returns a bool in the form of a column.
func bit(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// full returns bytes for a column that is never NULL.
func full(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// moment reads a time from its column.
type moment time.Time

// Scan implements sql.Scanner.
func (m *moment) Scan(column any) error {
	n, ok := column.(int64)
	if !ok {
		return fmt.Errorf("time kept as %T", column)
	}
	m.set(n)
	return nil
}

func (m *moment) set(n int64) {
	*m = moment{}
	if n != 0 {
		*m = moment(time.UnixMicro(n).UTC())
	}
}

// flag reads a bool from its column.
type flag bool

// Scan implements sql.Scanner.
func (f *flag) Scan(column any) error {
	switch c := column.(type) {
	case int64:
		*f = c != 0
	case bool:
		*f = flag(c)
	default:
		return fmt.Errorf("truth kept as %T", column)
	}
	return nil
}

// list is texts in one column: a JSON array, or NULL for nil. Nil differs from
// an empty array.
type list []string

// column returns the list in the form of its column.
func (l list) column() (any, error) {
	if l == nil {
		return nil, nil
	}
	return jsonText([]string(l))
}

// Scan implements sql.Scanner.
func (l *list) Scan(column any) error {
	*l = nil
	switch c := column.(type) {
	case nil:
		return nil
	case string:
		return json.Unmarshal([]byte(c), l)
	case []byte:
		return json.Unmarshal(c, l)
	default:
		return fmt.Errorf("list kept as %T", column)
	}
}

// jsonText returns v as JSON, for an argument of a statement.
func jsonText(v any) (string, error) {
	b, err := json.Marshal(v)
	return string(b), err
}
