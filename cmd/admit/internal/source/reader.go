package source

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
)

// maxLine is the length of the longest line of JSON, in bytes.
const maxLine = 4 << 20

// Record is one record of a file.
type Record struct {
	// Line is where it starts, counted from 1.
	Line    int
	Account Account
	// Err says why the record cannot be used.
	Err error
}

// Position is where a reader has come to: a later one can go on from there.
type Position struct {
	// Offset is the number of bytes read, Line the number of lines.
	Offset int64 `json:"offset"`
	Line   int   `json:"line"`
}

// Reader reads records one by one.
type Reader struct {
	options Options
	// next reads one record, and at tells where that has come to.
	next func() (line int, f fields, err error)
	at   func() Position
}

// Formats are the kinds of file that can be read: JSON, one object a line, and
// CSV with names in its first line.
func Formats() []string { return []string{"csv", "jsonl"} }

// New reads a file of a format from the given position of an earlier Reader; the
// zero Position is the start.
func New(file io.ReadSeeker, format string, options Options, from Position) (*Reader, error) {
	r := &Reader{options: options}
	if format == "csv" {
		return r, r.readCSV(file, from)
	}
	return r, r.readLines(file, from)
}

// Next returns the next record. The error is io.EOF at the end, or one of
// reading the file; what is wrong with the record alone is in the record.
func (r *Reader) Next() (Record, error) {
	line, f, err := r.next()
	record := Record{Line: line}
	switch bad := (*recordError)(nil); {
	case errors.As(err, &bad):
		record.Err = bad.err
	case err != nil:
		return record, err
	default:
		record.Account, record.Err = r.options.account(f)
	}
	return record, nil
}

// Position is behind the record that Next returned last.
func (r *Reader) Position() Position { return r.at() }

// recordError is about one record that cannot be read; the next ones can.
type recordError struct{ err error }

func (b *recordError) Error() string { return b.err.Error() }

// readLines reads one JSON object a line, and passes over lines that are blank.
func (r *Reader) readLines(file io.ReadSeeker, from Position) error {
	if _, err := file.Seek(from.Offset, io.SeekStart); err != nil {
		return err
	}
	lines := bufio.NewReaderSize(file, 64<<10)
	position := from
	r.at = func() Position { return position }
	r.next = func() (int, fields, error) {
		for {
			text, size, err := readLine(lines)
			if size == 0 {
				return 0, nil, err
			}
			position.Offset += int64(size)
			position.Line++
			if err != nil && !errors.Is(err, io.EOF) {
				return position.Line, nil, err
			}
			text = bytes.TrimSpace(bytes.TrimPrefix(text, []byte("\ufeff")))
			if len(text) == 0 && size <= maxLine {
				continue
			}
			f, err := parseObject(text, size)
			return position.Line, f, err
		}
	}
	return nil
}

// readLine returns a line and its size in the file. A line that is too long
// comes without text.
func readLine(lines *bufio.Reader) (text []byte, size int, err error) {
	for {
		part, err := lines.ReadSlice('\n')
		size += len(part)
		if size <= maxLine {
			text = append(text, part...)
		} else {
			text = nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return text, size, err
		}
	}
}

// parseObject reads strictly: two fields of one name, or bytes that are no text,
// make a record nobody can be sure of.
func parseObject(text []byte, size int) (fields, error) {
	if size > maxLine {
		return nil, &recordError{fmt.Errorf("is longer than %d MiB", maxLine>>20)}
	}
	var f map[string]any
	if err := json.Unmarshal(text, &f); err != nil || f == nil {
		// The decoder's message would quote what stands there.
		return nil, &recordError{errors.New("is not one JSON object")}
	}
	return f, nil
}

// readCSV reads rows under the names in the first line, which it reads again
// when it starts further on.
func (r *Reader) readCSV(file io.ReadSeeker, from Position) error {
	columns := systems[r.options.System].columns
	lazy := columns != nil // firebase does not escape quotes
	if columns == nil {
		if _, err := file.Seek(0, io.SeekStart); err != nil {
			return err
		}
		head := csv.NewReader(file)
		names, err := head.Read()
		if err != nil {
			return fmt.Errorf("the first line must name the columns: %w", err)
		}
		columns = names
		columns[0] = strings.TrimPrefix(columns[0], "\ufeff")
		for i, name := range columns {
			if slices.Contains(columns[:i], name) {
				return fmt.Errorf("the first line names the column %q twice", name)
			}
		}
		if from.Offset == 0 {
			line, _ := head.FieldPos(len(names) - 1)
			from = Position{Offset: head.InputOffset(), Line: line}
		}
	}
	if _, err := file.Seek(from.Offset, io.SeekStart); err != nil {
		return err
	}
	rows := csv.NewReader(file)
	rows.FieldsPerRecord, rows.LazyQuotes, rows.ReuseRecord = -1, lazy, true
	position := from
	r.at = func() Position { return position }
	r.next = func() (int, fields, error) {
		row, err := rows.Read()
		return r.row(rows, row, err, columns, from, &position)
	}
	return nil
}

// row makes fields of a row that was read, and moves the position behind it.
func (r *Reader) row(rows *csv.Reader, row []string, err error, columns []string, from Position, position *Position) (int, fields, error) {
	if malformed := (*csv.ParseError)(nil); errors.As(err, &malformed) {
		*position = Position{Offset: from.Offset + rows.InputOffset(), Line: from.Line + malformed.Line}
		return from.Line + malformed.StartLine, nil, &recordError{malformed.Err}
	}
	if err != nil {
		return 0, nil, err
	}
	first, _ := rows.FieldPos(0)
	last, _ := rows.FieldPos(len(row) - 1)
	last += strings.Count(row[len(row)-1], "\n")
	*position = Position{Offset: from.Offset + rows.InputOffset(), Line: from.Line + last}
	if len(row) > len(columns) {
		return from.Line + first, nil, &recordError{fmt.Errorf("has %d columns where %d are named", len(row), len(columns))}
	}
	f := make(fields, len(row))
	for i, text := range row {
		if columns[i] != "" && text != "" && text != `\N` { // how MySQL and COPY write NULL
			f[columns[i]] = text
		}
	}
	return from.Line + first, f, nil
}
