package pgtest

import (
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

// Bouncer starts PgBouncer in transaction mode before the server that url names
// and returns url with the pooler's address. It keeps fewer connections to each
// database than a test opens, so that they are mixed up. It ends with the test.
// Without the program the test is skipped, and says how to have it.
func Bouncer(t testing.TB, source string) func(url string) string {
	t.Helper()
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		if program, err = exec.LookPath("/usr/sbin/pgbouncer"); err != nil {
			t.Skip("no PgBouncer: install the package pgbouncer")
		}
	}
	server, err := url.Parse(source)
	if err != nil {
		t.Fatal(err)
	}
	folder, err := os.MkdirTemp("", "admit-pgbouncer-") //nolint:usetesting // another user of the machine must reach it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(folder); err != nil {
			t.Error(err)
		}
	})
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	password, _ := server.User.Password()
	files := map[string]string{
		"users.txt": fmt.Sprintf("%q %q\n", server.User.Username(), password),
		"pgbouncer.ini": fmt.Sprintf(`[databases]
* = host=%s port=%s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = trust
auth_file = %s
pool_mode = transaction
default_pool_size = 5
max_client_conn = 1000
ignore_startup_parameters = extra_float_digits
server_reset_query_always = 0
logfile = %s
`, server.Hostname(), server.Port(), port, filepath.Join(folder, "users.txt"), filepath.Join(folder, "log")),
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	command := exec.Command(program, filepath.Join(folder, "pgbouncer.ini"))
	command.Dir = folder
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if os.Geteuid() == 0 {
		if command.SysProcAttr.Credential, err = another(folder); err != nil {
			t.Fatal(err)
		}
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// The process is told to end. Its exit status does not matter.
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	at := func(source string) string {
		u, err := url.Parse(source)
		if err != nil {
			t.Fatal(err)
		}
		u.Host = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		return u.String()
	}
	through, err := url.Parse(at(source))
	if err != nil {
		t.Fatal(err)
	}
	query := through.Query()
	query.Set("default_query_exec_mode", "exec")
	through.RawQuery = query.Encode()
	deadline := time.Now().Add(30 * time.Second)
	for err = reach(through); err != nil; err = reach(through) {
		if time.Now().After(deadline) {
			said, _ := os.ReadFile(filepath.Join(folder, "log"))
			t.Fatalf("PgBouncer does not answer: %v\n%s", err, said)
		}
		<-time.After(20 * time.Millisecond)
	}
	return at
}
