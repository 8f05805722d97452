package commonpassword

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestListIsSortedUniqueAndLongEnough(t *testing.T) {
	lines := strings.Split(strings.TrimSuffix(list, "\n"), "\n")
	if !slices.IsSorted(lines) || len(slices.Compact(slices.Clone(lines))) != len(lines) {
		t.Error("the list is not sorted, or holds a line twice")
	}
	usable, longestLine := 0, 0
	for _, line := range lines {
		if line != strings.ToLower(line) || strings.ContainsFunc(line, func(r rune) bool { return r <= ' ' || r > '~' }) {
			t.Errorf("line %q is not printable lower-case ASCII", line)
		}
		if len(line) >= 8 {
			usable++
		}
		longestLine = max(longestLine, len(line))
	}
	// PW-05: they must satisfy the policy, or the list refuses nothing.
	if usable < 10_000 {
		t.Errorf("only %d passwords have eight characters or more", usable)
	}
	if longestLine > longest {
		t.Errorf("a line has %d bytes; the search looks at %d", longestLine, longest)
	}
}

func TestEveryLineIsFoundAndItsNeighboursAreNot(t *testing.T) {
	for line := range strings.SplitSeq(strings.TrimSuffix(list, "\n"), "\n") {
		if !Contains(line) || !Contains(strings.ToUpper(line)) {
			t.Fatalf("%q is on the list, but is not found", line)
		}
		if Contains(line + "\n") {
			t.Fatalf("%q with a line break is found", line)
		}
	}
	for _, absent := range []string{
		"", "\n", "!", "~", "correct horse battery staple", "zzzzzzzzzzzzzzzz~", "password1\npassword2", "пароль123",
		"\x00", strings.Repeat("a", longest+1), strings.Repeat("a", 1<<20),
	} {
		if Contains(absent) {
			t.Errorf("%q is found, though it is not on the list", absent[:min(len(absent), 40)])
		}
	}
}

func TestAC028_CommonAndContextPasswords(t *testing.T) {
	for _, common := range []string{"password", "Password1", "12345678", "QWERTYUIOP", "iloveyou", "football", "trustno1", "1q2w3e4r"} {
		if !Contains(common) {
			t.Errorf("%q is not known as common", common)
		}
	}
	words := []string{"Erika.Mustermann@example.com", "Erika Mustermann", "Wonderland", "Jo"}
	cases := []struct {
		password string
		refused  bool
	}{
		{"erika.mustermann@example.com", true},
		{"ERIKA.MUSTERMANN@EXAMPLE.COM1!", true},
		{"Erika.Mustermann", true},
		{"mustermann", true},
		{"Mustermann2024", true},
		{"!!mustermann!!", true},
		{"Mustermann20245", false}, // five more
		{"erika123", true},
		{"erika mustermann", true},
		{"wonderland99", true},
		{"alice in wonderland", false}, // nine more
		{"jo1234", false},              // two letters are no word
		{"correct horse battery", false},
		{"", false},
	}
	for _, c := range cases {
		if got := Contextual(c.password, words...); got != c.refused {
			t.Errorf("Contextual(%q) = %v", c.password, got)
		}
	}
	if Contextual("anything at all", "", "@", "a@", " . ") {
		t.Error("empty words refuse a password")
	}
	if !Contextual("ЭРИКА12", "эрика") {
		t.Error("case is not folded outside ASCII")
	}
}

// Django's CVE-2021-45115: comparing a huge password with the user's own words
// took seconds.
func TestHugeInputCostsNothing(t *testing.T) {
	huge := strings.Repeat("Mustermann ", 100_000)
	start := time.Now()
	for range 1000 {
		if Contains(huge) || Contextual(huge, "mustermann", huge) {
			t.Fatal("a huge password is refused as common")
		}
	}
	if took := time.Since(start); took > 30*time.Second { // a comparison of all with all takes hours
		t.Errorf("a thousand checks of 1 MB took %v", took)
	}
	if allocations := testing.AllocsPerRun(10, func() { Contains(huge); Contextual(huge, "mustermann") }); allocations != 0 {
		t.Errorf("checking 1 MB allocates %v times", allocations)
	}
}

func FuzzContains(f *testing.F) {
	f.Add("password")
	f.Add("\n")
	f.Fuzz(func(t *testing.T, password string) {
		onList := password != "" && !strings.Contains(password, "\n") && len(password) <= longest &&
			strings.Contains("\n"+list, "\n"+asciiLower(password)+"\n")
		if Contains(password) != onList {
			t.Errorf("Contains(%q) = %v", password, !onList)
		}
		Contextual(password, password, "someone@example.com")
	})
}

func asciiLower(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

func BenchmarkContains(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		Contains("correct horse battery")
	}
}
