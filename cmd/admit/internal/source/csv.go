package source

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	// maxRowLines bounds how many lines a quote that is never closed can take in.
	maxRowLines = 1000
	maxColumns  = 1000
)

// readCSV reads rows under the names in the first line, which it reads again
// when it starts further on.
func (r *Reader) readCSV(file io.ReadSeeker) error {
	rows := &csvReader{comma: ','}
	if systems[r.options.System].headless {
		lines, err := newLineReader(file, &r.at)
		if err != nil {
			return err
		}
		r.next = func() (int, fields, error) { return r.firebaseRow(lines) }
		return nil
	}
	start := Position{}
	var err error
	if rows.lineReader, err = newLineReader(file, &start); err != nil {
		return err
	}
	if err := rows.readHead(); err != nil {
		return err
	}
	r.unknown = r.options.unknown(rows.columns)
	if r.at.Offset == 0 {
		r.at = start
	}
	if rows.lineReader, err = newLineReader(file, &r.at); err != nil {
		return err
	}
	r.next = rows.next
	return nil
}

// csvReader reads rows of RFC 4180, separated by commas, semicolons or tabs, as
// the first line has them.
type csvReader struct {
	*lineReader
	comma   byte
	columns []string
}

// readHead reads the names of the columns, and passes over blank lines, and over
// what Excel (sep=;) and PowerShell (#TYPE …) write before them.
func (c *csvReader) readHead() error {
	var text []byte
	for before := 0; before < 3; {
		lines, size, err := c.row()
		if errors.Is(err, io.EOF) {
			return errors.New("the file is empty; the first line must name the columns")
		}
		if err != nil {
			return err
		}
		text = bytes.TrimRight(bytes.Join(lines, nil), "\r\n")
		if size > maxLine {
			return errors.New("the first line must name the columns; it is longer than 4 MiB")
		}
		if len(bytes.TrimSpace(text)) == 0 {
			continue
		}
		before++
		separator, isSeparator := bytes.CutPrefix(text, []byte("sep="))
		if !isSeparator && !bytes.HasPrefix(text, []byte("#TYPE ")) {
			break
		}
		if isSeparator && len(separator) == 1 {
			c.comma = separator[0]
		}
	}
	if c.comma == ',' && !bytes.Contains(text, []byte(",")) {
		for _, other := range []byte{';', '\t', '|'} {
			if bytes.IndexByte(text, other) >= 0 {
				c.comma = other
				break
			}
		}
	}
	names, err := c.parse(text)
	switch {
	case bytes.HasPrefix(text, []byte("PK\x03\x04")):
		return errors.New("it is a spreadsheet or an archive and no CSV; save it as CSV in UTF-8")
	case bytes.HasPrefix(text, []byte("\x1f\x8b")):
		return errors.New("it is compressed; unpack it first")
	case err != nil || !utf8.Valid(text):
		return errors.New("the first line must name the columns; it is not CSV in UTF-8")
	case len(names) > maxColumns:
		return fmt.Errorf("the first line names %d columns, which is more than %d", len(names), maxColumns)
	}
	for i, name := range names {
		names[i] = strings.TrimSpace(name)
		if names[i] != "" && slices.Contains(names[:i], names[i]) {
			return fmt.Errorf("the first line names the column %.80q twice", names[i])
		}
	}
	c.columns = names
	return nil
}

// row returns the lines of the next row: one, or more while a quote is open.
func (c *csvReader) row() (lines [][]byte, size int, err error) {
	for quotes := 0; ; {
		line, n, err := c.lineReader.next()
		if err != nil {
			if len(lines) > 0 && errors.Is(err, io.EOF) {
				return lines, size, nil
			}
			return nil, 0, err
		}
		lines, size = append(lines, line), size+n
		quotes += bytes.Count(line, []byte{'"'})
		if quotes%2 == 0 || size > maxLine || len(lines) == maxRowLines {
			return lines, size, nil
		}
	}
}

