package crash

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"
)

// cutting is how a wire is cut.
type cutting struct {
	// commits counts those exchanges alone that commit a transaction.
	commits bool
	// lost cuts when the database has answered, and the answer with it; otherwise
	// the database does not see the request.
	lost bool
}

// wire is a loopback connection to PostgreSQL that can be slow, or be cut at an
// exchange: what a client sends until it waits for an answer, and the answer.
type wire struct {
	// URL is the database's, by way of the wire.
	URL string

	upstream string
	mu       sync.Mutex
	// left is how many exchanges pass until one is cut; negative lets all pass.
	left    int
	cutting cutting
	// struck is set once an exchange has been cut.
	struck bool
	delay  time.Duration
	conns  map[net.Conn]bool
}

func newWire(t testing.TB, place string) *wire {
	t.Helper()
	u, err := url.Parse(place)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{upstream: u.Host, left: -1, conns: map[net.Conn]bool{}}
	u.Host = listener.Addr().String()
	w.URL = u.String()
	var open sync.WaitGroup
	open.Go(func() {
		for {
			down, err := listener.Accept()
			if err != nil {
				return
			}
			open.Go(func() { w.carry(down) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		w.mu.Lock()
		for c := range w.conns {
			_ = c.Close()
		}
		w.mu.Unlock()
		open.Wait()
	})
	return w
}

// cut arms the wire: after some exchanges that pass, one is cut.
func (w *wire) cut(passing int, c cutting) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.left, w.cutting, w.struck = passing, c, false
}

// mend lets everything pass and says whether anything was cut.
func (w *wire) mend() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.left = -1
	return w.struck
}

// slow makes every exchange take so much longer.
func (w *wire) slow(delay time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.delay = delay
}

// next says what becomes of an exchange that ends with a message.
func (w *wire) next(message []byte) (cut, lost bool, delay time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cutting.commits && !bytes.Contains(message, []byte("commit")) {
		return false, false, w.delay
	}
	if w.left > 0 {
		w.left--
	} else if w.left == 0 {
		w.left, w.struck, cut = -1, true, true
	}
	return cut, w.cutting.lost, w.delay
}

func (w *wire) carry(down net.Conn) {
	up, err := net.Dial("tcp", w.upstream)
	if err != nil {
		_ = down.Close()
		return
	}
	w.mu.Lock()
	w.conns[down], w.conns[up] = true, true
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		delete(w.conns, down)
		delete(w.conns, up)
		w.mu.Unlock()
	}()
	// losing tells the way back that the next answer is not to be passed on.
	losing := make(chan struct{}, 1)
	var ways sync.WaitGroup
	ways.Go(func() {
		defer down.Close()
		defer up.Close()
		w.back(up, down, losing)
	})
	w.forth(down, up, losing)
	_ = down.Close()
	_ = up.Close()
	ways.Wait()
}

// forth passes on what the client sends, message by message.
func (w *wire) forth(down, up net.Conn, losing chan<- struct{}) {
	greeted := false
	for {
		kind, message, err := readMessage(down, greeted)
		if err != nil {
			return
		}
		greeted = true
		if kind == 'Q' || kind == 'S' {
			cut, lost, delay := w.next(message)
			if delay > 0 {
				<-time.After(delay)
			}
			if cut && !lost {
				return
			}
			if cut {
				losing <- struct{}{}
			}
		}
		if _, err := up.Write(message); err != nil {
			return
		}
		if len(losing) > 0 {
			// The way back hangs up once the answer is there.
			_, _ = io.Copy(io.Discard, down)
			return
		}
	}
}

// back passes on what the server answers, until an answer is to be lost: then
// it waits for all of it, so that what the client sent is done, and hangs up.
func (w *wire) back(up, down net.Conn, losing <-chan struct{}) {
	for {
		kind, message, err := readMessage(up, true)
		if err != nil {
			return
		}
		if len(losing) > 0 {
			if kind == 'Z' {
				return
			}
			continue
		}
		if _, err := down.Write(message); err != nil {
			return
		}
	}
}

// readMessage reads a message of PostgreSQL's protocol; the first of a client
// has no kind.
func readMessage(from io.Reader, hasKind bool) (kind byte, message []byte, err error) {
	head := make([]byte, 5)
	if !hasKind {
		head = head[:4]
	}
	if _, err := io.ReadFull(from, head); err != nil {
		return 0, nil, err
	}
	if hasKind {
		kind = head[0]
	}
	length := int(binary.BigEndian.Uint32(head[len(head)-4:]))
	message = slices.Concat(head, make([]byte, length-4))
	_, err = io.ReadFull(from, message[len(head):])
	return kind, message, err
}
