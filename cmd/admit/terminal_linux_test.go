package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// terminal is a pseudo-terminal: what the command sees, and what a person types
// and reads.
type terminal struct {
	command *os.File
	person  *os.File

	mu    sync.Mutex
	shown strings.Builder
}

func newTerminal(t *testing.T) *terminal {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = person.Close() })
	if err := unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	command, err := os.OpenFile(fmt.Sprint("/dev/pts/", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = command.Close() })
	p := &terminal{command: command, person: person}
	go func() { _, _ = io.Copy(p, person) }()
	return p
}

// Write collects what is shown.
func (p *terminal) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.shown.Write(text)
}

func (p *terminal) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.shown.String()
}

func TestProgressIsShownOnATerminalAlone(t *testing.T) {
	s := newScene(t)
	s.ok("migrate", "--apply")
	p := newTerminal(t)
	c := s.command("import", s.file("users.jsonl", many(3000)), "--from", "phc")
	var out strings.Builder
	c.Stdout, c.Stderr = &out, p.command
	if err := c.Run(); err != nil {
		t.Fatalf("%v\n%s", err, p.text())
	}
	await(t, "the bar reaches its end and goes", func() bool {
		return strings.Contains(p.text(), "100%") && strings.HasSuffix(p.text(), "\r\x1b[K")
	})
	if !strings.Contains(p.text(), "importing [#") || strings.Contains(out.String(), "%") || strings.Contains(out.String(), "\x1b") {
		t.Errorf("the terminal shows %q, the output is %q", p.text(), out.String())
	}
	// Without a terminal, ok demands that nothing is said beside the output.
	if said := s.ok("import", s.file("users.jsonl", many(3000)), "--from", "phc"); strings.Contains(said, "%") {
		t.Errorf("without a terminal: %q", said)
	}
}

func TestPasswordTypedOnATerminalIsNotShown(t *testing.T) {
	s := newScene(t)
	s.ok("migrate", "--apply")
	for again, want := range map[string]int{password: 0, "another-lamp-entirely": 1} {
		p := newTerminal(t)
		c := s.command("user", "create", fmt.Sprintf("ann%d@example.com", want), "--password")
		c.Stdin, c.Stdout, c.Stderr = p.command, p.command, p.command
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		for _, step := range []struct{ prompt, answer string }{{"Password: ", password}, {"Once more: ", again}} {
			await(t, "it asks", func() bool { return strings.HasSuffix(p.text(), step.prompt) && quietNow(p) })
			if _, err := p.person.WriteString(step.answer + "\n"); err != nil {
				t.Fatal(err)
			}
		}
		_ = c.Wait()
		if c.ProcessState.ExitCode() != want || strings.Contains(p.text(), password) {
			t.Errorf("exit %d, want %d; the terminal shows %q", c.ProcessState.ExitCode(), want, p.text())
		}
	}
}

func TestWhatCannotBeTakenBackIsAskedForOnATerminal(t *testing.T) {
	s := newScene(t)
	s.ok("migrate", "--apply")
	s.ok("user", "create", "eve@example.com")
	for _, answer := range []string{"n", "", "maybe", "y"} {
		p := newTerminal(t)
		c := s.command("user", "delete", "eve@example.com")
		c.Stdin, c.Stdout, c.Stderr = p.command, p.command, p.command
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		await(t, "it asks", func() bool { return strings.HasSuffix(p.text(), "Go on? [y/N] ") })
		if _, err := p.person.WriteString(answer + "\n"); err != nil {
			t.Fatal(err)
		}
		_ = c.Wait()
		want := 1
		if answer == "y" {
			want = 0
		}
		if c.ProcessState.ExitCode() != want || !strings.Contains(p.text(), "This deletes eve@example.com") {
			t.Errorf("after %q: exit %d; the terminal shows %q", answer, c.ProcessState.ExitCode(), p.text())
		}
		if answer != "y" {
			s.ok("user", "show", "eve@example.com")
		}
	}
	s.fails(1, []string{"no such account"}, "user", "show", "eve@example.com")
}

// quietNow says that the terminal does not show what is typed.
func quietNow(p *terminal) bool {
	state, err := unix.IoctlGetTermios(int(p.command.Fd()), unix.TCGETS)
	return err == nil && state.Lflag&unix.ECHO == 0
}

func TestBarTellsShareRateAndWhatIsLeft(t *testing.T) {
	b := &bar{}
	for _, c := range []struct {
		done, total, begin int64
		records            int
		spent              time.Duration
		want               string
	}{
		{0, 0, 0, 7, time.Minute, "7"},
		{0, 1000, 0, 0, 0, "[..............................]   0%  0"},
		{250, 1000, 0, 2500, 10 * time.Second, "[#######.......................]  25%  2,500  250/s  30s left"},
		{500, 1000, 400, 1000, 10 * time.Second, "[###############...............]  50%  1,000  100/s  50s left"},
		{1100, 1000, 0, 9, 0, "[##############################] 100%  9"},
	} {
		b.begin = c.begin
		if got := b.line(c.done, c.total, c.records, c.spent); got != c.want {
			t.Errorf("%d of %d: %q, want %q", c.done, c.total, got, c.want)
		}
	}
}
