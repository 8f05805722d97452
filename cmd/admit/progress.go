package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

// bar shows the progress of long work on a terminal. The zero bar shows
// nothing; it is used without a terminal.
type bar struct {
	out     io.Writer
	what    string
	now     func() time.Time
	started time.Time
	shown   time.Time
	// begin is the progress at the start of the work, if an earlier run has done a
	// part of it.
	begin int64
}

const (
	barWidth = 30
	barEvery = 100 * time.Millisecond
)

// bar returns a bar on standard error, or the zero bar if standard error is not
// a terminal.
func (a *app) bar(what string) *bar {
	file, ok := a.err.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return &bar{}
	}
	return &bar{out: file, what: what, now: a.now, started: a.now()}
}

// show draws the bar with done of total and the number of records, unless it
// was drawn a moment ago.
func (b *bar) show(done, total int64, records int) {
	if b.out == nil {
		return
	}
	now := b.now()
	if now.Sub(b.shown) < barEvery && done < total {
		return
	}
	b.shown = now
	fmt.Fprintf(b.out, "\r\x1b[K%s %s", b.what, b.line(done, total, records, now.Sub(b.started)))
}

func (b *bar) line(done, total int64, records int, spent time.Duration) string {
	if total <= 0 {
		return grouped(records)
	}
	share := min(float64(done)/float64(total), 1)
	full := int(share * barWidth)
	text := fmt.Sprintf("[%s%s] %3d%%  %s", strings.Repeat("#", full), strings.Repeat(".", barWidth-full), int(share*100), grouped(records))
	if spent < time.Second || done <= b.begin {
		return text
	}
	perSecond := float64(done-b.begin) / spent.Seconds()
	left := time.Duration(float64(total-done) / perSecond * float64(time.Second)).Round(time.Second)
	return text + fmt.Sprintf("  %s/s  %s left", grouped(int(float64(records)/spent.Seconds())), left)
}

// clear removes the bar, so that what follows starts on an empty line.
func (b *bar) clear() {
	if b.out != nil {
		fmt.Fprint(b.out, "\r\x1b[K")
	}
}
