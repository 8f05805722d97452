package main

import (
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/cmd/admit/internal/source"
)

const (
	// importBatch is how many users are imported in one transaction.
	importBatch = 500
	// maxReasons is how many rejections are kept for the result. Every rejection
	// is reported when it happens.
	maxReasons = 1000
)

// importing is one run of an import.
type importing struct {
	app    *app
	auth   *admit.Auth
	reader *source.Reader
	survey *survey
	bar    *bar
	size   int64
	ids    *csv.Writer // nil without --id-map

	progress progress
	earlier  progress // the progress at the start of this run
	started  time.Time
	reasons  []rejection
	notes    []rejection
}

// batch is the records that one transaction imports.
type batch struct {
	records []source.Record
	// users returns the users of the records without an error, in order.
	users []admit.ImportedUser
	end   source.Position
	// finished counts the outcome of one record.
	finished chan error
}

// importFile runs an import to its end or to the first error, and returns the
// result in both cases.
func (r records) importFile(ctx context.Context, name string, f importFlags) (result, error) {
	a, p := r.app, r.place
	file, err := os.Open(name)
	if err != nil {
		return nil, unusable(name, err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if err := f.sniff(file); err != nil {
		return nil, err
	}
	found, err := a.survey(ctx, file, info.Size(), f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; nothing was imported", name, err)
	}
	unknown := r.knownRoles(ctx, slices.Sorted(maps.Keys(found.roles)), f.newRole)
	if f.dryRun {
		return found.result(), cmp.Or(unknown, rejectedError(found.rejected))
	}
	if unknown != nil {
		return nil, fmt.Errorf("%w; nothing was imported", unknown)
	}
	i := &importing{app: a, auth: r.auth, survey: found, size: info.Size(), started: a.now(), reasons: []rejection{}, notes: []rejection{}}
	i.progress = progress{name: progressName(name), Store: p.name(), Size: i.size, System: f.options.System, Format: f.format}
	if err := i.progress.begin(f.resume); err != nil {
		return nil, err
	}
	i.earlier = i.progress
	if i.reader, err = source.New(file, f.format, f.options, i.progress.Position); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if f.idMap != "" {
		ids, err := openIDMap(f.idMap, f.resume)
		if err != nil {
			return nil, err
		}
		defer ids.Close()
		i.ids = csv.NewWriter(ids)
	}
	i.bar = a.bar("importing")
	i.bar.begin = i.progress.Offset
	err = i.run(ctx, p.writers())
	i.bar.clear()
	if err == nil {
		err = i.progress.end()
	}
	done := i.result(err == nil)
	if err == nil {
		err = rejectedError(done.Rejected)
	}
	return done, err
}

// rejectedError makes the exit status show that records were left out.
func rejectedError(n int) error {
	if n == 0 {
		return nil
	}
	return fmt.Errorf("%s rejected", count(n, "record was", "records were"))
}

// openIDMap opens the file for old and new ids. An existing file is not
// overwritten.
func openIDMap(name string, resume bool) (*os.File, error) {
	flags := os.O_CREATE | os.O_WRONLY | os.O_EXCL
	if resume {
		flags = os.O_CREATE | os.O_WRONLY | os.O_APPEND
	}
	file, err := os.OpenFile(name, flags, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("--id-map: %s exists already; give another name, or move that file away. Nothing was imported", name)
	}
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && info.Size() == 0 {
		_, err = file.WriteString("old_id,new_id\n")
	}
	return file, err
}

// run reads records, imports batches and records the progress at the same time.
// Several goroutines import, because an import over a network mostly waits. The
// progress is recorded in the order of the file.
func (i *importing) run(ctx context.Context, writers int) error {
	ctx, cancel := context.WithCancel(ctx)
	work, inOrder := make(chan *batch), make(chan *batch, writers)
	var readFailed error
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel()
	group.Go(func() {
		defer close(inOrder)
		defer close(work)
		readFailed = i.read(ctx, work, inOrder)
	})
	for range writers {
		group.Go(func() {
			for b := range work {
				b.finished <- i.insert(ctx, b)
			}
		})
	}
	for b := range inOrder {
		select {
		case err := <-b.finished:
			if err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := i.note(b); err != nil {
			return err
		}
	}
	return readFailed
}

// read makes batches and passes each on twice: to a writer that is free, and to
// the goroutine that records the progress.
func (i *importing) read(ctx context.Context, work, inOrder chan<- *batch) error {
	for more := true; more; {
		b := &batch{finished: make(chan error, 1)}
		for len(b.records) < importBatch {
			record, err := i.reader.Next()
			if errors.Is(err, io.EOF) {
				more = false
				break
			}
			if err != nil {
				return err
			}
			i.survey.claim(&record)
			b.records = append(b.records, record)
		}
		b.end = i.reader.Position()
		for _, to := range []chan<- *batch{inOrder, work} {
			select {
			case to <- b:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	return nil
}

// insert imports a batch. A refused record is marked with the error, and the
// other records are tried again without it.
func (i *importing) insert(ctx context.Context, b *batch) error {
	for {
		var usable []int
		var params []admit.ImportUserParams
		for at, record := range b.records {
			if record.Err == nil {
				usable, params = append(usable, at), append(params, record.Account.ImportUserParams)
			}
		}
		if len(params) == 0 {
			return nil
		}
		users, err := i.auth.Imports.Users(ctx, params)
		if err == nil {
			b.users = users
			return nil
		}
		refused, ok := errors.AsType[*admit.Error](err)
		if !ok {
			return err
		}
		at, ok := refused.Details["record"].(int)
		if !ok || at >= len(usable) || errors.Is(err, admit.ErrUnavailable) {
			return err
		}
		delete(refused.Details, "record")
		b.records[usable[at]].Err = errors.New(explain(refused).text())
	}
}

// note reports and counts the outcomes of a batch, and saves that the batch is
// done.
func (i *importing) note(b *batch) error {
	rejected, adjusted, passwordless := 0, 0, 0
	var next int
	for _, record := range b.records {
		if record.Err == nil {
			if i.ids != nil && record.Account.OldID != "" {
				if err := i.ids.Write([]string{record.Account.OldID, b.users[next].User.ID}); err != nil {
					return err
				}
			}
			if record.Account.PasswordHash == "" && slices.Contains([]admit.ImportOutcome{admit.ImportCreated, admit.ImportClaimed}, b.users[next].Outcome) {
				passwordless++
			}
			next++
			if len(record.Notes) > 0 {
				adjusted++
				i.report(record)
			}
			continue
		}
		rejected++
		i.report(record)
	}
	if first := i.progress.Records == 0; first && rejected == importBatch {
		return fmt.Errorf("none of the first %d records can be used; is it an export of %s?", importBatch, i.progress.System)
	}
	if i.ids != nil {
		i.ids.Flush()
		if err := i.ids.Error(); err != nil {
			return err
		}
	}
	i.progress.Position = b.end
	i.progress.Records += len(b.records)
	for _, user := range b.users {
		switch user.Outcome {
		case admit.ImportCreated:
			i.progress.Created++
		case admit.ImportClaimed:
			i.progress.Claimed++
		case admit.ImportUpdated:
			i.progress.Updated++
		case admit.ImportUnchanged:
			i.progress.Existing++
		}
	}
	i.progress.Rejected += rejected
	i.progress.Adjusted += adjusted
	i.progress.Passwordless += passwordless
	i.bar.show(b.end.Offset, i.size, i.progress.Records-i.earlier.Records)
	return i.progress.save()
}

// report prints the line of a record and the reason. The reason never quotes
// the record.
func (i *importing) report(record source.Record) {
	i.bar.clear()
	i.app.tellRecord(record)
	if record.Err != nil {
		if len(i.reasons) < maxReasons {
			i.reasons = append(i.reasons, rejection{record.Line, reasonOf(record.Err)})
		}
		return
	}
	for _, note := range record.Notes {
		if len(i.notes) < maxReasons {
			i.notes = append(i.notes, rejection{record.Line, note})
		}
	}
}

// imported is the result of an import.
type imported struct {
	Records int `json:"records"`
	Created int `json:"created"`
	// Claimed and Updated count accounts that existed and now have the data of the
	// file.
	Claimed int `json:"claimed"`
	Updated int `json:"updated"`
	// Existing counts accounts that existed and were not changed.
	Existing int `json:"existing"`
	Rejected int `json:"rejected"`
	// Adjusted counts accounts of which a field was changed or left out.
	Adjusted int `json:"adjusted"`
	// Passwordless counts accounts that were created or claimed without a password.
	Passwordless int `json:"withoutPassword"`
	// Roles counts the usable records of the file by the role that they give.
	Roles map[string]int `json:"roles"`
	// Earlier counts the records that an interrupted run had finished.
	Earlier int `json:"earlier"`
	// Line is the line of the last finished record.
	Line    int         `json:"line"`
	Seconds float64     `json:"seconds"`
	Rate    int         `json:"recordsPerSecond"`
	Done    bool        `json:"done"`
	Reasons []rejection `json:"reasons"`
	Notes   []rejection `json:"notes"`
}

// rejection is a record that was not imported, or a field that was changed.
type rejection struct {
	Line   int    `json:"line"`
	Reason string `json:"reason"`
}

// result returns the counts with those of earlier runs of the same import, and
// the time of this run.
func (i *importing) result(done bool) imported {
	p := i.progress
	r := imported{
		Records: p.Records, Created: p.Created, Claimed: p.Claimed, Updated: p.Updated, Existing: p.Existing, Rejected: p.Rejected, Adjusted: p.Adjusted, Passwordless: p.Passwordless,
		Roles: i.survey.roles, Earlier: i.earlier.Records,
		Line: p.Line, Seconds: i.app.now().Sub(i.started).Seconds(), Done: done, Reasons: i.reasons, Notes: i.notes,
	}
	if r.Seconds > 0 {
		r.Rate = int(float64(p.Records-r.Earlier) / r.Seconds)
	}
	return r
}

func (r imported) write(w io.Writer) {
	fmt.Fprintf(w, "%s in %.1f s, %s a second: %s created, %s updated, %s claimed, %s left as they were, %s rejected.\n",
		count(r.Records-r.Earlier, "record", "records"), r.Seconds, grouped(r.Rate), grouped(r.Created), grouped(r.Updated),
		grouped(r.Claimed), grouped(r.Existing), grouped(r.Rejected))
	if r.Adjusted > 0 {
		fmt.Fprintf(w, "%s a field that was changed or left out.\n", count(r.Adjusted, "account has", "accounts have"))
	}
	writeMissing(w, r.Passwordless, "account")
	writeRoles(w, r.Roles)
	if r.Earlier > 0 {
		fmt.Fprintf(w, "These are with the %s of the run that was interrupted.\n", count(r.Earlier, "record", "records"))
	}
	if !r.Done {
		fmt.Fprintf(w, "Stopped after line %s. The same command with --resume goes on from there.\n", grouped(r.Line))
	}
}
