package admit

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

// This file plays random lives of a session against the rules: an owner with lost
// answers, two tabs, a server that renders pages and services that check tokens by
// the JWKS alone; and a thief who has a copy of the refresh token and all the
// patience there is.

// hand is whoever holds tokens of the session.
type hand struct {
	name            string
	refresh, access string
	generation      int64
	// answer is the number of the answer that access came with, issued when.
	answer int64
	issued time.Time
	// used says which answers have been used where the store is asked.
	used []use
}

// use is an access token that a guard has let through.
type use struct {
	generation, answer int64
	// current says that the generation was the latest at that time: of an older
	// one nobody notes which answer is used first, and the next refresh tells.
	current bool
}

// life is one run.
type life struct {
	*pausing
	chance  *rand.Rand
	rotated time.Time
	born    time.Time
	// lost says that the current generation was answered, and nobody got it.
	lost bool
	// current is the latest generation.
	current int64
	history []string
}

const modelEmail = "ann@example.com"

func (l *life) notef(format string, in ...any) {
	l.history = append(l.history, fmt.Sprintf(format, in...))
}

func (l *life) begin() (*hand, error) {
	signed, err := l.Passwords.SignIn(context.Background(), SignInParams{Email: modelEmail, Password: annsPassword})
	if err != nil {
		return nil, err
	}
	l.rotated, l.born, l.current = l.time(), l.time(), 1
	return &hand{name: "owner", refresh: signed.Tokens.RefreshToken, access: signed.Tokens.AccessToken, generation: 1, issued: l.time()}, nil
}

// ask exchanges a refresh token. The answer is not stored yet.
func (l *life) ask(h *hand, token string) (hand, error) {
	signed, err := l.Sessions.Refresh(context.Background(), token)
	if err != nil {
		l.notef("%s refreshes: %v", h.name, err)
		return hand{}, err
	}
	k := l.Sessions.kernel
	given, err := k.tokens.Verify(context.Background(), k.store, signed.Tokens.AccessToken, l.time())
	if err != nil {
		return hand{}, err
	}
	session, _, err := k.store.SessionUser(context.Background(), tenant, signed.Session.ID)
	if err != nil {
		return hand{}, err
	}
	l.notef("%s refreshes: generation %d, answer %d", h.name, given.Generation, given.Answer)
	l.current = given.Generation
	if session.RotatedAt.Equal(l.time()) {
		l.rotated = l.time()
	}
	return hand{
		name: h.name, refresh: signed.Tokens.RefreshToken, access: signed.Tokens.AccessToken,
		generation: given.Generation, answer: given.Answer, issued: l.time(), used: h.used,
	}, nil
}

// use shows an access token to a guard.
func (l *life) use(h *hand) error {
	_, _, err := l.VerifyToken(context.Background(), h.access)
	l.notef("%s uses generation %d, answer %d: %v", h.name, h.generation, h.answer, err)
	if err == nil {
		h.used = append(h.used, use{h.generation, h.answer, h.generation == l.current})
	}
	return err
}

// wait lets time pass.
func (l *life) wait() {
	by := []time.Duration{0, time.Second, 4 * time.Second, 11 * time.Second, 5 * time.Minute, time.Hour, 25 * time.Hour}[l.chance.IntN(7)]
	l.advance(by)
	l.notef("%v pass", by)
}

// over says that the session has come to its natural end, or soon will.
func (l *life) over() bool {
	now := l.time()
	return now.Sub(l.rotated) > 5*24*time.Hour || now.Sub(l.born) > 28*24*time.Hour
}

// fresh says that an access token has not expired.
func (l *life) fresh(h *hand) bool { return l.time().Before(h.issued.Add(time.Hour)) }

// honestStep does one thing that an honest client does. After a lost answer it is
// one client that tries again: two at once, later than the grace, look like theft,
// as docs/session.md says.
func (l *life) honestStep(h *hand) error {
	what := l.chance.IntN(6)
	if l.lost && (what == 2 || what == 3) {
		what = 4
	}
	switch what {
	case 0: // nothing, or a service that checks by the JWKS alone
		return nil
	case 1: // the answer is lost, and the client tries again some time
		_, err := l.ask(h, h.refresh)
		l.lost = true
		return err
	case 2: // two tabs at once: both answers come, one or both are used, either is kept
		first, err := l.ask(h, h.refresh)
		if err != nil {
			return err
		}
		if l.chance.IntN(2) == 0 {
			if err := l.use(&first); err != nil {
				return err
			}
		}
		l.advance(time.Duration(l.chance.IntN(9)) * time.Second)
		second, err := l.ask(h, h.refresh)
		if err != nil {
			return err
		}
		if l.chance.IntN(2) == 0 {
			first, second = second, first
		}
		if err := l.use(&first); err != nil {
			return err
		}
		second.used = first.used
		*h = second
	case 3: // a server refreshes to render a page, and cannot tell the browser
		rendered, err := l.ask(h, h.refresh)
		if err != nil {
			return err
		}
		if err := l.use(&rendered); err != nil {
			return err
		}
		l.advance(time.Duration(l.chance.IntN(9)) * time.Second)
		next, err := l.ask(h, h.refresh)
		if err != nil {
			return err
		}
		next.used = rendered.used
		*h = next
	default:
		if !l.fresh(h) || l.lost || l.chance.IntN(3) == 0 {
			next, err := l.ask(h, h.refresh)
			if err != nil {
				return err
			}
			*h, l.lost = next, false
		}
		return l.use(h)
	}
	return nil
}

