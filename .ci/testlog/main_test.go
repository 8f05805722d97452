package main

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

func TestFailuresAndSkipsFail(t *testing.T) {
	const (
		pass    = `{"Action":"pass","Package":"p","Test":"T"}` + "\n"
		noTests = `{"Action":"skip","Package":"q"}` + "\n"
	)
	for name, try := range map[string]struct {
		in, shown string
		ok        bool
	}{
		"all passed":          {pass + noTests, "1 passed", true},
		"a slow test":         {`{"Action":"pass","Package":"p","Test":"T","Elapsed":12.3}`, "  12.3 s p T\n1 passed", true},
		"a skipped test":      {pass + `{"Action":"output","Package":"p","Test":"S","Output":"no redis\n"}` + "\n" + `{"Action":"skip","Package":"p","Test":"S"}`, "no redis", false},
		"a failed test":       {pass + `{"Action":"output","Package":"p","Test":"F","Output":"wrong\n"}` + "\n" + `{"Action":"fail","Package":"p","Test":"F"}`, "wrong", false},
		"a failed package":    {pass + `{"Action":"fail","Package":"p"}`, "fail  p", false},
		"a failed build":      {pass + `{"Action":"build-output","ImportPath":"p","Output":"undefined: x\n"}` + "\n" + `{"Action":"build-fail","ImportPath":"p"}`, "undefined: x", false},
		"nothing ran":         {noTests, "0 passed", false},
		"not what it expects": {"go: cannot find module\n", "cannot find", false},
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			err := summarize(strings.NewReader(try.in), &out, nil)
			if (err == nil) != try.ok || !strings.Contains(out.String(), try.shown) {
				t.Errorf("answered %v and printed %q", err, out.String())
			}
		})
	}
}

// A reader of the log must not wait for minutes without a word.
func TestWhatRunsIsNamedWhenNothingIsPrinted(t *testing.T) {
	in, write := io.Pipe()
	beat := make(chan time.Time)
	shown := &strings.Builder{}
	ended := make(chan error)
	go func() { ended <- summarize(in, shown, beat) }()
	say := func(line string) {
		if _, err := fmt.Fprintln(write, line); err != nil {
			t.Error(err)
		}
	}
	beat <- time.Now()
	for _, line := range []string{
		`{"Action":"start","Package":"p"}`, `{"Action":"run","Package":"p","Test":"T"}`, `{"Action":"run","Package":"p","Test":"T/inner"}`,
		`{"Action":"start","Package":"q"}`, `{"Action":"run","Package":"q","Test":"U"}`, `{"Action":"pass","Package":"q","Test":"U"}`, "",
		`{"Action":"output","Package":"p","Test":"T"}`, // once it is written, the line before has been read
	} {
		say(line)
	}
	beat <- time.Now() // the empty line was printed just now
	beat <- time.Now()
	say(`{"Action":"pass","Package":"p","Test":"T/inner"}`)
	if err := write.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	for _, line := range []string{"… building\n", "… p T/inner (0 s)\n", "… q  (0 s)\n"} {
		if got := strings.Count(shown.String(), line); got != 1 {
			t.Errorf("%q stands %d times in %q", line, got, shown)
		}
	}
}
