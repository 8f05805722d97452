// Bench prints the table of docs/performance.md. It builds the reference
// server and runs it in a process of its own, beside a bare net/http server that
// writes the same bytes where the two are compared. Figures are medians of
// alternated pairs: first the one, then the other, many times, so that what else
// the machine does falls on both.
//
//	go run ./bench [-pairs 11] [-calls 8000] [-postgres URL] [PART...]
//
// The parts are floor, me, refresh, signin, mail, factor, profile, outage, crowd, start and trips,
// which are all run when none is named, and growth, which takes as long as the others
// together: it fills databases with a million accounts.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

func main() {
	l := &lab{}
	flag.IntVar(&l.pairs, "pairs", 11, "alternated pairs per figure")
	flag.IntVar(&l.calls, "calls", 8000, "calls of me per half of a pair; what is slower is called less often")
	flag.IntVar(&l.accounts, "accounts", 1_000_000, "accounts of the larger databases of growth")
	flag.StringVar(&l.postgres, "postgres", "postgres://postgres@127.0.0.1:5432/postgres?sslmode=disable", "`URL` of somebody who may create databases")
	bare := flag.String("bare", "", "serve this body as a bare server (used by the program itself)")
	flag.Parse()
	var err error
	if *bare != "" {
		err = serveBare(*bare)
	} else {
		err = l.measure(flag.Args())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// lab holds the programs and folders of one run.
type lab struct {
	ctx                    context.Context
	folder                 string
	server, self           string
	postgres               string
	pairs, calls, accounts int
}

// part is a group of figures.
type part struct {
	name string
	run  func(*lab) error
}

var parts = []part{
	{"floor", floor}, {"me", me}, {"refresh", refresh}, {"signin", signIn}, {"mail", mail}, {"factor", factor}, {"profile", profile}, {"outage", outage}, {"crowd", crowd}, {"start", startUp}, {"trips", trips},
	{"growth", growth},
}

func (l *lab) measure(wanted []string) error {
	for _, name := range wanted {
		if !slices.ContainsFunc(parts, func(p part) bool { return p.name == name }) {
			return fmt.Errorf("no part %q", name)
		}
	}
	// An interrupt leaves no server and no database behind.
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	folder, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	l.ctx, l.folder, l.server = ctx, folder, filepath.Join(folder, "server")
	if l.self, err = os.Executable(); err != nil {
		return err
	}
	build := exec.CommandContext(ctx, "go", "build", "-o", l.server, "github.com/admit-go/admit/examples/server") //nolint:gosec // the path is made here
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build the server: %w\n%s", err, out)
	}
	if db, err := openPostgres(ctx, l.postgres); err != nil {
		fmt.Fprintf(os.Stderr, "nothing is measured on PostgreSQL: %v\n", err)
		l.postgres = ""
	} else {
		db.Close()
	}
	if load, err := os.ReadFile("/proc/loadavg"); err == nil {
		fmt.Printf("load average before: %s\n", load)
	}
	fmt.Println("| what | median | spread | unit |\n|---|---|---|---|")
	for _, p := range parts {
		if !slices.Contains(wanted, p.name) && (len(wanted) > 0 || p.name == "growth") {
			continue
		}
		if err := p.run(l); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return nil
}

// kinds are the stores that there are.
func (l *lab) kinds() []string {
	if l.postgres == "" {
		return []string{"memory", "sqlite"}
	}
	return []string{"memory", "sqlite", "postgres"}
}

// row prints one line of the table.
func row(what string, values []float64, unit string) {
	slices.Sort(values)
	fmt.Printf("| %s | %.3f | %.3f–%.3f | %s |\n", what, values[len(values)/2], values[0], values[len(values)-1], unit)
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
