// Mutate proves that the tests of security rules can fail. It reads the lists
// in .ci/mutants, breaks one rule at a time in a copy of the tree, runs the
// test that the entry names, and demands that the test fails. mutant.go
// describes the form of a list.
//
//	go run ./.ci/mutate            applies all entries
//	go run ./.ci/mutate -only RE   applies the entries that match
//	go run ./.ci/mutate -check     only checks that each entry still applies
package main

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

func main() {
	lists := flag.String("lists", ".ci/mutants", "the `folder` of the lists of mutants")
	check := flag.Bool("check", false, "only look whether each mutant applies")
	only := flag.String("only", "", "take the mutants that match this `regexp`")
	flag.Parse()
	if err := run(*lists, *only, *check); err != nil {
		fmt.Fprintln(os.Stderr, "FAILED:", err)
		os.Exit(1)
	}
}

func run(lists, only string, check bool) error {
	wanted, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	all, err := readLists(lists)
	if err != nil {
		return err
	}
	var mutants []mutant
	for _, m := range all {
		if wanted.MatchString(m.String()) {
			mutants = append(mutants, m)
		}
	}
	var failures []error
	for _, m := range mutants {
		sources, err := readPackage(m.in)
		if err == nil {
			_, err = m.apply(sources)
		}
		if err != nil {
			failures = append(failures, fmt.Errorf("%s: %w", m, err))
		}
	}
	if err := errors.Join(failures...); err != nil || check {
		fmt.Printf("%d of %d mutants apply\n", len(mutants)-len(failures), len(mutants))
		return err
	}
	return kill(mutants)
}

// kill tries the mutants one after the other in a copy of the working tree.
func kill(mutants []mutant) error {
	tree, err := os.MkdirTemp("", "admit-mutants-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tree)
	if err := copyTree(".", tree); err != nil {
		return fmt.Errorf("copy the tree: %w", err)
	}
	failures := baseline(tree, mutants)
	if len(failures) > 0 {
		return errors.Join(failures...)
	}
	for i, m := range mutants {
		started := time.Now()
		outcome := "killed"
		if err := try(tree, m); err != nil {
			outcome = "NOT KILLED"
			failures = append(failures, fmt.Errorf("%s: %w", m, err))
		}
		fmt.Printf("%3d/%d %-10s %4.1fs  %s\n", i+1, len(mutants), outcome, time.Since(started).Seconds(), m)
	}
	fmt.Printf("score: %d of %d mutants killed\n", len(mutants)-len(failures), len(mutants))
	return errors.Join(failures...)
}

// baseline builds the tests of each package once and runs the tests that the
// mutants name. A test that fails without a mutant, or does not exist, proves
// nothing.
func baseline(tree string, mutants []mutant) (failures []error) {
	programs, done := map[string]string{}, map[string]bool{}
	for _, m := range mutants {
		dir := filepath.Join(tree, m.dir)
		program, built := programs[dir]
		if !built {
			program = filepath.Join(tree, fmt.Sprintf("baseline-%d.test", len(programs)))
			build := exec.Command("go", "test", "-c", "-vet=off", "-o", program, ".")
			build.Dir = dir
			if output, err := build.CombinedOutput(); err != nil {
				return append(failures, fmt.Errorf("build the tests of %s: %w\n%s", m.dir, err, output))
			}
			programs[dir] = program
		}
		if done[m.dir+" "+m.test] {
			continue
		}
		done[m.dir+" "+m.test] = true
		run := exec.Command(program, "-test.timeout=3m", "-test.run", m.test)
		run.Dir, run.Env = dir, environment(m)
		switch output, err := run.CombinedOutput(); {
		case err != nil:
			failures = append(failures, fmt.Errorf("%s: the test is not green without the mutant:\n%s", m, output))
		case strings.Contains(string(output), "no tests to run"):
			failures = append(failures, fmt.Errorf("%s: there is no such test", m))
		}
	}
	return failures
}

// try returns nil if the mutant's test fails with the mutant.
func try(tree string, m mutant) error {
	sources, err := readPackage(filepath.Join(tree, m.in))
	if err != nil {
		return err
	}
	broken, err := m.apply(sources)
	if err != nil {
		return err
	}
	whole, err := os.ReadFile(broken.file)
	if err != nil {
		return err
	}
	if err := os.WriteFile(broken.file, broken.source, 0o600); err != nil {
		return err
	}
	result, output := runTest(tree, m)
	if err := os.WriteFile(broken.file, whole, 0o600); err != nil {
		return err
	}
	switch result {
	case passed:
		return errors.New("the test stays green")
	case notBuilt:
		return fmt.Errorf("the mutant does not compile:\n%s", output)
	case failed:
	}
	return nil
}

type result int

const (
	passed result = iota
	failed
	notBuilt
)

func runTest(tree string, m mutant) (result, string) {
	command := exec.Command("go", "test", "-count=1", "-failfast", "-vet=off", "-timeout=3m", "-run", m.test, ".")
	command.Dir, command.Env = filepath.Join(tree, m.dir), environment(m)
	output, err := command.CombinedOutput()
	switch text := string(output); {
	case err == nil:
		return passed, text
	case strings.Contains(text, "[build failed]") || strings.Contains(text, "[setup failed]") || !strings.Contains(text, "FAIL"):
		return notBuilt, text
	default:
		return failed, text
	}
}

// environment is that of the test of a mutant. A test that names a SQL store runs on it,
// whatever store its name would choose.
func environment(m mutant) []string {
	if strings.Contains(m.test, "/sqlite") || strings.Contains(m.test, "/postgres") {
		return append(os.Environ(), "STORES=all")
	}
	return nil
}

// copyTree copies regular files, without the data of git.
func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(name string, entry fs.DirEntry, err error) error {
		target := filepath.Join(to, name)
		switch {
		case err != nil:
			return err
		case entry.IsDir() && entry.Name() == ".git":
			return fs.SkipDir
		case entry.IsDir():
			return os.MkdirAll(target, 0o700)
		case !entry.Type().IsRegular():
			return nil
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		return os.WriteFile(target, data, 0o600)
	})
}