// next reads a row. Where a quote is never closed, only the line it stands in is
// lost: the ones it would take in are read by themselves.
func (c *csvReader) next() (int, fields, error) {
	for {
		lines, size, err := c.row()
		if err != nil {
			return 0, nil, err
		}
		first := c.at.Line - len(lines) + 1
		text := bytes.TrimRight(bytes.Join(lines, nil), "\r\n")
		if len(lines) == 1 && size <= maxLine && len(bytes.TrimSpace(text)) == 0 {
			continue
		}
		row, err := c.parse(text)
		switch {
		case len(lines) == 1 && size > maxLine:
			return first, nil, unreadable("is longer than %d MiB", maxLine>>20)
		case len(lines) > 1 && (err != nil || size > maxLine || len(row) != len(c.columns)):
			c.unread(lines[1:])
			return first, nil, unreadable("has a quote that is never closed")
		case err != nil:
			return first, nil, err
		case !utf8.Valid(text):
			return first, nil, unreadable("is not UTF-8; save the file as UTF-8")
		case len(row) > len(c.columns):
			return first, nil, unreadable("has %d columns where %d are named", len(row), len(c.columns))
		}
		f := make(fields, len(row))
		for i, text := range row {
			if c.columns[i] != "" && text != "" {
				f[c.columns[i]] = text
			}
		}
		return first, f, nil
	}
}

// parse splits a row into its fields.
func (c *csvReader) parse(text []byte) ([]string, error) {
	var row []string
	rest := string(text)
	for {
		if !strings.HasPrefix(rest, `"`) {
			field, after, more := strings.Cut(rest, string(rune(c.comma)))
			if strings.Contains(field, `"`) {
				return nil, unreadable("has a quote inside a field that does not begin with one")
			}
			row = append(row, field)
			if !more {
				return row, nil
			}
			rest = after
			continue
		}
		end := 1
		for {
			at := strings.IndexByte(rest[end:], '"')
			if at < 0 {
				return nil, unreadable("has a quote that is never closed")
			}
			if end += at + 1; end == len(rest) || rest[end] != '"' {
				break
			}
			end++
		}
		field := strings.ReplaceAll(rest[1:end-1], `""`, `"`)
		row = append(row, strings.ReplaceAll(field, "\r\n", "\n"))
		if end == len(rest) {
			return row, nil
		}
		if rest[end] != c.comma {
			return nil, unreadable("has text behind a quoted field")
		}
		rest = rest[end+1:]
	}
}

// The columns of firebase auth:export --format=csv. What stands behind them has
// grown over the years and is not needed.
var firebaseColumns = map[int]string{
	0: "localId", 1: "email", 2: "emailVerified", 3: "passwordHash", 4: "salt", 5: "displayName", 23: "createdAt", 26: "disabled",
}

// firebaseFewest is the number of columns that a row has at least.
const firebaseFewest = 27

// firebaseRow reads a row of the Firebase CLI, which is one line. The CLI puts
// quotes around a name with a comma, and leaves the quotes inside as they are.
func (r *Reader) firebaseRow(lines *lineReader) (int, fields, error) {
	for {
		text, size, err := lines.next()
		if err != nil {
			return 0, nil, err
		}
		line := r.at.Line
		rest := strings.TrimRight(string(text), "\r\n")
		switch {
		case size > maxLine:
			return line, nil, unreadable("is longer than %d MiB", maxLine>>20)
		case strings.TrimSpace(rest) == "":
			continue
		case !utf8.ValidString(rest):
			return line, nil, unreadable("is not UTF-8; save the file as UTF-8")
		}
		f := fields{}
		for column := range firebaseFewest {
			field, after, more := cutFirebase(rest)
			if name := firebaseColumns[column]; name != "" && field != "" {
				f[name] = field
			}
			if !more && column < firebaseFewest-1 {
				return line, nil, unreadable("has %d columns where the Firebase CLI writes at least %d", column+1, firebaseFewest)
			}
			rest = after
		}
		return line, f, nil
	}
}

// cutFirebase takes the first field of a row. A quoted one is a name, and the URL
// of a picture, or none, stands behind it.
func cutFirebase(rest string) (field, after string, more bool) {
	if strings.HasPrefix(rest, `"`) {
		for from := 1; ; {
			at := strings.Index(rest[from:], `",`)
			if at < 0 {
				break
			}
			from += at + 2
			if next := rest[from:]; next == "" || strings.HasPrefix(next, ",") || strings.HasPrefix(next, "http") {
				return rest[1 : from-2], next, true
			}
		}
	}
	return strings.Cut(rest, ",")
}
