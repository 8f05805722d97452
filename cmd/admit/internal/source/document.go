package source

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf16"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// readDocument reads a JSON document: a list of accounts, or an object that has
// one, which is how firebase-tools, Keycloak, pandas and DBeaver write. Where it
// starts further on, it reads what it passes over.
func (r *Reader) readDocument(file io.ReadSeeker) error {
	from := r.at
	var start Position
	lines, err := newLineReader(file, &start)
	if err != nil {
		return err
	}
	in := &counted{in: lines.in, begin: start.Offset}
	d := jsontext.NewDecoder(in, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	broken := func(err error) error {
		if err == nil {
			return nil
		}
		if in.tooLong {
			return fmt.Errorf("line %d: a record is longer than %d MiB", in.line(d.InputOffset()), maxLine>>20)
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return fmt.Errorf("line %d: the JSON breaks off here", in.line(in.read))
		}
		if damage, isSyntax := errors.AsType[*jsontext.SyntacticError](err); isSyntax {
			return fmt.Errorf("line %d: the JSON is damaged here", in.line(damage.ByteOffset))
		}
		return err
	}
	if err := findList(d, systems[r.options.System].users); err != nil {
		return broken(err)
	}
	r.next = func() (int, fields, error) {
		for {
			if d.PeekKind() == ']' {
				if err := readEnd(d); errors.Is(err, errMore) {
					return 0, nil, fmt.Errorf("line %d: %w", in.line(d.InputOffset()), err)
				} else if err != nil {
					return 0, nil, broken(err)
				}
				r.at = Position{Offset: start.Offset + in.read, Line: in.line(in.read)}
				r.next = func() (int, fields, error) { return 0, nil, io.EOF }
				return 0, nil, io.EOF
			}
			in.limit(d.InputOffset() + maxLine)
			value, err := d.ReadValue()
			if err != nil {
				return 0, nil, broken(err)
			}
			end := d.InputOffset()
			in.limit(0)
			line := in.line(end - int64(len(value)))
			at := Position{Offset: start.Offset + end, Line: in.line(end)}
			if at.Offset <= from.Offset {
				continue
			}
			r.at = at
			f, err := parseObject(value)
			return line, f, err
		}
	}
	return nil
}

// errMore says that the document is not the last thing in the file.
var errMore = errors.New("something stands behind the JSON document")

// readEnd reads what follows the list: it belongs to the document and must be
// whole.
func readEnd(d *jsontext.Decoder) error {
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	for d.StackDepth() > 0 {
		if _, err := d.ReadToken(); err != nil {
			return err
		}
	}
	if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
		return errMore
	}
	return nil
}

// findList moves to the first account. An object keeps its accounts under
// "users", or, where the system has no name of its own, in its first list.
func findList(d *jsontext.Decoder, usersOnly bool) error {
	token, err := d.ReadToken()
	if err != nil || token.Kind() == '[' {
		return err
	}
	if token.Kind() != '{' {
		return errors.New("the file holds no list of accounts")
	}
	for d.PeekKind() == '"' {
		name, err := d.ReadToken()
		if err != nil {
			return err
		}
		isUsers := name.String() == "users"
		if d.PeekKind() == '[' && (isUsers || !usersOnly) {
			_, err := d.ReadToken()
			return err
		}
		if err := d.SkipValue(); err != nil {
			return err
		}
	}
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	return errors.New(`the file holds no list of accounts, such as {"users": […]}`)
}

// counted counts the lines of what is read, and refuses to read further than it
// was told.
type counted struct {
	in    io.Reader
	begin int64
	read  int64
	until int64 // 0 is no limit
	// ends are the offsets of line ends that were not counted yet.
	ends    []int64
	lines   int
	tooLong bool
}

// limit allows a record up to an offset. A decoder reads ahead by no more than
// its buffer, which is what is added.
func (c *counted) limit(until int64) { c.until = until }

func (c *counted) Read(p []byte) (int, error) {
	if c.until > 0 && c.read > c.until {
		c.tooLong = true
		return 0, errors.New("a record is too long")
	}
	n, err := c.in.Read(p)
	for i, b := range p[:n] {
		if b == '\n' {
			c.ends = append(c.ends, c.read+int64(i))
		}
	}
	c.read += int64(n)
	return n, err
}

// line is the number of the line at an offset that is not before that of an
// earlier call.
func (c *counted) line(offset int64) int {
	for len(c.ends) > 0 && c.ends[0] < offset {
		c.ends = c.ends[1:]
		c.lines++
	}
	return c.lines + 1
}

// Sniff tells how JSON is written: one object a line, or a document. A file whose
// first line is a whole object without a list of users is one of lines.
func Sniff(file io.ReadSeeker) (string, error) {
	text, err := decode(file)
	if err != nil {
		return "", err
	}
	var at Position
	lines, err := newLineReader(text, &at)
	if err != nil {
		return "", err
	}
	for {
		line, size, err := lines.next()
		if errors.Is(err, io.EOF) || size > maxLine {
			return "json", nil
		}
		if err != nil {
			return "", err
		}
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		var first map[string]any
		whole := line[0] == '{' && json.Unmarshal(line, &first, jsontext.AllowDuplicateNames(true)) == nil
		if !whole {
			return "json", nil
		}
		if _, isList := first["users"].([]any); isList {
			return "json", nil
		}
		return "jsonl", nil
	}
}

// decode makes UTF-8 of UTF-16 with a byte order mark. Any other file is left as
// it is.
func decode(file io.ReadSeeker) (io.ReadSeeker, error) {
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	var mark [2]byte
	if _, err := io.ReadFull(file, mark[:]); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return file, nil
		}
		return nil, err
	}
	switch string(mark[:]) {
	case "\xff\xfe":
		return &utf16Reader{file: file, order: binary.LittleEndian}, nil
	case "\xfe\xff":
		return &utf16Reader{file: file, order: binary.BigEndian}, nil
	}
	return file, nil
}

// utf16Reader reads UTF-16 as UTF-8, without its byte order mark.
type utf16Reader struct {
	file  io.ReadSeeker
	order binary.ByteOrder
	in    *bufio.Reader
	text  strings.Reader
}

func (u *utf16Reader) Read(p []byte) (int, error) {
	for u.text.Len() == 0 {
		units := make([]uint16, 0, 4096)
		var raw [2]byte
		var err error
		for len(units) < cap(units)-1 || len(units) < cap(units) && utf16.IsSurrogate(rune(units[len(units)-1])) {
			if _, err = io.ReadFull(u.in, raw[:]); err != nil {
				break
			}
			units = append(units, u.order.Uint16(raw[:]))
		}
		if len(units) == 0 {
			if errors.Is(err, io.ErrUnexpectedEOF) {
				err = io.EOF // half a character at the end
			}
			return 0, err
		}
		u.text.Reset(string(utf16.Decode(units)))
	}
	return u.text.Read(p)
}

// Seek goes to an offset of the UTF-8 from the start, by reading up to it.
func (u *utf16Reader) Seek(offset int64, _ int) (int64, error) {
	if _, err := u.file.Seek(2, io.SeekStart); err != nil {
		return 0, err
	}
	u.in = bufio.NewReaderSize(u.file, 64<<10)
	u.text.Reset("")
	_, err := io.CopyN(io.Discard, struct{ io.Reader }{u}, offset)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return offset, err
}