func newLife(t *testing.T, seed uint64, p *pausing) *life {
	return &life{pausing: p, chance: rand.New(rand.NewPCG(seed, 2))}
}

func modelAuth(t *testing.T) *pausing {
	p := newOpen(t, func(c *Config) { c.Sessions.Algorithm = "HS256"; c.InsecureNoLimits = true })
	p.user(t)
	return p
}

// modelRuns is how many lives are played; REFRESH_RUNS says so for `.ci/long`.
func modelRuns(t *testing.T) int {
	t.Helper()
	text := os.Getenv("REFRESH_RUNS")
	if text == "" {
		return 10_000
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// S6: no honest client is ever thrown out.
func TestS6_NoHonestClientIsThrownOut(t *testing.T) {
	var p *pausing
	for seed := range modelRuns(t) {
		if seed%1000 == 0 {
			p = modelAuth(t)
		}
		l := newLife(t, uint64(seed), p)
		h, err := l.begin()
		if err != nil {
			t.Fatal(err)
		}
		for range 4 + l.chance.IntN(10) {
			l.wait()
			if l.over() {
				break
			}
			if err := l.honestStep(h); err != nil {
				t.Fatalf("seed %d: an honest client was refused, %v, after\n%v", seed, err, l.history)
			}
		}
	}
}

// S6: a thief who has a copy of the refresh token, and may wait as long as he
// likes, is noticed once both sides have used what they hold: never are two
// answers of the current generation, or of the one before, used of which one was
// given after the grace, and whoever is behind what the other has used gets no more
// tokens after the grace.
func TestS6_AThiefIsNoticedWithinOneGenerationOfUse(t *testing.T) {
	var p *pausing
	alarms, shared := 0, 0
	for seed := range modelRuns(t) {
		if seed%1000 == 0 {
			p = modelAuth(t)
		}
		l := newLife(t, uint64(seed), p)
		owner, err := l.begin()
		if err != nil {
			t.Fatal(err)
		}
		for range l.chance.IntN(3) {
			l.wait()
			if err := l.honestStep(owner); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
		}
		thief := *owner
		thief.name, thief.used, owner.used = "thief", nil, nil
		copied := owner.generation
		hands := []*hand{owner, &thief}
		for range 4 + l.chance.IntN(12) {
			l.wait()
			if l.over() {
				break
			}
			i := l.chance.IntN(2)
			h, other := hands[i], hands[1-i]
			var err error
			if l.chance.IntN(2) == 0 {
				var next hand
				behind := !l.time().Before(l.rotated.Add(10 * time.Second))
				if next, err = l.ask(h, h.refresh); err == nil {
					for _, u := range other.used {
						if behind && u.current && u.generation > h.generation && u.generation > copied {
							t.Fatalf("seed %d: the %s, who is behind, was given tokens, after\n%v", seed, h.name, l.history)
						}
					}
					if l.chance.IntN(4) > 0 { // otherwise the answer is lost, or thrown away
						*h = next
					}
				}
			} else if l.fresh(h) {
				if err = l.use(h); err == nil && h.generation > copied {
					for _, u := range other.used {
						if u.current && u.generation == h.generation && h.generation >= l.current-1 && u.answer != h.answer {
							t.Fatalf("seed %d: two answers of generation %d are in use, after\n%v", seed, h.generation, l.history)
						}
						if u.generation > copied {
							shared++
						}
					}
				}
			}
			if errors.Is(err, ErrInvalidRefreshToken) || errors.Is(err, ErrSessionExpired) {
				alarms++
				break
			}
			if err != nil {
				t.Fatalf("seed %d: %v after\n%v", seed, err, l.history)
			}
		}
	}
	if least := modelRuns(t) / 10; alarms < least || shared == 0 {
		t.Errorf("%d alarms, %d uses on both sides: the lives are too quiet to prove anything", alarms, shared)
	}
}
