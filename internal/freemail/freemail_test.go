package freemail

import (
	"slices"
	"strings"
	"testing"
)

func TestTheListIsSortedAndEachLineIsFound(t *testing.T) {
	lines := strings.Split(strings.TrimSuffix(list, "\n"), "\n")
	if !slices.IsSorted(lines) || len(slices.Compact(slices.Clone(lines))) != len(lines) || len(lines) < 300 {
		t.Errorf("the list has %d lines, sorted and each once: %v", len(lines), slices.IsSorted(lines))
	}
	for _, line := range lines {
		if !Has(line) || !Has("mail."+line) || line != strings.ToLower(line) || !strings.Contains(line, ".") {
			t.Errorf("%q is not found", line)
		}
	}
}

func TestOtherDomainsAreNotFound(t *testing.T) {
	for _, domain := range []string{"firm.test", "notgmail.com", "gmail.com.firm.test", "com", "", "aaa.example", "zzz.example"} {
		if Has(domain) {
			t.Errorf("%q is on the list", domain)
		}
	}
}

func TestPublicSuffixes(t *testing.T) {
	for domain, want := range map[string]bool{
		"com": true, "co.uk": true, "github.io": true, "example.com": false, "firm.test": false, "firm.co.uk": false, "me.github.io": false,
	} {
		if PublicSuffix(domain) != want {
			t.Errorf("PublicSuffix(%q) is %v", domain, !want)
		}
	}
}
