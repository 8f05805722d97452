package main

import (
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

// crowd sends 64 sign-ins at once with the default hash, and 129 after that,
// while somebody who is signed in asks who it is.
func crowd(l *lab) error {
	at, err := l.place("memory")
	if err != nil {
		return err
	}
	return l.once(at, func(p *process) error {
		if _, err := p.signUp(0); err != nil {
			return err
		}
		t, err := p.signUp(1)
		if err != nil {
			return err
		}
		var two, all, ratios, mes, refusals []float64
		succeeded, refused := 0, 0
		rounds := min(l.pairs, 5)
		for range rounds {
			few, err := p.together(2, 32)
			if err != nil {
				return err
			}
			var many gathering
			took, err := p.meanwhile(t.AccessToken, func() error {
				many, err = p.together(64, 64)
				return err
			})
			if err != nil {
				return err
			}
			two, all = append(two, few.rate()), append(all, many.rate())
			ratios, mes = append(ratios, many.rate()/few.rate()), append(mes, took...)
			succeeded += many.succeeded
		}
		peak, err := p.memory("VmHWM")
		if err != nil {
			return err
		}
		row("sign-ins by two clients", two, "/s")
		row("64 sign-ins at once", all, "/s")
		row("64 at once over two clients", ratios, "×")
		row(fmt.Sprintf("of %d, 64 at once, succeed", 64*rounds), []float64{float64(succeeded)}, "")
		row("resident at most, 64 at once", []float64{peak}, "MB")
		row("me meanwhile, as the client sees it", mes, "ms")
		// Those behind the queue are refused at once; others only if they wait in
		// it for too long.
		const finished = 4 // hashes may be done before the last of the crowd has arrived
		behind := 129 - 64 - runtime.NumCPU() - finished
		for range rounds {
			g, err := p.together(129, 129)
			if err != nil {
				return err
			}
			refused += len(g.refused)
			if len(g.refused) < behind {
				return fmt.Errorf("of 129 at once only %d are refused, want %d", len(g.refused), behind)
			}
			slices.Sort(g.refused)
			refusals = append(refusals, milliseconds(g.refused[behind-1]))
		}
		row(fmt.Sprintf("of %d, 129 at once, are refused", 129*rounds), []float64{float64(refused)}, "")
		row(fmt.Sprintf("the slowest of the first %d refusals of 129 at once", behind), refusals, "ms")
		return nil
	}, "-no-rate-limits") // one account for all
}

// gathering is what came of many sign-ins.
type gathering struct {
	succeeded int
	took      time.Duration
	// refused is how long each refusal took.
	refused []time.Duration
}

func (g gathering) rate() float64 { return float64(g.succeeded) / g.took.Seconds() }

// together signs in so many times from so many guests. Their connections are
// there before. Anything but success and 503 with Retry-After is an error.
func (p *process) together(guests, total int) (g gathering, err error) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: guests}}
	defer client.CloseIdleConnections()
	var mu sync.Mutex
	var problems []error
	atOnce := func(times int, each func() error) {
		var group sync.WaitGroup
		for range guests {
			group.Go(func() {
				for range times {
					if err := each(); err != nil {
						mu.Lock()
						problems = append(problems, err)
						mu.Unlock()
					}
				}
			})
		}
		group.Wait()
	}
	atOnce(1, func() error {
		response, err := client.Get(p.url + "/healthz")
		if err != nil {
			return err
		}
		return response.Body.Close()
	})
	began := time.Now()
	atOnce(total/guests, func() error {
		sent := time.Now()
		response, err := client.Post(p.url+"/v1/auth/email/signin", "application/json", strings.NewReader(user(0)))
		if err != nil {
			return err
		}
		defer response.Body.Close()
		took := time.Since(sent)
		mu.Lock()
		defer mu.Unlock()
		switch {
		case response.StatusCode == http.StatusOK:
			g.succeeded++
		case response.StatusCode == http.StatusServiceUnavailable && response.Header.Get("Retry-After") != "":
			g.refused = append(g.refused, took)
		default:
			return fmt.Errorf("sign-in: %s", response.Status)
		}
		return nil
	})
	g.took = time.Since(began)
	return g, errors.Join(problems...)
}

// meanwhile asks for me, over and over, while something else goes on, and
// returns how many milliseconds each answer took.
func (p *process) meanwhile(accessToken string, run func() error) (took []float64, err error) {
	done := make(chan error, 1)
	go func() { done <- run() }()
	for {
		select {
		case err := <-done:
			return took, err
		case <-time.After(10 * time.Millisecond):
		}
		began := time.Now()
		if _, err := p.me(accessToken); err != nil {
			return nil, errors.Join(err, <-done)
		}
		took = append(took, milliseconds(time.Since(began)))
	}
}

// startUp measures how long a server takes to listen on an existing file, and
// what it weighs when it idles.
func startUp(l *lab) error {
	at, err := l.place("sqlite")
	if err != nil {
		return err
	}
	defer at.remove()
	var ready, resident, over []float64
	for i := range l.pairs + 1 {
		var ours, theirs float64
		err := l.once(at, func(p *process) (err error) {
			time.Sleep(200 * time.Millisecond) // idling is what is measured
			if i > 0 {
				ready = append(ready, milliseconds(p.ready))
			}
			ours, err = p.memory("VmRSS")
			return err
		})
		if err != nil {
			return err
		}
		bare, err := start(l.ctx, l.folder, l.self, "-bare", "{}")
		if err != nil {
			return err
		}
		if _, err = send(http.MethodGet, bare.url, "", "", http.StatusOK); err == nil {
			theirs, err = bare.memory("VmRSS")
		}
		bare.stop()
		if err != nil {
			return err
		}
		if i > 0 {
			resident, over = append(resident, ours), append(over, ours-theirs)
		}
	}
	row("ready on an existing SQLite file", ready, "ms")
	row("resident when idle, SQLite", resident, "MB")
	row("resident when idle, SQLite, over a bare server", over, "MB")
	return nil
}
