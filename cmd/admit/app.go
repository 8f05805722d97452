package main

import (
	"cmp"
	"context"
	"errors"
	"io"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// app is one run of the program: the values of the global flags, and the
// surroundings of the process.
type app struct {
	store      string
	secretFile string
	json       bool

	in       io.Reader
	out, err io.Writer
	getenv   func(string) string
	now      func() time.Time
}

// command builds the tree of commands.
func (a *app) command() *cobra.Command {
	root := &cobra.Command{
		Use:   "admit",
		Short: "Look after the records of an application that uses Admit",
		Long: `admit looks after the records of an application that uses Admit: migrate the
database, manage users, API keys, sessions, secrets and queued mail, import
users of other systems, and check for what should be mended.

It works on the database itself, while the application runs or not. What it
changes holds in every process at once.

Exit code: 0 when all went well, 1 when something failed or should be mended,
2 when the command line makes no sense.

Environment:
  ADMIT_STORE    the store, as --store names it
  ADMIT_SECRET   the secret, or one a line; wins over --secret-file`,
		Example: `  export ADMIT_STORE=sqlite:app.db
  admit migrate --apply
  admit user create ann@example.com --name Ann --role admin --base-url https://app.example
  admit check`,
		Version:       version(),
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	// A command that only holds others needs one of them.
	root.SetUsageTemplate(strings.Replace(root.UsageTemplate(), "{{if .Runnable}}", "{{if and .Runnable (not .HasAvailableSubCommands)}}", 1))
	flags := root.PersistentFlags()
	flags.StringVar(&a.store, "store", "", "`place` of the records: sqlite:FILE or a postgres:// URL (environment: ADMIT_STORE)")
	flags.StringVar(&a.secretFile, "secret-file", "admit.secret", "`file` with the secrets, one a line, the one that seals first (ADMIT_SECRET wins)")
	flags.BoolVar(&a.json, "json", false, "print one JSON document")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return flagProblem(err) })
	root.CompletionOptions.DisableDefaultCmd = true
	root.AddGroup(
		&cobra.Group{ID: "database", Title: "Database:"},
		&cobra.Group{ID: "people", Title: "People and programs:"},
		&cobra.Group{ID: "running", Title: "Running:"},
	)
	a.group(root, "database", a.migrateCommand(), a.checkCommand(), a.copyCommand())
	a.group(root, "people", a.userCommand(), a.keyCommand(), a.sessionsCommand(), a.organizationCommand(), a.eventsCommand(), a.auditCommand(), a.importCommand(), a.exportCommand())
	a.group(root, "running", a.secretCommand(), a.mailCommand())
	root.AddCommand(a.completionCommand())
	return root
}

// flagProblem says of a flag what its value must be.
func flagProblem(err error) error {
	wrong, ok := errors.AsType[*pflag.InvalidValueError](err)
	if !ok {
		return err
	}
	must := map[string]string{"int": "a whole number, such as 50", "bool": "true or false", "duration": "a duration, such as 72h"}
	kind := wrong.GetFlag().Value.Type()
	return usagef("--%s %q must be %s", wrong.GetFlag().Name, wrong.GetValue(), cmp.Or(must[kind], kind))
}

// group puts commands under a title in the help of the root.
func (a *app) group(root *cobra.Command, id string, commands ...*cobra.Command) {
	for _, c := range commands {
		c.GroupID = id
		root.AddCommand(c)
	}
}

// family makes a command that only holds others.
func family(c *cobra.Command, children ...*cobra.Command) *cobra.Command {
	c.Args, c.RunE = cobra.ArbitraryArgs, needCommand
	c.AddCommand(children...)
	return c
}

// needCommand refuses a command that only holds others, with a suggestion.
func needCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		var names []string
		for _, child := range c.Commands() {
			names = append(names, child.Name())
		}
		return usagef("%s needs one of: %s", c.CommandPath(), strings.Join(names, ", "))
	}
	c.SuggestionsMinimumDistance = 2
	if near := c.SuggestionsFor(args[0]); len(near) > 0 {
		return usagef("%s has no command %q; did you mean %q?", c.CommandPath(), args[0], near[0])
	}
	return usagef("%s has no command %q", c.CommandPath(), args[0])
}

// exactly refuses another number of arguments.
func exactly(n int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) != n {
			use := strings.TrimSuffix(c.UseLine(), " [flags]")
			return usagef("got %s where '%s' takes %d", count(len(args), "argument", "arguments"), use, n)
		}
		return nil
	}
}

// action is the work of a command. A result is shown even if there is an error.
type action func(ctx context.Context, args []string) (result, error)

// does returns the function by which cobra runs an action.
func (a *app) does(work action) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		found, err := work(c.Context(), args)
		if err != nil && c.Context().Err() != nil {
			err = errors.New("interrupted")
		}
		if found != nil && err != nil {
			found = withError{found, err}
		}
		if found != nil {
			if failed := a.show(found); failed != nil {
				return &failure{err: failed}
			}
		}
		switch {
		case err == nil:
			return nil
		case found == nil:
			return &failure{err: err}
		}
		a.tellError(err)
		return &failure{err: err, shown: true}
	}
}

// version returns the version of the module, or the commit that the program was
// built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	return info.Main.Version
}

// completionCommand replaces the command that cobra adds by itself, because the
// help of cobra's command fills pages.
func (a *app) completionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "completion bash|zsh|fish",
		Short: "Print a script that completes commands and flags in a shell",
		Example: `  source <(admit completion bash)
  admit completion zsh > "${fpath[1]}/_admit"
  admit completion fish > ~/.config/fish/completions/admit.fish`,
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		ValidArgs: []string{"bash", "zsh", "fish"},
		RunE: func(c *cobra.Command, args []string) error {
			var err error
			switch args[0] {
			case "bash":
				err = c.Root().GenBashCompletionV2(a.out, true)
			case "zsh":
				err = c.Root().GenZshCompletion(a.out)
			default:
				err = c.Root().GenFishCompletion(a.out, true)
			}
			if err != nil {
				return &failure{err: err}
			}
			return nil
		},
	}
}
