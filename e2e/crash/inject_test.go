package crash

import (
	"bufio"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// inject makes system calls of a server on these files fail, until mended.
func (s *server) inject(t *testing.T, calls, failure string, files ...string) (mend func()) {
	t.Helper()
	arguments := []string{"-f", "-o", "/dev/null", "-e", "trace=" + calls, "-e", "inject=" + calls + ":error=" + failure}
	for _, file := range files {
		arguments = append(arguments, "-P", file)
	}
	tracer := exec.Command("strace", append(arguments, "-p", strconv.Itoa(s.command.Process.Pid))...)
	said, err := tracer.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := tracer.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(said)
	for attached := false; !attached; {
		if !lines.Scan() {
			t.Fatalf("strace ended: %v", tracer.Wait())
		}
		attached = strings.Contains(lines.Text(), "attached")
		if strings.Contains(lines.Text(), "Operation not permitted") {
			t.Skip("strace may not attach; run the test as root, or allow ptrace (kernel.yama.ptrace_scope)")
		}
	}
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		for lines.Scan() {
			continue
		}
	}()
	return func() {
		// It lets go of the server and ends by the same signal.
		_ = tracer.Process.Signal(syscall.SIGINT)
		<-drained
		_ = tracer.Wait()
	}
}

// AC-201, RL-02, RL-04: errors of the disk under SQLite let nobody in and lose
// nothing that was acknowledged, whatever call reports them.
func TestAC201_ErrorsOfTheDiskLetNobodyIn(t *testing.T) {
	if _, err := exec.LookPath("strace"); err != nil {
		t.Skip("no strace; install the package strace")
	}
	random := rand.New(rand.NewPCG(seed(t), 1201))
	for _, c := range []struct {
		name, calls, failure string
		blind                bool
	}{
		{"a write fails", "pwrite64,write", "EIO", false},
		{"a write finds no space", "pwrite64,write", "ENOSPC", false},
		{"a sync fails", "fsync,fdatasync", "EIO", false},
		{"nothing can be read or written", "pread64,read,pwrite64,write", "EIO", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			folder := t.TempDir()
			file := filepath.Join(folder, "admit.db")
			s := start(t, folder, "sqlite:"+file)
			starved{
				server: s, place: "sqlite:" + file, blind: c.blind,
				take: func() func() { return s.inject(t, c.calls, c.failure, file, file+"-wal") },
			}.run(t)
			// Somebody who dies in the middle of it leaves a file that is whole.
			w := newWitness(t)
			wait := w.load(4, s, s.secret, random)
			somewhen(random)
			mend := s.inject(t, c.calls, c.failure, file, file+"-wal")
			somewhen(random)
			s.kill()
			w.rest.Store(true)
			wait()
			mend()
			w.check(start(t, folder, "sqlite:"+file))
			checkWhole(t, "sqlite:"+file)
		})
	}
}
