package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func TestWhatMakesNoSenseExitsWith2AndChangesNothing(t *testing.T) {
	s := newScene(t)
	for _, args := range []string{
		"nothing", "user", "user nothing", "key", "user show", "user show a b", "--nothing", "user role a", "completion", "completion tcsh",
		"migrate --plan --apply", "migrate now", "user ban a@example.com --until yesterday", "user ban a@example.com --until -1h",
		"sessions revoke-before", "sessions revoke-before soon", "sessions revoke-before 2999-01-01T00:00:00Z", "mail retry", "mail retry x --all",
		"mail dead --limit 0", "mail dead --limit x", "import", "import x.csv", "import x.csv --from nowhere", "import x --from phc",
		"import x.csv --from phc --format xml", "import x.csv --from firebase", "key create web --expires 2001-01-01T00:00:00Z",
		"migrate --store mysql://x", "migrate --store sqlite:", "migrate --store app.db",
	} {
		done := s.fails(2, []string{"admit: ", "--help' for how it is used."}, strings.Fields(args)...)
		if done.out != "" {
			t.Errorf("admit %s prints %q", args, done.out)
		}
	}
	if left, err := os.ReadDir(s.folder); err != nil || len(left) > 0 {
		t.Errorf("files were made: %v, %v", left, err)
	}
	s.store = ""
	s.fails(2, []string{"--store", "ADMIT_STORE"}, "migrate")
}

func TestStoreThatCannotBeReachedExitsWith1(t *testing.T) {
	s := newScene(t)
	for _, args := range []string{"user show a@example.com", "key list", "check", "mail dead", "import x.csv --from phc"} {
		s.fails(1, []string{"does not exist", "migrate --apply"}, strings.Fields(args)...)
	}
	if left, err := os.ReadDir(s.folder); err != nil || len(left) > 0 {
		t.Errorf("files were made: %v, %v", left, err)
	}
	s.store = "postgres://nobody:hush@127.0.0.1:1/nowhere"
	if done := s.fails(1, []string{"admit: "}, "key", "list"); strings.Contains(done.err, "hush") {
		t.Errorf("the password stands in the complaint: %s", done.err)
	}
}

func TestErrorsAreDocumentsToo(t *testing.T) {
	s := newScene(t)
	s.ok("migrate", "--apply")
	var answer struct {
		Error problem `json:"error"`
	}
	if done := s.document(&answer, "user", "show", "nobody@example.com"); done.code != 1 || answer.Error.Code != "user/not-found" || done.err != "" {
		t.Errorf("exit %d, %+v, %q", done.code, answer, done.err)
	}
	if done := s.document(&answer, "user", "create", "ann@example.com", "--role", "No!"); done.code != 1 || answer.Error.Code != "user/invalid-role" {
		t.Errorf("exit %d, %+v", done.code, answer)
	}
	if done := s.document(&answer, "user", "nothing"); done.code != 2 || answer.Error.Message == "" {
		t.Errorf("exit %d, %+v", done.code, answer)
	}
}

// everyCommand visits each command that does something.
func everyCommand(visit func(c *cobra.Command)) {
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		for _, child := range c.Commands() {
			walk(child)
		}
		if !c.HasSubCommands() && c.Name() != "help" {
			visit(c)
		}
	}
	walk((&app{}).command())
}

func TestExamplesOfHelpAreCommandsThatExist(t *testing.T) {
	examples := 0
	everyCommand(func(c *cobra.Command) {
		if c.Short == "" {
			t.Errorf("%s has no help", c.CommandPath())
		}
		for line := range strings.Lines(c.Example) {
			_, rest, ok := strings.Cut(strings.TrimPrefix(line, "  source <("), "admit ")
			if !ok {
				t.Errorf("%s: %q is no example of it", c.CommandPath(), line)
				continue
			}
			rest, _, _ = strings.Cut(rest, "#")
			rest, _, _ = strings.Cut(rest, "|")
			rest, _, _ = strings.Cut(rest, ">")
			words := strings.Fields(strings.Trim(strings.NewReplacer(`"App <no-reply@app.example>"`, "no-reply@app.example", `"Ann Lee"`, "Ann", `"Bob Kane"`, "Bob", `"web app"`, "web", `"nightly report"`, "report").Replace(rest), ")\n"))
			found, args, err := (&app{}).command().Find(words)
			if err == nil && found.CommandPath() == c.CommandPath() {
				err = found.ParseFlags(args)
			}
			if err == nil {
				err = found.ValidateArgs(found.Flags().Args())
			}
			if err != nil || found.CommandPath() != c.CommandPath() {
				t.Errorf("the example %q is %s: %v", line, found.CommandPath(), err)
			}
			examples++
		}
	})
	if examples < 20 {
		t.Errorf("there are %d examples", examples)
	}
}

func TestDocumentationNamesEveryCommandAndFlag(t *testing.T) {
	text, err := os.ReadFile("../../docs/command.md")
	if err != nil {
		t.Fatal(err)
	}
	everyCommand(func(c *cobra.Command) {
		if !strings.Contains(string(text), "`"+strings.TrimSuffix(c.UseLine(), " [flags]")) {
			t.Errorf("docs/command.md does not tell of `%s`", c.UseLine())
		}
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if f.Name != "help" && f.Name != "version" && !strings.Contains(string(text), "`--"+f.Name) {
				t.Errorf("docs/command.md does not tell of --%s of %s", f.Name, c.CommandPath())
			}
		})
	})
}

func TestShellsComplete(t *testing.T) {
	s := newScene(t)
	for words, want := range map[string]string{
		"user un":              "unban",
		"completion ":          "fish",
		"import --from su":     "supabase",
		"import --format js":   "jsonl",
		"key create --type s":  "secret",
		"key create --environ": "--environment",
	} {
		fields := strings.Split(words, " ")
		if got := s.run("", append([]string{"__complete"}, fields...)...).out; !strings.Contains(got, want) {
			t.Errorf("after %q the shell is offered %q, without %q", words, got, want)
		}
	}
	for _, shell := range []string{"bash", "zsh", "fish"} {
		script := s.ok("completion", shell)
		if !strings.Contains(script, "admit") {
			t.Errorf("%s: %q", shell, script)
		}
		if path, err := exec.LookPath(shell); err == nil {
			check := exec.Command(path, "-n")
			check.Stdin = strings.NewReader(script)
			if out, err := check.CombinedOutput(); err != nil {
				t.Errorf("%s cannot read the script: %v\n%s", shell, err, out)
			}
		}
	}
}

func TestOutputSteersNoTerminal(t *testing.T) {
	s := newScene(t)
	s.ok("migrate", "--apply")
	s.ok("user", "create", "eve@example.com")
	out := s.ok("user", "ban", "eve@example.com", "--reason", "spam\x1b[2J\u009b2J\r\nname  Ann")
	if strings.ContainsAny(out, "\x1b\u009b\r") || strings.Contains(out, "\nname  Ann\n") {
		t.Errorf("the reason reaches the terminal as it is: %q", out)
	}
}

func TestNumbersAreGrouped(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1000: "-1,000", -999: "-999"} {
		if got := grouped(n); got != want {
			t.Errorf("%d is written %s, want %s", n, got, want)
		}
	}
}
