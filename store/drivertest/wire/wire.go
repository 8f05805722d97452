// Package wire counts what goes between a client and a PostgreSQL server, and can
// make the way longer.
package wire

import (
	"context"
	"errors"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

// Proxy is a proxy on the loopback interface in front of a PostgreSQL server. It
// counts exchanges: how often a client has sent something and waited for the
// answer. What a client sends in several pieces before the server answers is one
// exchange. The way to the server can be made longer by a latency.
type Proxy struct {
	// URL is that of the server, by way of the proxy.
	URL string

	latency   time.Duration
	listener  net.Listener
	server    string
	exchanges atomic.Int64
	open      sync.WaitGroup
}

// Start starts a proxy in front of the server that source names. Everything
// that is sent arrives later by latency, in either direction. Close ends it.
func Start(source string, latency time.Duration) (*Proxy, error) {
	u, err := url.Parse(source)
	if err != nil {
		return nil, err
	}
	port := u.Port()
	if port == "" {
		port = "5432"
	}
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{latency: latency, listener: listener, server: net.JoinHostPort(u.Hostname(), port)}
	u.Host = listener.Addr().String()
	p.URL = u.String()
	p.open.Go(p.accept)
	return p, nil
}

// Exchanges returns how many exchanges all connections together have had.
func (p *Proxy) Exchanges() int { return int(p.exchanges.Load()) }

// Close ends the proxy. It waits for its connections, which the clients must have
// closed.
func (p *Proxy) Close() error {
	err := p.listener.Close()
	p.open.Wait()
	return err
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.open.Go(func() { p.join(client) })
	}
}

// join connects a client to the server until one of them ends.
func (p *Proxy) join(client net.Conn) {
	defer client.Close()
	server, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", p.server)
	if err != nil {
		return
	}
	defer server.Close()
	// asked is set from the moment when the client sends something until the
	// server answers.
	var asked atomic.Bool
	var both sync.WaitGroup
	both.Go(func() {
		p.carry(client, server, func() {
			if asked.CompareAndSwap(false, true) {
				p.exchanges.Add(1)
			}
		})
	})
	both.Go(func() { p.carry(server, client, func() { asked.Store(false) }) })
	both.Wait()
}

// carry sends on what comes in, and calls seen before it does. At the end of one
// direction the other one is ended too.
func (p *Proxy) carry(from, to net.Conn, seen func()) {
	type piece struct {
		bytes []byte
		due   time.Time
	}
	pieces := make(chan piece, 1024)
	var sender sync.WaitGroup
	sender.Go(func() {
		for next := range pieces {
			if wait := time.Until(next.due); p.latency > 0 && wait > 0 {
				<-time.After(wait)
			}
			if _, err := to.Write(next.bytes); err != nil && !errors.Is(err, net.ErrClosed) {
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
			pieces <- piece{append([]byte(nil), buffer[:n]...), time.Now().Add(p.latency)}
		}
		if err != nil {
			break
		}
	}
	close(pieces)
	sender.Wait()
}
