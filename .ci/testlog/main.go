// Testlog reads the output of `go test -json` and prints one line per package,
// everything about tests that failed or were skipped, and at the end the tests that
// took longest. If it has nothing to print for some seconds, it prints which tests are
// running. It fails if a test failed or was skipped, or if there was no test at all.
package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"
)

// quiet is how long nothing is printed before the running tests are printed.
const quiet = 10 * time.Second

func main() {
	beat := time.NewTicker(quiet)
	defer beat.Stop()
	if err := summarize(os.Stdin, os.Stdout, beat.C); err != nil {
		fmt.Fprintln(os.Stderr, "FAILED:", err)
		os.Exit(1)
	}
}

type event struct {
	Action, Package, Test, Output string
	Elapsed                       float64
}

// test is a running test. The test of a package has no name.
type test struct {
	pkg, name string
	output    strings.Builder
	since     time.Time
}

// log is the state of the output that was read.
type log struct {
	out                     io.Writer
	passed, failed, skipped int
	running                 map[string]*test
	// took has how many seconds each test took that is no part of another.
	took map[string]float64
	// printed says that something was printed since the last beat.
	printed bool
}

func summarize(in io.Reader, out io.Writer, beat <-chan time.Time) error {
	l := &log{out: out, running: map[string]*test{}, took: map[string]float64{}}
	lines, failed := make(chan string), make(chan error, 1)
	go func() {
		defer close(lines)
		scanner := bufio.NewScanner(in)
		scanner.Buffer(nil, 16<<20)
		for scanner.Scan() {
			lines <- scanner.Text()
		}
		failed <- scanner.Err()
	}()
	for open := true; open; {
		var line string
		select {
		case line, open = <-lines:
			if open {
				l.read(line)
			}
		case <-beat:
			l.beat(time.Now())
		}
	}
	if err := <-failed; err != nil {
		return err
	}
	return l.verdict()
}

func (l *log) print(format string, values ...any) {
	l.printed = true
	fmt.Fprintf(l.out, format, values...)
}

func (l *log) read(line string) {
	var e event
	if err := json.Unmarshal([]byte(line), &e); err != nil {
		l.print("%s\n", line) // what the go command itself has to say
		return
	}
	key := e.Package + " " + e.Test
	switch e.Action {
	case "build-output":
		l.print("%s", e.Output)
	case "build-fail":
		l.failed++
	case "start", "run":
		l.running[key] = &test{pkg: e.Package, name: e.Test, since: time.Now()}
	case "output":
		if l.running[key] == nil {
			l.running[key] = &test{pkg: e.Package, name: e.Test, since: time.Now()}
		}
		l.running[key].output.WriteString(e.Output)
	case "pass", "fail", "skip":
		l.end(e, l.running[key])
		delete(l.running, key)
	}
}

func (l *log) end(e event, ended *test) {
	switch {
	case e.Test == "":
		l.print("%-5s %s %.1fs\n", e.Action, e.Package, e.Elapsed)
	case e.Action == "pass":
		l.passed++
	case e.Action == "skip":
		l.skipped++
	}
	if e.Test != "" && !strings.Contains(e.Test, "/") {
		l.took[e.Package+" "+e.Test] = e.Elapsed
	}
	if e.Action == "fail" {
		l.failed++
	}
	if ended != nil && (e.Action == "fail" || e.Action == "skip" && e.Test != "") {
		l.print("%s", ended.output.String())
	}
}

// beat prints the running tests, unless something was printed recently. For
// each package it prints the newest test, which is the innermost.
func (l *log) beat(now time.Time) {
	if l.printed {
		l.printed = false
		return
	}
	newest := map[string]*test{}
	for _, t := range l.running {
		if known := newest[t.pkg]; known == nil || t.since.After(known.since) {
			newest[t.pkg] = t
		}
	}
	if len(newest) == 0 {
		fmt.Fprintln(l.out, "      … building")
	}
	for _, t := range slices.SortedFunc(maps.Values(newest), func(a, b *test) int { return cmp.Compare(a.pkg, b.pkg) }) {
		fmt.Fprintf(l.out, "      … %s %s (%.0f s)\n", t.pkg, t.name, now.Sub(t.since).Seconds())
	}
}

// slowest is how many tests are printed at the end, the longest first.
const slowest = 25

func (l *log) verdict() error {
	byTime := slices.SortedFunc(maps.Keys(l.took), func(a, b string) int { return cmp.Compare(l.took[b], l.took[a]) })
	for _, name := range byTime[:min(slowest, len(byTime))] {
		if l.took[name] >= 1 {
			fmt.Fprintf(l.out, "%6.1f s %s\n", l.took[name], name)
		}
	}
	fmt.Fprintf(l.out, "%d passed, %d failed, %d skipped\n", l.passed, l.failed, l.skipped)
	switch {
	case l.failed > 0:
		return fmt.Errorf("%d failures", l.failed)
	case l.skipped > 0:
		return fmt.Errorf("%d tests were skipped", l.skipped)
	case l.passed == 0:
		return errors.New("no test ran")
	}
	return nil
}
