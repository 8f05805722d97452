// Command admit looks after the records of an application that signs people in
// with Admit: it migrates the database, manages users, API keys, sessions,
// secrets and queued mail, imports users of other systems, and checks for what
// an operator should mend. Run "admit help" for more.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"
)

// The exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	a := &app{in: os.Stdin, out: os.Stdout, err: os.Stderr, getenv: os.Getenv, now: time.Now}
	code := a.run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

// run runs the command of the arguments and returns the exit code.
func (a *app) run(ctx context.Context, args []string) int {
	root := a.command()
	root.SetArgs(args)
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	command, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	// An error before the work of the command means that the command line is
	// wrong.
	failed, isFailure := errors.AsType[*failure](err)
	if isFailure && failed.shown {
		return exitFailed
	}
	// A flag that is wrong ends the reading of the flags, maybe before --json.
	a.json = a.json || slices.Contains(args, "--json")
	_, isUsage := errors.AsType[usageError](err)
	isUsage = isUsage || !isFailure
	a.showError(err, isUsage)
	if isUsage {
		if !a.json {
			fmt.Fprintf(a.err, "Run '%s --help' for how it is used.\n", command.CommandPath())
		}
		return exitUsage
	}
	return exitFailed
}

// failure marks an error of the work of a command.
type failure struct {
	err error
	// shown says that the result of the command has shown the error already.
	shown bool
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// usageError marks an argument that is wrong.
type usageError string

func (e usageError) Error() string { return string(e) }

func usagef(format string, args ...any) error { return usageError(fmt.Sprintf(format, args...)) }
