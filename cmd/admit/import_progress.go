package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	"github.com/admit-go/admit/cmd/admit/internal/source"
)

// progress is the part of an import that is done. It is kept in a file next to
// the imported file until the import is done.
type progress struct {
	name string

	// Store, Size, System and Format identify the import.
	Store  string `json:"store"`
	Size   int64  `json:"size"`
	System string `json:"system"`
	Format string `json:"format"`

	source.Position
	Records  int `json:"records"`
	Created  int `json:"created"`
	Claimed  int `json:"claimed"`
	Updated  int `json:"updated"`
	Existing int `json:"existing"`
	Rejected int `json:"rejected"`
	Adjusted int `json:"adjusted"`

	Passwordless int `json:"withoutPassword"`
}

// progressName returns the name of the progress file. It is next to the
// imported file, so that the next run finds it, and a copy of the folder
// contains it.
func progressName(file string) string { return file + ".admit" }

// begin returns the progress of an interrupted import, or the start of a new
// one.
func (p *progress) begin(resume bool) error {
	if !resume {
		return nil
	}
	text, err := os.ReadFile(p.name)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is nothing to resume: %s does not exist", p.name)
	}
	if err != nil {
		return err
	}
	var kept progress
	if err := json.Unmarshal(text, &kept); err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	if kept.Store != p.Store || kept.Size != p.Size || kept.System != p.System || kept.Format != p.Format {
		return fmt.Errorf("%s is of another import: the store, the file or the format has changed; import without --resume", p.name)
	}
	if kept.Offset < 0 || kept.Line < 0 || min(kept.Records, kept.Created, kept.Claimed, kept.Updated, kept.Existing, kept.Rejected, kept.Adjusted, kept.Passwordless) < 0 {
		return fmt.Errorf("%s is damaged; import without --resume", p.name)
	}
	kept.name = p.name
	*p = kept
	return nil
}

// save replaces the file in one step. If it is interrupted, the old text stays.
func (p *progress) save() error {
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	if err := os.WriteFile(p.name+".new", text, 0o600); err != nil {
		return fmt.Errorf("noting the progress: %w", err)
	}
	return os.Rename(p.name+".new", p.name)
}

// end removes the progress file of an import that is done.
func (p *progress) end() error {
	err := os.Remove(p.name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// name identifies the store without a password.
func (p place) name() string {
	if p.file != "" {
		if absolute, err := filepath.Abs(p.file); err == nil {
			return absolute
		}
		return p.file
	}
	u, err := url.Parse(p.url)
	if err != nil {
		return ""
	}
	return u.Host + u.Path
}

// writers returns how many transactions run at the same time. SQLite has one
// writer.
func (p place) writers() int {
	if p.file != "" {
		return 1
	}
	return connections
}
