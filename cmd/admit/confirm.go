package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// confirm prints what the command will do, and asks for confirmation. Without a
// terminal nobody can answer, so the command needs --yes.
func (a *app) confirm(format string, args ...any) error {
	question := fmt.Sprintf(format, args...)
	file, ok := a.in.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return fmt.Errorf("%s To do it without being asked, give --yes", question)
	}
	fmt.Fprintf(a.err, "%s Go on? [y/N] ", printable(question))
	answer, err := bufio.NewReader(file).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return errors.New("nothing was done")
}
