// Testlog reads what `go test -json` writes and prints what a person wants to
// see of it: a line per package, and everything about tests that failed or
// were skipped. It fails when any did, or when there was no test at all.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

func main() {
	if err := summarize(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "FAILED:", err)
		os.Exit(1)
	}
}

type event struct {
	Action, Package, Test, Output string
	ImportPath                    string
	Elapsed                       float64
}

func summarize(in io.Reader, out io.Writer) error {
	var passed, failed, skipped int
	output := map[string]*strings.Builder{}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			fmt.Fprintln(out, lines.Text()) // what the go command itself has to say
			continue
		}
		key := e.Package + " " + e.Test
		switch e.Action {
		case "build-output":
			fmt.Fprint(out, e.Output)
		case "build-fail":
			failed++
		case "output":
			if output[key] == nil {
				output[key] = &strings.Builder{}
			}
			output[key].WriteString(e.Output)
		case "pass", "fail", "skip":
			switch {
			case e.Test == "":
				fmt.Fprintf(out, "%-5s %s %.1fs\n", e.Action, e.Package, e.Elapsed)
			case e.Action == "pass":
				passed++
			case e.Action == "skip":
				skipped++
			}
			if e.Action == "fail" {
				failed++
			}
			if log := output[key]; log != nil && (e.Action == "fail" || e.Action == "skip" && e.Test != "") {
				fmt.Fprint(out, log)
			}
			delete(output, key)
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	fmt.Fprintf(out, "%d passed, %d failed, %d skipped\n", passed, failed, skipped)
	switch {
	case failed > 0:
		return fmt.Errorf("%d failures", failed)
	case skipped > 0:
		return fmt.Errorf("%d tests were skipped", skipped)
	case passed == 0:
		return errors.New("no test ran")
	}
	return nil
}
