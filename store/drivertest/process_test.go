package drivertest

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"github.com/admit-go/admit/store/drivertest/pgtest"
	"github.com/admit-go/admit/store/internal/sqlstore"
)

// order tells a second process, which is this test binary again, what to do.
type order struct {
	// Role is the key of what it does in roles.
	Role           string
	Driver, Source string
	Dialect        sqlstore.Dialect
	// Contest is the number of the contest to race in, Workers the size of the pool.
	Contest, Workers int
	// Steps are the migrations that the process knows, by file.
	Steps map[string]string
}

// orderVariable carries the order.
const orderVariable = "ADMIT_TEST_ORDER"

// role is the work of a second process. It returns what it has to tell. Each
// call of turn says that it is ready and waits for the word to go on; false
// means that there is nothing more to do.
type role func(ctx context.Context, db *sql.DB, o order, turn func() bool) (any, error)

func roles() map[string]role {
	return map[string]role{
		"race":          racing,
		"migrate":       migrating,
		"hold the lock": holdingLock,
	}
}

func TestMain(m *testing.M) {
	given := os.Getenv(orderVariable)
	if given == "" {
		os.Exit(pgtest.Main(m))
	}
	if err := obey(given); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// obey carries an order out and prints what the role has to tell.
func obey(given string) error {
	var o order
	if err := json.Unmarshal([]byte(given), &o); err != nil {
		return err
	}
	run, ok := roles()[o.Role]
	if !ok {
		return fmt.Errorf("no role %q", o.Role)
	}
	db, err := sql.Open(o.Driver, o.Source)
	if err != nil {
		return err
	}
	defer db.Close()
	db.SetMaxOpenConns(max(o.Workers, 1))
	db.SetMaxIdleConns(max(o.Workers, 1))
	words := bufio.NewScanner(os.Stdin)
	told, err := run(context.Background(), db, o, func() bool {
		fmt.Fprintln(os.Stdout, "ready")
		return words.Scan()
	})
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(told)
}

// process is a second process that has said it is ready.
type process struct {
	command *exec.Cmd
	input   io.WriteCloser
	output  *bufio.Reader
}

// another starts a process and waits until it is ready.
func (d database) another(t *testing.T, source string, o order) *process {
	t.Helper()
	o.Driver, o.Dialect, o.Source = d.driver, d.dialect, d.sourceName(source)
	given, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(program)
	c.Env = append(os.Environ(), orderVariable+"="+string(given))
	c.Stderr = os.Stderr
	input, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{c, input, bufio.NewReader(output)}
	t.Cleanup(func() {
		// Whoever is still running is not wanted any more.
		_ = c.Process.Kill()
		_ = c.Wait()
	})
	p.ready(t)
	return p
}

// ready waits until the process is.
func (p *process) ready(t *testing.T) {
	t.Helper()
	if line, err := p.output.ReadString('\n'); line != "ready\n" {
		t.Fatalf("the process said %q instead of being ready: %v", line, err)
	}
}

// goOn gives the word to go on.
func (p *process) goOn(t *testing.T) {
	t.Helper()
	if _, err := io.WriteString(p.input, "\n"); err != nil {
		t.Fatal(err)
	}
}

// result says that there is nothing more to do, waits for the end of the
// process and reads what it told.
func (p *process) result(told any) error {
	closed := p.input.Close()
	decoded := json.NewDecoder(p.output).Decode(told)
	return errors.Join(closed, decoded, p.command.Wait())
}

// eventually waits until a condition holds, half a minute at most.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("not so after half a minute: %s", what)
		}
		runtime.Gosched()
	}
}
