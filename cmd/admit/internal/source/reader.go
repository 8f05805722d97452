package source

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
)

// maxLine is the length of the longest record, in bytes.
const maxLine = 4 << 20

// Record is one record of a file.
type Record struct {
	// Line is where it starts, counted from 1.
	Line    int
	Account Account
	// Notes say what was mended or left out of the account.
	Notes []string
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
	next    func() (line int, f fields, err error)
	at      Position
	unknown []string
}

// Formats are the kinds of file that can be read: CSV with names in its first
// line, a JSON document with a list of accounts, and JSON with one object a line.
func Formats() []string { return []string{"csv", "json", "jsonl"} }

// New reads a file of a format from the given position of an earlier Reader; the
// zero Position is the start. The file may be UTF-16 with a byte order mark, as
// PowerShell writes it; positions are then those of its text in UTF-8.
func New(file io.ReadSeeker, format string, options Options, from Position) (*Reader, error) {
	r := &Reader{options: options, at: from}
	text, err := decode(file)
	if err != nil {
		return nil, err
	}
	switch format {
	case "csv":
		err = r.readCSV(text)
	case "json":
		err = r.readDocument(text)
	default:
		err = r.readLines(text)
	}
	return r, err
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
		if systems[r.options.System].strict {
			r.look(f)
		}
		record.Account, record.Notes, record.Err = r.options.account(f)
	}
	return record, nil
}

// look remembers names that the system does not have.
func (r *Reader) look(f fields) {
	names := make([]string, 0, len(f))
	for name := range f {
		names = append(names, name)
	}
	for _, name := range r.options.unknown(names) {
		if !slices.Contains(r.unknown, name) && len(r.unknown) < 100 {
			r.unknown = append(r.unknown, name)
		}
	}
}

// Unknown are the columns read so far that the system does not have and that
// nobody said to ignore: what they hold would be lost without a word.
func (r *Reader) Unknown() []string { return slices.Sorted(slices.Values(r.unknown)) }

// Position is behind the record that Next returned last.
func (r *Reader) Position() Position { return r.at }

// recordError is about one record that cannot be read; the next ones can.
type recordError struct{ err error }

func (b *recordError) Error() string { return b.err.Error() }

func unreadable(format string, args ...any) error { return &recordError{fmt.Errorf(format, args...)} }

// lineReader reads lines and counts them.
type lineReader struct {
	in *bufio.Reader
	at *Position
	// back are lines to read again.
	back [][]byte
}

// newLineReader starts where the position is, and passes over a byte order mark.
func newLineReader(file io.ReadSeeker, at *Position) (*lineReader, error) {
	if _, err := file.Seek(at.Offset, io.SeekStart); err != nil {
		return nil, err
	}
	l := &lineReader{in: bufio.NewReaderSize(file, 64<<10), at: at}
	if at.Offset == 0 {
		if mark, err := l.in.Peek(3); err == nil && string(mark) == "\ufeff" {
			n, err := l.in.Discard(3)
			at.Offset += int64(n)
			return l, err
		}
	}
	return l, nil
}

// next returns a line with its end, and moves the position behind it. A line that
// is too long comes without text. io.EOF comes without a line.
func (l *lineReader) next() (text []byte, size int, err error) {
	if len(l.back) > 0 {
		text, l.back = l.back[0], l.back[1:]
		size = len(text)
	}
	for size == 0 || len(text) == 0 || text[len(text)-1] != '\n' {
		part, readErr := l.in.ReadSlice('\n')
		size += len(part)
		if size <= maxLine {
			text = append(text, part...)
		} else {
			text = nil
		}
		if readErr == nil {
			break
		}
		if !errors.Is(readErr, bufio.ErrBufferFull) {
			if size == 0 || !errors.Is(readErr, io.EOF) {
				return nil, size, readErr
			}
			break
		}
	}
	l.at.Offset += int64(size)
	l.at.Line++
	return text, size, nil
}

// unread gives lines back, the last ones read.
func (l *lineReader) unread(lines [][]byte) {
	for _, line := range lines {
		l.at.Offset -= int64(len(line))
		l.at.Line--
	}
	l.back = append(slices.Clone(lines), l.back...)
}

// readLines reads one JSON object a line, and passes over lines that are blank.
func (r *Reader) readLines(file io.ReadSeeker) error {
	lines, err := newLineReader(file, &r.at)
	if err != nil {
		return err
	}
	r.next = func() (int, fields, error) {
		for {
			text, size, err := lines.next()
			if err != nil {
				return 0, nil, err
			}
			if size > maxLine {
				return r.at.Line, nil, unreadable("is longer than %d MiB", maxLine>>20)
			}
			if text = bytes.TrimSpace(text); len(text) == 0 {
				continue
			}
			f, err := parseObject(text)
			return r.at.Line, f, err
		}
	}
	return nil
}

// parseObject reads strictly: two fields of one name, or bytes that are no text,
// make a record nobody can be sure of.
func parseObject(text []byte) (fields, error) {
	if !utf8.Valid(text) {
		return nil, unreadable("is not UTF-8; save the file as UTF-8")
	}
	var f map[string]any
	if err := json.Unmarshal(text, &f); err != nil || f == nil {
		if bytes.HasPrefix(bytes.TrimSpace(text), []byte("[")) {
			return nil, unreadable("is a JSON list and not one JSON object; give --format json")
		}
		// The decoder's message would quote what stands there.
		return nil, unreadable("is not one JSON object")
	}
	return f, nil
}
