package e2e_test

import (
	"cmp"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/admit-go/admit/store/drivertest/pgtest"
)

// slowest is how long a search may take, in seconds, with the people of `.ci/long people`.
const slowest = 0.050

// most is the time of 99 searches of 100.
var most = regexp.MustCompile(`99 of 100 in (\d+\.\d+) s`)

// The script of docs/user.md: people by the command, searches, a picture, a deletion,
// its restore, and a purge. `.ci/long people` measures the searches with 100,000
// people. The times of fewer people are not looked at.
func TestTheScriptOfThePageOfUsersRuns(t *testing.T) {
	for _, program := range []string{"bash", "curl", "awk", "psql"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("no %s: apt-get install bash curl mawk postgresql-client", program)
		}
	}
	script, want := fenced(t, "../docs/user.md", "bash", "PEOPLE"), fenced(t, "../docs/user.md", "text", "Purged")
	pattern := "^" + regexp.MustCompile(`\d+\\\.\d+ s`).ReplaceAllString(regexp.QuoteMeta(want), `\d+\.\d+ s`) + "$"
	for name, source := range map[string]func() string{
		"sqlite": func() string { return "sqlite:people.db" }, "postgres": func() string { return pgtest.Open(t) },
	} {
		t.Run(name, func(t *testing.T) {
			bash := exec.Command("bash", "-c", script)
			bash.Dir = ".."
			bash.Env = append(os.Environ(), "TMPDIR="+t.TempDir(), "ADMIT_STORE="+source(), "PEOPLE="+cmp.Or(os.Getenv("PEOPLE"), "2000"))
			var problems strings.Builder
			bash.Stderr = &problems
			out, err := bash.Output()
			if err != nil || !regexp.MustCompile(pattern).Match(out) {
				t.Fatalf("%v; it prints\n%s%s\nand the page says\n%s", err, out, problems.String(), want)
			}
			if os.Getenv("PEOPLE") == "" {
				return
			}
			for line := range strings.Lines(string(out)) {
				took := most.FindStringSubmatch(line)
				if took == nil {
					continue
				}
				t.Log(strings.TrimSpace(line))
				// On SQLite, a text that few accounts contain is found by reading all of them.
				all := name == "sqlite" && strings.Contains(line, "one contains")
				if n, err := strconv.ParseFloat(took[1], 64); err != nil || n >= slowest && !all {
					t.Errorf("%s: want less than %v s, %v", strings.TrimSpace(line), slowest, err)
				}
			}
		})
	}
}
