package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// mutant is one entry of the list.
type mutant struct {
	// why is the rule that it breaks.
	why  string
	file string
	// line is where the text stood when the entry was written. The nearest
	// place where it stands now is taken.
	line int
	// text is what is replaced: whole lines, without their indentation.
	text, replacement []string
	// dir is the package of the test, test the regexp that selects it.
	dir, test string
}

func (m mutant) String() string { return fmt.Sprintf("%s:%d %s (%s)", m.file, m.line, m.why, m.test) }

// parse reads a list: entries with a blank line between them, each
//
//	# why the line is there
//	file.go:12
//	- the line
//	+ what breaks it
//	dir TestThatFails
//
// There may be several lines to replace, and none that replaces them.
func parse(list string) ([]mutant, error) {
	var mutants []mutant
	for block := range strings.SplitSeq(strings.TrimSpace(list), "\n\n") {
		m, err := parseOne(strings.TrimSpace(block))
		if err != nil {
			return nil, fmt.Errorf("entry %q: %w", block, err)
		}
		if m.file != "" {
			mutants = append(mutants, m)
		}
	}
	return mutants, nil
}

func parseOne(block string) (mutant, error) {
	var m mutant
	for line := range strings.SplitSeq(block, "\n") {
		switch {
		case strings.HasPrefix(line, "#"):
			m.why = strings.TrimSpace(m.why + " " + strings.TrimSpace(line[1:]))
		case strings.HasPrefix(line, "-"):
			m.text = append(m.text, strings.TrimSpace(line[1:]))
		case strings.HasPrefix(line, "+"):
			m.replacement = append(m.replacement, line[1:])
		case m.file == "":
			file, number, _ := strings.Cut(line, ":")
			at, err := strconv.Atoi(number)
			if err != nil {
				return m, fmt.Errorf("%q is no file:line", line)
			}
			m.file, m.line = file, at
		default:
			fields := strings.Fields(line)
			if len(fields) != 2 || m.dir != "" {
				return m, fmt.Errorf("%q is no package and test", line)
			}
			m.dir, m.test = fields[0], fields[1]
		}
	}
	switch {
	case m.file == "" && len(m.text) == 0 && m.dir == "":
		return m, nil // a comment
	case m.file == "" || m.why == "" || len(m.text) == 0 || m.dir == "":
		return m, errors.New("needs why, file:line, text and test")
	}
	return m, nil
}

// apply returns the source with the mutant in place.
func (m mutant) apply(source string) (string, error) {
	lines := strings.Split(source, "\n")
	found, distance := -1, len(lines)+m.line
	for i := range lines {
		if !m.standsAt(lines[i:]) {
			continue
		}
		if away := max(i+1-m.line, m.line-i-1); away < distance {
			found, distance = i, away
		}
	}
	if found < 0 {
		return "", errors.New("the text is not in the file")
	}
	return strings.Join(slices.Replace(lines, found, found+len(m.text), m.replacement...), "\n"), nil
}

func (m mutant) standsAt(lines []string) bool {
	if len(lines) < len(m.text) {
		return false
	}
	for i, text := range m.text {
		if strings.TrimSpace(lines[i]) != text {
			return false
		}
	}
	return true
}
