package redis_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/admit-go/admit/store/redis"
)

// open makes Counters under a prefix of their own in the Redis that
// ADMIT_TEST_REDIS names (a URL), or the one at 127.0.0.1:6379, or else one
// that is started for the test.
func open(t *testing.T, options redis.Options) *redis.Counters {
	t.Helper()
	url := shared(t)
	if options.Prefix == "" {
		options.Prefix = "{admit-test-" + rand.Text() + "}:"
	}
	t.Cleanup(func() { forget(t, url, options.Prefix) })
	return openAt(t, url, options)
}

func openAt(t *testing.T, url string, options redis.Options) *redis.Counters {
	t.Helper()
	if options.Timeout == 0 {
		options.Timeout = time.Minute // a busy machine is not what is tested
	}
	c, err := redis.Open(url, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func shared(t *testing.T) string {
	t.Helper()
	if url := os.Getenv("ADMIT_TEST_REDIS"); url != "" {
		return url
	}
	const usual = "redis://127.0.0.1:6379/0"
	if answers(t, usual) {
		return usual
	}
	return startServer(t).url
}

func client(t *testing.T, url string) *goredis.Client {
	t.Helper()
	options, err := goredis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	c := goredis.NewClient(options)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func answers(t *testing.T, url string) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return client(t, url).Ping(ctx).Err() == nil
}

// forget removes what a test has left, so that a shared Redis stays clean.
func forget(t *testing.T, url, prefix string) {
	t.Helper()
	ctx, c := context.Background(), client(t, url)
	keys := c.Scan(ctx, 0, prefix+"*", 1000).Iterator()
	for keys.Next(ctx) {
		c.Del(ctx, keys.Val())
	}
}

// server is a Redis that belongs to one test, which may stop it.
type server struct {
	t       *testing.T
	url     string
	port    int
	process *exec.Cmd
}

func startServer(t *testing.T) *server {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("no redis-server: install the package redis-server")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	_ = listener.Close()
	s := &server{t: t, url: fmt.Sprintf("redis://127.0.0.1:%d/0", port), port: port}
	s.start()
	t.Cleanup(s.kill)
	return s
}

// start runs the server without persistence and waits until it answers.
func (s *server) start() {
	s.t.Helper()
	s.process = exec.CommandContext(context.Background(), "redis-server", "--port", strconv.Itoa(s.port), "--bind", "127.0.0.1",
		"--save", "", "--appendonly", "no", "--dir", s.t.TempDir())
	if err := s.process.Start(); err != nil {
		s.t.Fatal(err)
	}
	eventually(s.t, "the Redis of the test answers", func() bool { return answers(s.t, s.url) })
}

func (s *server) kill() {
	_ = s.process.Process.Kill()
	_ = s.process.Wait()
}

// eventually waits until something holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(time.Minute)
	pause := time.NewTicker(20 * time.Millisecond)
	defer pause.Stop()
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("waited 20 s for this: %s", what)
		case <-pause.C:
		}
	}
}
