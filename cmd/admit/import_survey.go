package main

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/admit-go/admit/cmd/admit/internal/source"
	"github.com/admit-go/admit/internal/emailaddress"
)

// survey is the result of reading the whole file before anything is imported.
// So a file that is damaged, or has another format than the flags say, changes
// nothing.
type survey struct {
	records, rejected, adjusted, passwordless int
	// roles counts the usable records by the role that they give.
	roles map[string]int
	// reasons and notes are kept for the result of a dry run.
	reasons, notes []rejection
	// first maps the hash of an address to the first line with the address. With
	// hashes, a million addresses need about 40 MB.
	first map[uint64]int32
	seed  maphash.Seed
}

// survey reads a file to its end.
func (a *app) survey(ctx context.Context, file *os.File, size int64, f importFlags) (*survey, error) {
	reader, err := source.New(file, f.format, f.options, source.Position{})
	if err != nil {
		return nil, err
	}
	if err := f.refuseUnknown(reader.Unknown()); err != nil {
		return nil, err
	}
	s := &survey{roles: map[string]int{}, reasons: []rejection{}, notes: []rejection{}, first: map[uint64]int32{}, seed: maphash.MakeSeed()}
	bar := a.bar("reading")
	defer bar.clear()
	for {
		record, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return s, f.refuseUnknown(reader.Unknown())
		}
		if err != nil {
			return nil, err
		}
		s.records++
		s.claim(&record)
		s.note(record)
		if record.Err != nil && f.strict {
			return nil, fmt.Errorf("line %d: %s", record.Line, reasonOf(record.Err))
		}
		if f.dryRun {
			a.tellRecord(record)
		}
		if s.records%1000 == 0 {
			bar.show(reader.Position().Offset, size, s.records)
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
		}
	}
}

// note counts a record.
func (s *survey) note(record source.Record) {
	if record.Err != nil {
		s.rejected++
		if len(s.reasons) < maxReasons {
			s.reasons = append(s.reasons, rejection{record.Line, reasonOf(record.Err)})
		}
		return
	}
	if record.Account.PasswordHash == "" {
		s.passwordless++
	}
	if record.Account.Role != "" {
		s.roles[record.Account.Role]++
	}
	if len(record.Notes) > 0 {
		s.adjusted++
	}
	for _, note := range record.Notes {
		if len(s.notes) < maxReasons {
			s.notes = append(s.notes, rejection{record.Line, note})
		}
	}
}

// claim refuses a record whose address is in an earlier line, because the two
// records may be two people, or one person with contradictory data.
func (s *survey) claim(record *source.Record) {
	if record.Err != nil {
		return
	}
	address, err := emailaddress.Parse(record.Account.Email)
	if err != nil {
		record.Err = fmt.Errorf("the e-mail address cannot be used: %w", err)
		return
	}
	key := maphash.String(s.seed, address.Key)
	line, found := s.first[key]
	switch {
	case !found:
		s.first[key] = int32(min(record.Line, 1<<31-1))
	case int(line) != record.Line:
		record.Err = fmt.Errorf("the address stands in line %d already", line)
	}
}

// refuseUnknown stops an import whose file has columns that would be lost.
func (f *importFlags) refuseUnknown(names []string) error {
	if len(names) == 0 {
		return nil
	}
	texts := make([]string, len(names))
	for i, name := range names {
		texts[i] = fmt.Sprintf("%.80q", name)
		if near := source.Near(f.options.System, name); near != "" {
			texts[i] += fmt.Sprintf(" (is it %s?)", near)
		}
	}
	return fmt.Errorf("the file has %s that %s does not know: %s. Rename what is misspelled, and give --ignore-column for what may be left out",
		count(len(names), "column", "columns"), f.options.System, strings.Join(texts, ", "))
}

// reasonOf returns the text of an error in one line.
func reasonOf(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

// tellRecord reports a record by the number of its line.
func (a *app) tellRecord(record source.Record) {
	if record.Err != nil {
		fmt.Fprintf(a.err, "line %d: %s\n", record.Line, printable(reasonOf(record.Err)))
		return
	}
	for _, note := range record.Notes {
		fmt.Fprintf(a.err, "line %d: changed or left out: %s\n", record.Line, printable(note))
	}
}

// surveyed is the result of --dry-run.
type surveyed struct {
	Records      int            `json:"records"`
	Usable       int            `json:"usable"`
	Rejected     int            `json:"rejected"`
	Adjusted     int            `json:"adjusted"`
	Passwordless int            `json:"withoutPassword"`
	Roles        map[string]int `json:"roles"`
	Reasons      []rejection    `json:"reasons"`
	Notes        []rejection    `json:"notes"`
}

func (s *survey) result() surveyed {
	return surveyed{s.records, s.records - s.rejected, s.rejected, s.adjusted, s.passwordless, s.roles, s.reasons, s.notes}
}

func (s surveyed) write(w io.Writer) {
	fmt.Fprintf(w, "%s: %s can be imported, %s of them with a field that is changed or left out; %s rejected. Nothing was imported.\n",
		count(s.Records, "record", "records"), grouped(s.Usable), grouped(s.Adjusted), grouped(s.Rejected))
	writeMissing(w, s.Passwordless, "record")
	writeRoles(w, s.Roles)
}

// writeMissing says how many have no password, and how their owners come in.
func writeMissing(w io.Writer, n int, noun string) {
	switch {
	case n == 1:
		fmt.Fprintf(w, "1 %s has no password: its owner signs in by a mailed link, or resets the password.\n", noun)
	case n > 1:
		fmt.Fprintf(w, "%s have no password: their owners sign in by a mailed link, or reset the password.\n", count(n, noun, noun+"s"))
	}
}

// writeRoles lists the roles that the file gives.
func writeRoles(w io.Writer, roles map[string]int) {
	if len(roles) == 0 {
		return
	}
	given := make([]string, 0, len(roles))
	for _, role := range slices.Sorted(maps.Keys(roles)) {
		given = append(given, role+" "+grouped(roles[role]))
	}
	fmt.Fprintf(w, "Roles in the file: %s.\n", strings.Join(given, ", "))
}
