package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	source1 = "package p\n\ntype t struct{ least int }\n\nfunc (x *t) ok(n int) bool {\n\tif n < x.least {\n\t\treturn false\n\t}\n\treturn true\n}\n"
	source2 = "package p\n\ntype u struct{ least int }\n\nfunc (y *u) other(n int) bool {\n\tif n < y.least {\n\t\treturn false\n\t}\n\treturn n != 99\n}\n"
	test    = "package p\n\nimport \"testing\"\n\nfunc TestOK(t *testing.T) {\n\tif new(u).other(-1) {\n\t\tt.Error()\n\t}\n\tif n := 0; n < 0 {\n\t\tt.Error()\n\t}\n}\n"
)

// entry is a mutant of other, in the file q.go.
func entry(change string) string {
	return "# negative is refused\n. in other\n" + change + "\n. TestOK\n"
}

func anywhere(entry string) string { return strings.Replace(entry, ". in other", ".", 1) }

func TestOnlyAMutantThatItsTestSeesIsKilled(t *testing.T) {
	for name, try := range map[string]struct{ entry, want string }{
		"seen":                {entry("-if n < §.least {\n+if n < §.least-1 {"), ""},
		"removed lines":       {entry("-if n < y.least {\n-return false\n-}"), ""},
		"unique":              {anywhere(entry("-if n < y.least {\n+if false {")), ""},
		"ambiguous":           {anywhere(entry("-if n < §.least {\n+if false {")), "more than one place, please name its function: p.go:6, q.go:6"},
		"another function":    {strings.Replace(entry("-if n < §.least {\n+if false {"), "in other", "in ok", 1), "stays green"},
		"no such function":    {strings.Replace(entry("-if n < §.least {\n+if false {"), "in other", "in another", 1), "not in the package"},
		"no receiver":         {anywhere(entry("-type § struct{ least int }")), "not in the package"},
		"in a test":           {anywhere(entry("-if n := 0; n < 0 {\n+if n := 0; n == 0 {")), "not in the package"},
		"not seen":            {entry("-return n != 99\n+return n != 98"), "stays green"},
		"does not compile":    {entry("-if n < §.least {\n+if m < §.least {"), "does not compile"},
		"does not apply":      {entry("-if n < 1 {\n+if n < 0 {"), "not in the package"},
		"a receiver replaced": {entry("-return n != 99\n+return n != 99 || §.least < 9"), "stays green"},
		"no such test":        {strings.Replace(entry("-if n < §.least {\n+if n < -1 {"), "TestOK", "TestKO", 1), "no such test"},
		"no such package":     {strings.Replace(entry("-if n < §.least {\n+if n < -1 {"), ". in", "./q in", 1), "not in the package"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			t.Setenv("GOWORK", "off")
			if err := os.Mkdir("mutants", 0o700); err != nil {
				t.Fatal(err)
			}
			for file, text := range map[string]string{
				"go.mod": "module p\n\ngo 1.26.0\n", "p.go": source1, "q.go": source2, "p_test.go": test, "mutants/q": try.entry,
			} {
				if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			err := run("mutants", "", false)
			if (err == nil) != (try.want == "") || err != nil && !strings.Contains(err.Error(), try.want) {
				t.Errorf("got %v, want %q", err, try.want)
			}
			if after, _ := os.ReadFile("q.go"); string(after) != source2 {
				t.Error("the tree itself was changed")
			}
			applies := try.want == "" || slices.Contains([]string{"stays green", "does not compile", "no such test"}, try.want)
			if err := run("mutants", "^q: ", true); (err == nil) != applies {
				t.Errorf("-check: %v", err)
			}
			if err := run("mutants", "^p: ", true); err != nil {
				t.Errorf("the mutant of a feature that was not asked for is checked: %v", err)
			}
		})
	}
}

func TestListsThatCannotBeReadAreRefused(t *testing.T) {
	for _, list := range []string{
		".\n-a\n+b\n. TestOK", "# why\n-a\n+b\n. TestOK", "# why\n.\n+b\n. TestOK", "# why\n. at f\n-a\n+b\n. TestOK",
		"# why\n.\n-a\n+b", "# why\n.\n-a\n+b\n. TestOK extra", "# why\n.\n-a\n+b\n. TestOK\n. TestOK",
	} {
		if _, err := parse("p", list); err == nil {
			t.Errorf("took %q", list)
		}
	}
	if mutants, err := parse("p", "# only a comment\n\n"+entry("-a")); err != nil || len(mutants) != 1 {
		t.Errorf("got %v, %v", mutants, err)
	}
}

func TestTheCopyLeavesGitOut(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, name := range []string{".git/config", "a/b.go"} {
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	to := t.TempDir()
	if err := copyTree(".", to); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(to, "a/b.go")); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(to, ".git")); err == nil {
		t.Error("git's own files were copied")
	}
}
