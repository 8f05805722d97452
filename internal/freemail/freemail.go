// Package freemail knows domains in which no organisation can own the addresses of
// people: domains of free mailboxes, and public suffixes.
package freemail

import (
	_ "embed"
	"strings"

	"golang.org/x/net/publicsuffix"
)

// list has one domain per line: ASCII, lower case, sorted by bytes.
//
//go:embed list.txt
var list string

// Has reports whether a domain is one of free mailboxes, or lies below such a
// domain. The domain is in lower-case ASCII.
func Has(domain string) bool {
	for {
		if listed(domain) {
			return true
		}
		_, parent, ok := strings.Cut(domain, ".")
		if !ok {
			return false
		}
		domain = parent
	}
}

// listed searches the list, whose lines are sorted.
func listed(domain string) bool {
	low, high := 0, len(list)
	for low < high {
		middle := low + (high-low)/2
		start := strings.LastIndexByte(list[:middle], '\n') + 1
		end := start + strings.IndexByte(list[start:], '\n')
		switch line := list[start:end]; {
		case line == domain:
			return true
		case line < domain:
			low = end + 1
		default:
			high = start
		}
	}
	return false
}

// PublicSuffix reports whether anybody can register a name directly below a domain,
// as below "co.uk" and "github.io". The domain is in lower-case ASCII.
func PublicSuffix(domain string) bool {
	suffix, _ := publicsuffix.PublicSuffix(domain)
	return suffix == domain
}
