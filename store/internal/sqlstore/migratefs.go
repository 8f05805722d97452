package sqlstore

import (
	"bytes"
	"io"
	"io/fs"
	"strings"
)

// prefixedFS shows the files of another file system with another prefix in
// their text.
type prefixedFS struct {
	files  fs.FS
	prefix string
}

// Open implements fs.FS.
func (p prefixedFS) Open(name string) (fs.File, error) {
	file, err := p.files.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err != nil || info.IsDir() {
		return file, err
	}
	defer file.Close()
	text, err := io.ReadAll(file)
	if err != nil {
		return nil, err
	}
	text = []byte(strings.ReplaceAll(string(text), DefaultPrefix, p.prefix))
	return &prefixedFile{Reader: bytes.NewReader(text), info: prefixedInfo{info, int64(len(text))}}, nil
}

type prefixedFile struct {
	*bytes.Reader
	info prefixedInfo
}

func (f *prefixedFile) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *prefixedFile) Close() error               { return nil }

type prefixedInfo struct {
	fs.FileInfo
	size int64
}

func (i prefixedInfo) Size() int64 { return i.size }
