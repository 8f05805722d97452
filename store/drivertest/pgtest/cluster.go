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

// Cluster is a PostgreSQL server of one test. The test may stop, kill and start
// it.
type Cluster struct {
	// URL is the URL of the database postgres for a superuser.
	URL string
	// Folder contains the data in the folder data and the server's messages in the
	// file log.
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

// NewCluster makes a cluster in a folder with extra arguments for initdb, and
// starts it. With "" it makes a new folder. The cluster ends with the test. If
// the programs of PostgreSQL are missing, the test is skipped with a message
// that says how to install them.
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

// Set sets the settings ("name=value") with which the server starts.
func (c *Cluster) Set(settings ...string) { c.settings = settings }

// Start starts the stopped server and waits until it accepts connections.
func (c *Cluster) Start() {
	c.t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		c.launch()
		err := c.reachable()
		if err == nil {
			return
		}
		// After a kill the child processes of the old server may need a moment to
		// end.
		c.Stop(syscall.SIGQUIT)
		if time.Now().After(deadline) {
			c.t.Fatalf("the server does not start: %v\n%s", err, c.Log())
		}
	}
}

// launch starts the server, and a process that ends the server if this process
// ends before.
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

// reachable waits until the server answers. It returns an error if the server
// has ended.
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

// Stop sends a signal to the server and waits until it has ended. SIGINT is a
// fast shutdown, SIGQUIT an immediate shutdown, SIGKILL a crash. Stop does
// nothing if the server is stopped already.
func (c *Cluster) Stop(signal syscall.Signal) {
	if c.server == nil {
		return
	}
	// As soon as the process has ended, another process may get its number.
	_ = c.guard.Process.Kill()
	_ = c.guard.Wait()
	_ = c.server.Process.Signal(signal)
	<-c.ended
	c.server = nil
}

// Log returns the end of the server's messages.
func (c *Cluster) Log() string {
	log, _ := os.ReadFile(filepath.Join(c.Folder, "log"))
	return string(log[max(0, len(log)-4000):])
}

// Ended returns a channel that is closed when the running server has ended.
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

// Exec runs a statement in the database postgres. It keeps no connection, because the
// server may have few, and may stop.
func (c *Cluster) Exec(statement string) {
	c.t.Helper()
	db, err := sql.Open("pgx", c.URL)
	if err != nil {
		c.t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(context.Background(), statement); err != nil {
		c.t.Fatal(err)
	}
}

// Folder makes a folder that a cluster may write to. Other users cannot enter
// folders of t.TempDir. The folder is removed at the end of the test.
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

// command returns a command of PostgreSQL that runs as the owner of the
// cluster. It has its own process group, so that an interrupt of the tests does
// not reach it.
func (c *Cluster) command(program string, arguments ...string) *exec.Cmd {
	command := exec.Command(filepath.Join(c.programs, program), arguments...)
	command.Dir = c.Folder
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: c.user}
	return command
}
