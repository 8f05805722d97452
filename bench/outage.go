package main

import (
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// outage compares how long sign-ups take while the mail server hangs with how
// long they take while mail goes out. Every sign-up makes a mail.
func outage(l *lab) error {
	hanging, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer hanging.Close()
	go func() {
		for {
			conn, err := hanging.Accept()
			if err != nil {
				return
			}
			go func() { // listens, and says nothing
				defer conn.Close()
				_, _ = io.Copy(io.Discard, conn)
			}()
		}
	}()
	var servers [2]*process
	for i, flags := range [][]string{nil, {"-smtp", hanging.Addr().String()}} {
		at, err := l.place("sqlite")
		if err != nil {
			return err
		}
		defer at.remove()
		if servers[i], err = l.serve(at, append(flags, "-insecure-fast-hash")...); err != nil {
			return err
		}
		defer servers[i].stop()
	}
	var next atomic.Int64
	var tails [2][]float64
	var ratios []float64
	for range l.pairs {
		for i, p := range servers {
			slowest, err := p.tail(l.calls/8, func() error {
				_, err := p.signUp(int(next.Add(1)))
				return err
			})
			if err != nil {
				return err
			}
			tails[i] = append(tails[i], milliseconds(slowest))
		}
		last := len(tails[0]) - 1
		ratios = append(ratios, tails[1][last]/tails[0][last])
	}
	row("sign-up, sqlite, 99th percentile while mail goes out", tails[0], "ms")
	row("sign-up, sqlite, 99th percentile while the mail server hangs", tails[1], "ms")
	row("the latter over the former", ratios, "×")
	return nil
}

// tail is the 99th percentile of how long a call takes, as clients see it.
func (p *process) tail(calls int, call func() error) (time.Duration, error) {
	var mu sync.Mutex
	var took []time.Duration
	var problem error
	var group sync.WaitGroup
	for range clients {
		group.Go(func() {
			for range calls / clients {
				began := time.Now()
				err := call()
				mu.Lock()
				took = append(took, time.Since(began))
				if err != nil {
					problem = err
				}
				mu.Unlock()
			}
		})
	}
	group.Wait()
	slices.Sort(took)
	return took[len(took)*99/100], problem
}
