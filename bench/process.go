package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// process is a server under measurement, in a process of its own.
type process struct {
	command *exec.Cmd
	url     string
	ready   time.Duration
	// at is where its records are; nil for a bare server.
	at *place
}

// start runs a server and waits until it says where it listens.
func start(ctx context.Context, folder, program string, args ...string) (*process, error) {
	command := exec.CommandContext(ctx, program, args...) //nolint:gosec // the program was built here
	command.Dir = folder
	// The server's log goes to /dev/null: a pipe would charge it for its reader.
	if os.Getenv("MEASURE_LOG") != "" {
		command.Stderr = os.Stderr
	}
	out, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	if err := command.Start(); err != nil {
		return nil, err
	}
	p := &process{command: command}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if url, ok := strings.CutPrefix(lines.Text(), "listening on "); ok {
			p.url, p.ready = url, time.Since(began)
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return p, nil
		}
	}
	return nil, errors.Join(fmt.Errorf("%s did not start", program), command.Wait())
}

func (p *process) stop() {
	_ = p.command.Process.Signal(syscall.SIGTERM)
	_ = p.command.Wait()
}

// cpu is the time that all threads of the process have spent on a CPU, and the
// part of it that PostgreSQL spent for its connections.
func (p *process) cpu(ctx context.Context) (all, database time.Duration, err error) {
	if all, err = cpuOf(p.command.Process.Pid); err != nil || p.at == nil {
		return all, 0, err
	}
	pids, err := p.at.backends(ctx)
	if err != nil {
		return 0, 0, err
	}
	for _, pid := range pids {
		spent, err := cpuOf(pid)
		if err != nil {
			return 0, 0, err
		}
		database += spent
	}
	return all + database, database, nil
}

// cpuOf is the time that all threads of a process have spent on a CPU.
func cpuOf(pid int) (time.Duration, error) {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil {
		return 0, err
	}
	var total int64
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // the thread has ended
		}
		spent, err := strconv.ParseInt(strings.Fields(string(text))[0], 10, 64)
		if err != nil {
			return 0, err
		}
		total += spent
	}
	return time.Duration(total), nil
}

// memory is a line of /proc/PID/status, in megabytes: VmRSS or VmHWM.
func (p *process) memory(line string) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.command.Process.Pid))
	if err != nil {
		return 0, err
	}
	_, rest, ok := strings.Cut(string(text), line+":")
	if !ok {
		return 0, fmt.Errorf("no %s", line)
	}
	kilobytes, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
	return kilobytes / 1024, err
}

// cost is the CPU time of one call.
type cost struct {
	// all is that of the server and of what the database did for it.
	all, database time.Duration
}

// clients is how many call a server at once: a server that has nothing to do
// between two calls spends more on falling asleep and waking than on a call.
const clients = 8

// spent measures what a call costs. Each client makes its calls one after the
// other.
func (p *process) spent(ctx context.Context, calls int, call func(client int) error) (c cost, err error) {
	before, databaseBefore, err := p.cpu(ctx)
	if err != nil {
		return c, err
	}
	var group sync.WaitGroup
	var problems [clients]error
	for client := range clients {
		group.Go(func() {
			for range calls / clients {
				if problems[client] = call(client); problems[client] != nil {
					return
				}
			}
		})
	}
	group.Wait()
	if err := errors.Join(problems[:]...); err != nil {
		return c, err
	}
	after, databaseAfter, err := p.cpu(ctx)
	n := time.Duration(calls / clients * clients)
	return cost{(after - before) / n, (databaseAfter - databaseBefore) / n}, err
}

// settle waits until the server has nothing more to do for what was asked of it,
// such as mail to send, so that it falls on nobody else.
func (p *process) settle(ctx context.Context) error {
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); {
		before, _, err := p.cpu(ctx)
		if err != nil {
			return err
		}
		time.Sleep(500 * time.Millisecond) // idling is what is looked for
		after, _, err := p.cpu(ctx)
		if err != nil || after-before < 5*time.Millisecond {
			return err
		}
	}
	return errors.New("the server does not come to rest")
}

// send sends one request and reads the answer.
func send(method, url, token, body string, want int) ([]byte, error) {
	request, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	return do(caller, request, want)
}

// caller keeps a connection for each client.
var caller = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}}

// do sends a request, with a body of JSON if it has one, and wants a status.
func do(client *http.Client, request *http.Request, want int) ([]byte, error) {
	if request.ContentLength > 0 {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != want {
		err = fmt.Errorf("%s %s: %d %s", request.Method, request.URL, response.StatusCode, answer)
	}
	return answer, err
}
