package timezone

import (
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"
)

func TestEachNameIsAZoneAndIsFound(t *testing.T) {
	lines := strings.Split(strings.TrimSuffix(names, "\n"), "\n")
	if len(lines) < 500 {
		t.Fatalf("there are only %d names", len(lines))
	}
	if !slices.IsSortedFunc(lines, func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) }) {
		t.Error("the names are not sorted")
	}
	for _, line := range lines {
		if _, err := time.LoadLocation(line); err != nil || len(line) > longest {
			t.Errorf("%s: %v", line, err)
		}
		for _, spelled := range []string{line, strings.ToUpper(line), strings.ToLower(line)} {
			if got := Find(spelled); got != line {
				t.Errorf("Find(%q) is %q", spelled, got)
			}
		}
	}
}

func TestWhatIsNoNameIsNotFound(t *testing.T) {
	for _, text := range []string{
		"", "Local", "Factory", "Europe", "Europe/", "/Europe/Berlin", "Europe/Berlin ", "Europe/Berlin\n", "Europe/Berlin\nEurope", "../../etc/passwd", "posix/UTC",
		"Europe//Berlin", "GMT+25", "+02:00", "\n", "A", "zzz", "\x00", strings.Repeat("a", 33), "Europe/Berl\u0131n", "UTC\u0000",
	} {
		if got := Find(text); got != "" {
			t.Errorf("Find(%q) is %q", text, got)
		}
	}
}

func FuzzFindReturnsTheSpellingOfTheDatabase(f *testing.F) {
	f.Add("europe/berlin")
	f.Add("\nUTC\n")
	f.Fuzz(func(t *testing.T, text string) {
		if got := Find(text); got != "" && (!strings.EqualFold(got, text) || !strings.Contains("\n"+names, "\n"+got+"\n")) {
			t.Errorf("Find(%q) is %q", text, got)
		}
	})
}
