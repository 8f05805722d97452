package pgtest

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// Cluster is a server of a test's own, which the test may stop, kill and start.
type Cluster struct {
	// URL is that of a user who may do everything, in the database postgres.
	URL string
	// Folder holds everything: the data in data, what the server says in log.
	Folder string

	t        testing.TB
	programs string
	port     string
	settings []string
	user     *syscall.Credential
	server   *exec.Cmd
	ended    chan struct{}
	guard    *exec.Cmd
}

// NewCluster makes a cluster in a folder, "" for one of its own, with the extra
// arguments for initdb, and starts it. It ends with the test. Without the
// programs the test is skipped, and says how to have them.
func NewCluster(t testing.TB, folder string, initdb ...string) *Cluster {
	t.Helper()
	programs, err := findPrograms()
	if err != nil {
		t.Skipf("no PostgreSQL to start: %v; install the package postgresql", err)
	}
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	if folder == "" {
		folder = Folder(t)
	}
	c := &Cluster{Folder: folder, t: t, programs: programs, port: strconv.Itoa(port)}
	u := url.URL{
		Scheme: "postgres", User: url.User("postgres"), Host: net.JoinHostPort("127.0.0.1", c.port),
		Path: "/postgres", RawQuery: "sslmode=disable",
	}
	c.URL = u.String()
	if os.Geteuid() == 0 {
		if c.user, err = another(folder); err != nil {
			t.Fatal(err)
		}
	}
	arguments := append([]string{"-D", c.data(), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"}, initdb...)
	if out, err := c.command("initdb", arguments...).CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	t.Cleanup(func() { c.Stop(syscall.SIGQUIT) })
	c.Start()
	return c
}

func (c *Cluster) data() string { return filepath.Join(c.Folder, "data") }

// Set gives the server these settings ("name=value") whenever it starts.
func (c *Cluster) Set(settings ...string) { c.settings = settings }

// Start starts the server, which is stopped, and waits until it lets us in.
func (c *Cluster) Start() {
	c.t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		c.launch()
		err := c.reachable()
		if err == nil {
			return
		}
		// After a kill the parts of the old one may take a moment to go.
		c.Stop(syscall.SIGQUIT)
		if time.Now().After(deadline) {
			c.t.Fatalf("the server does not start: %v\n%s", err, c.Log())
		}
	}
}

// launch starts the server, and somebody who ends it should this process end
// before.
func (c *Cluster) launch() {
	c.t.Helper()
	log, err := os.OpenFile(filepath.Join(c.Folder, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		c.t.Fatal(err)
	}
	defer log.Close()
	arguments := []string{"-D", c.data(), "-h", "127.0.0.1", "-p", c.port, "-k", c.Folder}
	for _, setting := range c.settings {
		arguments = append(arguments, "-c", setting)
	}
	c.server = c.command("postgres", arguments...)
	c.server.Stdout, c.server.Stderr = log, log
	if err := c.server.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.ended = make(chan struct{})
	go func(server *exec.Cmd, ended chan struct{}) {
		defer close(ended)
		_ = server.Wait()
	}(c.server, c.ended)
	c.guard = exec.Command("sh", "-c", `cat >/dev/null; kill -s QUIT "$1"`, "sh", strconv.Itoa(c.server.Process.Pid))
	c.guard.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	// The pipe stays open for as long as this process lives.
	if _, err := c.guard.StdinPipe(); err != nil {
		c.t.Fatal(err)
	}
	if err := c.guard.Start(); err != nil {
		c.t.Fatal(err)
	}
}

// reachable waits until the server answers; an error says that it has ended.
func (c *Cluster) reachable() error {
	db, err := sql.Open("pgx", c.URL)
	if err != nil {
		return err
	}
	defer db.Close()
	for {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		err := db.PingContext(ctx)
		cancel()
		if err == nil {
			return nil
		}
		select {
		case <-c.ended:
			return fmt.Errorf("it has ended: %w", err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// Stop sends the server a signal and waits until it has ended: SIGINT is a fast
// shutdown, SIGQUIT an immediate one, SIGKILL none at all. It does nothing to a
// server that is stopped already.
func (c *Cluster) Stop(signal syscall.Signal) {
	if c.server == nil {
		return
	}
	// Its number may be another process's as soon as it has ended.
	_ = c.guard.Process.Kill()
	_ = c.guard.Wait()
	_ = c.server.Process.Signal(signal)
	<-c.ended
	c.server = nil
}

// Log is the end of what the server has said.
func (c *Cluster) Log() string {
	log, _ := os.ReadFile(filepath.Join(c.Folder, "log"))
	return string(log[max(0, len(log)-4000):])
}

// Ended is closed once the server that runs now has ended.
func (c *Cluster) Ended() <-chan struct{} { return c.ended }

// Database makes an empty database and returns its URL.
func (c *Cluster) Database(name string) string {
	c.t.Helper()
	c.Exec("CREATE DATABASE " + name)
	u, err := url.Parse(c.URL)
	if err != nil {
		c.t.Fatal(err)
	}
	u.Path = "/" + name
	return u.String()
}

// Exec runs a statement in the database postgres.
func (c *Cluster) Exec(statement string) {
	c.t.Helper()
	u, err := url.Parse(c.URL)
	if err != nil {
		c.t.Fatal(err)
	}
	execute(c.t, u, statement)
}

// Folder makes a folder that a cluster may write into, which t.TempDir lets
// nobody else enter. It is removed at the end of the test.
func Folder(t testing.TB) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "admit-postgres-") //nolint:usetesting // see above
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	if os.Geteuid() == 0 {
		if _, err := another(folder); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// command makes a command of PostgreSQL that runs as the user whose cluster it
// is, in a group of its own, so that an interrupt meant for the tests does not
// reach it.
func (c *Cluster) command(program string, arguments ...string) *exec.Cmd {
	command := exec.Command(filepath.Join(c.programs, program), arguments...)
	command.Dir = c.Folder
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: c.user}
	return command
}
