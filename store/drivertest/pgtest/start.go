package pgtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// keeper makes a cluster in $1 with the programs in $2 and serves it on the
// port $3 until its input ends. The input ends when this process ends, in any
// way.
const keeper = `
set -e
trap 'rm -rf "$1"' EXIT
"$2/initdb" -D "$1/data" -U postgres -A trust -E UTF8 --no-sync >"$1/log" 2>&1
"$2/postgres" -D "$1/data" -h 127.0.0.1 -p "$3" -k "$1" >>"$1/log" 2>&1 </dev/null &
server=$!
cat >/dev/null
kill -INT $server
wait $server
`

// start runs a server that ends with this process.
func start() (*url.URL, error) {
	programs, err := findPrograms()
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "admit-postgres-")
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	command := exec.Command("sh", "-c", keeper, "sh", folder, programs, strconv.Itoa(port))
	command.Dir = folder
	// The server has its own process group, so that an interrupt of the tests does
	// not reach the server before its input ends.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if os.Geteuid() == 0 {
		if command.SysProcAttr.Credential, err = another(folder); err != nil {
			return nil, err
		}
	}
	if _, err := command.StdinPipe(); err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, err
	}
	// Waiting keeps a reference to the pipe. Otherwise the garbage collector would
	// close it.
	go func() { _ = command.Wait() }()
	u := &url.URL{
		Scheme: "postgres", User: url.User("postgres"), Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)),
		Path: "/postgres", RawQuery: "sslmode=disable",
	}
	deadline := time.Now().Add(time.Minute)
	for err = reach(u); err != nil; err = reach(u) {
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("the server started from %s does not answer: %w", programs, err)
		}
		<-time.After(50 * time.Millisecond)
	}
	return u, nil
}

// findPrograms returns the folder with the newest server.
func findPrograms() (string, error) {
	folders, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil {
		return "", err
	}
	if onPath, err := exec.LookPath("initdb"); err == nil {
		folders = append(folders, filepath.Dir(onPath))
	}
	if len(folders) == 0 {
		return "", errors.New("no initdb in /usr/lib/postgresql or on the PATH")
	}
	return folders[len(folders)-1], nil
}

// another returns a user other than root and makes this user the owner of
// folder, because PostgreSQL does not run as root.
func another(folder string) (*syscall.Credential, error) {
	u, err := user.Lookup("postgres")
	if err != nil {
		if u, err = user.Lookup("nobody"); err != nil {
			return nil, err
		}
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, os.Chown(folder, int(uid), int(gid))
}

func freePort() (int, error) {
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}
