package pgtest

import (
	"errors"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

// Wire is a proxy on the loopback interface in front of a PostgreSQL server. It
// counts exchanges: how often a client has sent something and waited for the
// answer. What a client sends in several pieces before the server answers is one
// exchange. The way to the server can be made longer by a latency.
type Wire struct {
	// URL is that of the server, by way of the proxy.
	URL string

	latency   time.Duration
	listener  net.Listener
	server    string
	exchanges atomic.Int64
	open      sync.WaitGroup
}

// NewWire starts a proxy in front of the server that source names. Everything
// that is sent arrives later by latency, in either direction. Close ends it.
func NewWire(source string, latency time.Duration) (*Wire, error) {
	u, err := url.Parse(source)
	if err != nil {
		return nil, err
	}
	port := u.Port()
	if port == "" {
		port = "5432"
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	w := &Wire{latency: latency, listener: listener, server: net.JoinHostPort(u.Hostname(), port)}
	u.Host = listener.Addr().String()
	w.URL = u.String()
	w.open.Go(w.accept)
	return w, nil
}

// Exchanges returns how many exchanges all connections together have had.
func (w *Wire) Exchanges() int { return int(w.exchanges.Load()) }

// Close ends the proxy. It waits for its connections, which the clients must have
// closed.
func (w *Wire) Close() error {
	err := w.listener.Close()
	w.open.Wait()
	return err
}

func (w *Wire) accept() {
	for {
		client, err := w.listener.Accept()
		if err != nil {
			return
		}
		w.open.Go(func() { w.join(client) })
	}
}

// join connects a client to the server until one of them ends.
func (w *Wire) join(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", w.server)
	if err != nil {
		return
	}
	defer server.Close()
	// asked is set from the moment when the client sends something until the
	// server answers.
	var asked atomic.Bool
	var both sync.WaitGroup
	both.Go(func() {
		w.carry(client, server, func() {
			if asked.CompareAndSwap(false, true) {
				w.exchanges.Add(1)
			}
		})
	})
	both.Go(func() { w.carry(server, client, func() { asked.Store(false) }) })
	both.Wait()
}

// carry sends on what comes in, and calls seen before it does. At the end of one
// direction the other one is ended too.
func (w *Wire) carry(from, to net.Conn, seen func()) {
	type piece struct {
		bytes []byte
		due   time.Time
	}
	pieces := make(chan piece, 1024)
	var sender sync.WaitGroup
	sender.Go(func() {
		for p := range pieces {
			if wait := time.Until(p.due); w.latency > 0 && wait > 0 {
				<-time.After(wait)
			}
			if _, err := to.Write(p.bytes); err != nil && !errors.Is(err, net.ErrClosed) {
				_ = from.Close() // the reader ends, and says so to the other side
			}
		}
		_ = to.Close()
	})
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			seen()
			pieces <- piece{append([]byte(nil), buffer[:n]...), time.Now().Add(w.latency)}
		}
		if err != nil {
			break
		}
	}
	close(pieces)
	sender.Wait()
}
