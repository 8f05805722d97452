package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	source = "package p\n\nfunc ok(n int) bool {\n\tif n < 0 {\n\t\treturn false\n\t}\n\treturn true\n}\n\nfunc other(n int) bool {\n\tif n < 0 {\n\t\treturn false\n\t}\n\treturn true\n}\n"
	test   = "package p\n\nimport \"testing\"\n\nfunc TestOK(t *testing.T) {\n\tif ok(-1) {\n\t\tt.Error()\n\t}\n}\n"
)

func entry(change string) string {
	return "# negative is refused\np.go:4\n" + change + "\n. TestOK\n"
}

func TestOnlyAMutantThatItsTestSeesIsKilled(t *testing.T) {
	for name, try := range map[string]struct{ entry, want string }{
		"seen":              {entry("-if n < 0 {\n+if n < -1 {"), ""},
		"removed lines":     {entry("-if n < 0 {\n-return false\n-}"), ""},
		"far from its line": {strings.Replace(entry("-if n < 0 {\n+if n < -1 {"), "p.go:4", "p.go:9", 1), "stays green"},
		"not seen":          {entry("-if n < 0 {\n+if n < 0 || n == 7 {"), "stays green"},
		"does not compile":  {entry("-if n < 0 {\n+if m < 0 {"), "does not compile"},
		"does not apply":    {entry("-if n < 1 {\n+if n < 0 {"), "not in the file"},
		"no such test":      {strings.Replace(entry("-if n < 0 {\n+if n < -1 {"), "TestOK", "TestKO", 1), "no such test"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			t.Setenv("GOWORK", "off")
			for file, text := range map[string]string{
				"go.mod": "module p\n\ngo 1.26.0\n", "p.go": source, "p_test.go": test, "mutants": try.entry,
			} {
				if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			err := run("mutants", "", false)
			if (err == nil) != (try.want == "") || err != nil && !strings.Contains(err.Error(), try.want) {
				t.Errorf("got %v, want %q", err, try.want)
			}
			if after, _ := os.ReadFile("p.go"); string(after) != source {
				t.Error("the tree itself was changed")
			}
			applies := try.want != "not in the file"
			if err := run("mutants", "", true); (err == nil) != applies {
				t.Errorf("-check: %v", err)
			}
		})
	}
}

func TestListsThatCannotBeReadAreRefused(t *testing.T) {
	for _, list := range []string{
		"p.go:4\n-a\n+b\n. TestOK", "# why\np.go\n-a\n+b\n. TestOK", "# why\np.go:4\n+b\n. TestOK",
		"# why\np.go:4\n-a\n+b", "# why\np.go:4\n-a\n+b\n. TestOK extra",
	} {
		if _, err := parse(list); err == nil {
			t.Errorf("took %q", list)
		}
	}
	if mutants, err := parse("# only a comment\n\n" + entry("-a")); err != nil || len(mutants) != 1 {
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
