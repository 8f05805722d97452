package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// serveBare answers every request with one body and the headers of the API, from
// a server with the reference server's settings.
func serveBare(body string) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Printf("listening on http://%s\n", listener.Addr())
	bytes := []byte(body)
	server := &http.Server{ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second, WriteTimeout: 30 * time.Second}
	server.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Length", strconv.Itoa(len(bytes)))
		h.Set("Content-Type", "application/json")
		h.Set("Vary", "Origin")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Request-Id", "0123456789abcdef")
		_, _ = w.Write(bytes)
	})
	return server.Serve(listener)
}

// serve runs the reference server on a store. The measuring program is a trusted
// proxy to it, and so may be many clients.
func (l *lab) serve(at *place, flags ...string) (*process, error) {
	common := []string{"-addr", "127.0.0.1:0", "-trusted-proxies", "127.0.0.1/32", "-store", at.flag}
	p, err := start(l.ctx, l.folder, l.server, append(common, flags...)...)
	if err == nil {
		p.at = at
	}
	return p, err
}

// onEach runs a part on each store, on a fresh server with a cheap hash.
func (l *lab) onEach(run func(kind string, p *process) error) error {
	for _, kind := range l.kinds() {
		at, err := l.place(kind)
		if err != nil {
			return err
		}
		err = l.once(at, func(p *process) error { return run(kind, p) }, "-insecure-fast-hash")
		at.remove()
		if err != nil {
			return err
		}
	}
	return nil
}

func (l *lab) once(at *place, run func(p *process) error, flags ...string) error {
	p, err := l.serve(at, flags...)
	if err != nil {
		return err
	}
	defer p.stop()
	return run(p)
}

type tokens struct {
	AccessToken  string `json:"accessToken"`
	RefreshToken string `json:"refreshToken"`
}

// post sends a request that is answered with tokens.
func (p *process) post(path, body string, want int) (t tokens, err error) {
	answer, err := send(http.MethodPost, p.url+path, "", body, want)
	if err != nil {
		return t, err
	}
	return t, json.Unmarshal(answer, &t)
}

// user is what the i-th user signs up and in with.
func user(i int) string {
	return fmt.Sprintf(`{"email":"user%d@example.test","password":"quiet-harbour-lamp","name":"Ann"}`, i)
}

func (p *process) signUp(i int) (tokens, error) {
	return p.ofUser(i, "/v1/auth/email/signup", http.StatusCreated)
}

func (p *process) signIn(i int) (tokens, error) {
	return p.ofUser(i, "/v1/auth/email/signin", http.StatusOK)
}

// ofUser sends the request of the i-th user. Each comes from another address: from
// one there may not come many.
func (p *process) ofUser(i int, path string, want int) (t tokens, err error) {
	request, err := http.NewRequest(http.MethodPost, p.url+path, strings.NewReader(user(i)))
	if err != nil {
		return t, err
	}
	request.Header.Set("X-Forwarded-For", netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}).String())
	answer, err := do(caller, request, want)
	if err != nil {
		return t, err
	}
	return t, json.Unmarshal(answer, &t)
}

func (p *process) refresh(t *tokens) error {
	next, err := p.post("/v1/auth/refresh", `{"refreshToken":"`+t.RefreshToken+`"}`, http.StatusOK)
	*t = next
	return err
}

func (p *process) me(accessToken string) ([]byte, error) {
	return send(http.MethodGet, p.url+"/v1/auth/me", accessToken, "", http.StatusOK)
}

// me compares "who am I", at staleness 0, with a bare handler that writes the
// same bytes.
func me(l *lab) error {
	return l.onEach(func(kind string, p *process) error {
		t, err := p.signUp(0)
		if err != nil {
			return err
		}
		body, err := p.me(t.AccessToken)
		if err != nil {
			return err
		}
		if err := p.settle(l.ctx); err != nil {
			return err
		}
		bare, err := start(l.ctx, l.folder, l.self, "-bare", string(body))
		if err != nil {
			return err
		}
		defer bare.stop()
		return l.pair(
			func() (cost, error) {
				return bare.spent(l.ctx, l.calls, func(int) error {
					_, err := send(http.MethodGet, bare.url+"/v1/auth/me", t.AccessToken, "", http.StatusOK)
					return err
				})
			},
			func() (cost, error) {
				return p.spent(l.ctx, l.calls, func(int) error {
					_, err := p.me(t.AccessToken)
					return err
				})
			},
			func(base, ours []cost) {
				ratios, over := make([]float64, len(base)), make([]float64, len(base))
				for i := range base {
					ratios[i] = float64(ours[i].all) / float64(base[i].all)
					over[i] = milliseconds(ours[i].all - base[i].all)
				}
				row("me, "+kind+", CPU over a bare handler", ratios, "×")
				row("me, "+kind+", CPU more than a bare handler", over, "ms")
				rows("me, "+kind, ours)
				rows("bare handler", base)
			},
		)
	})
}

// pair measures two things in turns, warming both up first.
func (l *lab) pair(first, second func() (cost, error), report func(first, second []cost)) error {
	var firsts, seconds []cost
	for i := range l.pairs + 1 {
		a, err := first()
		if err != nil {
			return err
		}
		b, err := second()
		if err != nil {
			return err
		}
		if i > 0 {
			firsts, seconds = append(firsts, a), append(seconds, b)
		}
	}
	report(firsts, seconds)
	return nil
}

// figure measures one thing as often.
func (l *lab) figure(what string, once func() (cost, error)) error {
	var costs []cost
	for i := range l.pairs + 1 {
		c, err := once()
		if err != nil {
			return err
		}
		if i > 0 {
			costs = append(costs, c)
		}
	}
	rows(what, costs)
	return nil
}

// rows prints what something costs, and what of that is the database's.
func rows(what string, costs []cost) {
	all, database := make([]float64, len(costs)), make([]float64, len(costs))
	var sum time.Duration
	for i, c := range costs {
		all[i], database[i] = milliseconds(c.all), milliseconds(c.database)
		sum += c.database
	}
	row(what+", CPU", all, "ms")
	if sum > 0 {
		row(what+", CPU of the database in it", database, "ms")
	}
}

// refresh measures rotations, each client's one after the other.
func refresh(l *lab) error {
	return l.onEach(func(kind string, p *process) error {
		var signed [clients]tokens
		for i := range signed {
			var err error
			if signed[i], err = p.signUp(i); err != nil {
				return err
			}
		}
		if err := p.settle(l.ctx); err != nil {
			return err
		}
		return l.figure("refresh, "+kind, func() (cost, error) {
			return p.spent(l.ctx, l.calls/16, func(client int) error { return p.refresh(&signed[client]) })
		})
	})
}

// signIn measures a sign-in with the cheapest hash and the limits counted. Many
// users take turns, so that nobody has more than a few sessions.
func signIn(l *lab) error {
	return l.onEach(func(kind string, p *process) error {
		const users = 500
		for i := range users {
			if _, err := p.signUp(i); err != nil {
				return err
			}
		}
		if err := p.settle(l.ctx); err != nil {
			return err
		}
		var next atomic.Int64
		return l.figure("sign-in without its hash, "+kind, func() (cost, error) {
			return p.spent(l.ctx, l.calls/16, func(int) error {
				_, err := p.signIn(int(next.Add(1)) % users)
				return err
			})
		})
	})
}
