package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// mutant is one entry of a list.
type mutant struct {
	// list is the base name of the list, which is the feature of the rule.
	list string
	// why is the rule that the mutant breaks.
	why string
	// in is the folder of the package with the text. function is the name of
	// the function with the text, or empty.
	in, function string
	// text are the lines to replace, without their indentation.
	text, replacement []string
	// dir is the package of the test. test is the regexp that selects the test.
	dir, test string
}

func (m mutant) String() string { return fmt.Sprintf("%s: %s (%s)", m.list, m.why, m.test) }

// receiver stands in a text for the name of the receiver of the surrounding
// function. So an entry still applies after the function moves to another type:
// §.config matches a.config in a method of (a *Auth), and k.config in a method
// of (k *kernel).
const receiver = "§"

// readLists reads all lists of a folder. The name of a list is the feature, or
// the package, whose rules it breaks.
func readLists(folder string) ([]mutant, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	var all []mutant
	for _, entry := range entries {
		text, err := os.ReadFile(filepath.Join(folder, entry.Name()))
		if err != nil {
			return nil, err
		}
		mutants, err := parse(entry.Name(), string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", entry.Name(), err)
		}
		all = append(all, mutants...)
	}
	return all, nil
}

// parse reads a list. Its entries are separated by a blank line. Each entry is
//
//	# why the line is there
//	. in FuncName
//	- the line
//	+ what breaks it
//	./dir TestThatFails
//
// The second line is the folder of the package. The text must occur exactly
// once in the non-test files of the package. If it occurs more often, "in
// FuncName" limits the search to the functions and methods of that name, with
// any receiver. Otherwise "in FuncName" is left out.
//
// There may be several lines to replace, and there may be no replacement. In
// both, § stands for the receiver of the surrounding function.
func parse(list, text string) ([]mutant, error) {
	var mutants []mutant
	for block := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		m, err := parseOne(strings.TrimSpace(block))
		if err != nil {
			return nil, fmt.Errorf("entry %q: %w", block, err)
		}
		if m.in != "" {
			m.list = list
			mutants = append(mutants, m)
		}
	}
	return mutants, nil
}

func parseOne(block string) (mutant, error) {
	var m mutant
	for line := range strings.SplitSeq(block, "\n") {
		fields := strings.Fields(line)
		switch {
		case strings.HasPrefix(line, "#"):
			m.why = strings.TrimSpace(m.why + " " + strings.TrimSpace(line[1:]))
		case strings.HasPrefix(line, "-"):
			m.text = append(m.text, strings.TrimSpace(line[1:]))
		case strings.HasPrefix(line, "+"):
			m.replacement = append(m.replacement, line[1:])
		case m.in == "" && len(fields) == 1:
			m.in = fields[0]
		case m.in == "" && len(fields) == 3 && fields[1] == "in":
			m.in, m.function = fields[0], fields[2]
		case m.in != "" && m.dir == "" && len(fields) == 2:
			m.dir, m.test = fields[0], fields[1]
		default:
			return m, fmt.Errorf("%q is no package, and no package and test", line)
		}
	}
	switch {
	case m.in == "" && len(m.text) == 0 && m.dir == "":
		return m, nil // a comment
	case m.in == "" || m.why == "" || len(m.text) == 0 || m.dir == "":
		return m, errors.New("needs why, package, text and test")
	}
	return m, nil
}

// change is a mutant that was applied to a file.
type change struct {
	file   string
	source []byte
}

// apply finds the only place of the mutant in a package and returns the changed
// file.
func (m mutant) apply(sources []source) (change, error) {
	var found change
	var places []string
	for _, s := range sources {
		for i := range s.lines {
			around := s.functionAt(i)
			if m.function != "" && m.function != around.name || !m.standsAt(s.lines[i:], around.receiver) {
				continue
			}
			places = append(places, fmt.Sprintf("%s:%d", s.name, i+1))
			lines := slices.Replace(slices.Clone(s.lines), i, i+len(m.text), named(m.replacement, around.receiver)...)
			found = change{s.name, []byte(strings.Join(lines, "\n"))}
		}
	}
	switch len(places) {
	case 0:
		return found, errors.New("the text is not in the package")
	case 1:
		return found, nil
	default:
		return found, fmt.Errorf("the text stands in more than one place, please name its function: %s", strings.Join(places, ", "))
	}
}

// standsAt reports whether lines of a function with this receiver begin with
// the text.
func (m mutant) standsAt(lines []string, receiverName string) bool {
	if len(lines) < len(m.text) {
		return false
	}
	for i, text := range named(m.text, receiverName) {
		if strings.TrimSpace(lines[i]) != text {
			return false
		}
	}
	return true
}

// named replaces the sign § in lines by the name of the receiver. Without a
// receiver the sign stays and matches nothing.
func named(lines []string, receiverName string) []string {
	if receiverName == "" {
		return lines
	}
	lines = slices.Clone(lines)
	for i := range lines {
		lines[i] = strings.ReplaceAll(lines[i], receiver, receiverName)
	}
	return lines
}
