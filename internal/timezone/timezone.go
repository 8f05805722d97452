// Package timezone knows the names of the IANA time zone database.
//
// The package has the names alone, which are 9 KB. time.LoadLocation reads the zones
// of the host, and a small container has none, so the host would decide which names
// are accepted. time/tzdata would add 450 KB of rules to every host, and a name needs
// no rules.
package timezone

import (
	_ "embed"
	"strings"
)

// names has one name per line, sorted without regard to case. It is searched inside
// the program's data, so it needs no other memory.
//
//go:embed names.txt
var names string

// longest is the length of the longest name.
const longest = 32

// Find returns the name of a zone or of an alias in the spelling of the database.
// The letters match in either case. It returns "" for a text that is no name.
func Find(name string) string {
	if name == "" || len(name) > longest {
		return ""
	}
	wanted := strings.ToLower(name)
	rest := names
	for rest != "" {
		// The line in the middle decides which half goes on.
		start := strings.LastIndexByte(rest[:len(rest)/2], '\n') + 1
		end := start + strings.IndexByte(rest[start:], '\n')
		switch line := rest[start:end]; strings.Compare(wanted, strings.ToLower(line)) {
		case 0:
			return line
		case -1:
			rest = rest[:start]
		default:
			rest = rest[end+1:]
		}
	}
	return ""
}
