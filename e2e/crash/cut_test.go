package crash

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"testing"

	"github.com/admit-go/admit/store/drivertest/pgtest"
)

// cutFlow is something that is tried with the connection cut at every exchange
// with the database.
type cutFlow struct {
	name string
	// prepare makes somebody and what the flow needs.
	prepare func(t *testing.T, s *server, client *http.Client) reset
	run     func(s *server, client *http.Client, p reset) answer
	// done is the status of a success, and again what a retry may answer once
	// the first try has taken effect.
	done, again int
	// transaction says that what is acknowledged is a COMMIT, and that again
	// tells a retry from a first try.
	transaction bool
	holds       func(p reset, a answer) fact
}

func signedUp(t *testing.T, s *server, client *http.Client) reset {
	t.Helper()
	p := reset{email: newName()}
	a := s.signUp(client, p.email)
	if a.status != http.StatusCreated {
		t.Fatalf("sign-up: %+v", a)
	}
	p.access, p.token = a.text("accessToken"), a.text("refreshToken")
	return p
}

// stockOfResets prepares many at once, as mail has to be waited for.
func stockOfResets() func(*testing.T, *server, *http.Client) reset {
	var stock []reset
	return func(t *testing.T, s *server, _ *http.Client) reset {
		t.Helper()
		if len(stock) == 0 {
			stock = prepareResets(t, s, 40)
		}
		next := stock[0]
		stock = stock[1:]
		return next
	}
}

func cutFlows() []cutFlow {
	return []cutFlow{
		{
			name:    "sign up",
			prepare: func(*testing.T, *server, *http.Client) reset { return reset{email: newName()} },
			run:     func(s *server, client *http.Client, p reset) answer { return s.signUp(client, p.email) },
			done:    http.StatusCreated, again: http.StatusConflict, transaction: true,
			holds: func(p reset, _ answer) fact { return signsIn(p.email) },
		},
		{
			name: "sign in", prepare: signedUp,
			run:  func(s *server, client *http.Client, p reset) answer { return s.signIn(client, p.email, password) },
			done: http.StatusOK, again: http.StatusOK,
			holds: func(_ reset, a answer) fact { return oneSuccessor([]string{a.text("refreshToken")}) },
		},
		{
			name: "refresh", prepare: signedUp,
			run:  func(s *server, client *http.Client, p reset) answer { return s.refresh(client, p.token) },
			done: http.StatusOK, again: http.StatusOK,
			holds: func(p reset, a answer) fact { return oneSuccessor([]string{p.token, a.text("refreshToken")}) },
		},
		{
			name: "sign out", prepare: signedUp,
			run:  func(s *server, client *http.Client, p reset) answer { return s.signOut(client, p.access) },
			done: http.StatusOK, again: http.StatusUnauthorized,
			holds: func(p reset, _ answer) fact { return signedOut(p.access, p.token) },
		},
		{
			name: "reset a password", prepare: stockOfResets(),
			run:  func(s *server, client *http.Client, p reset) answer { return s.redeem(client, p) },
			done: http.StatusOK, again: http.StatusNotFound, transaction: true,
			holds: func(p reset, _ answer) fact { return p.holds(true) },
		},
	}
}

// RL-01, RL-02: the connection to the database is cut at every exchange of a
// flow, before the database has it and after, COMMIT and its answer among them.
// What the caller is told of a success has happened; what is 503 may have
// happened or not, and trying again ends well and doubles nothing.
func TestRL02_AConnectionCutAtAnyMomentDoublesNothing(t *testing.T) {
	place := pgtest.Open(t)
	wire := newWire(t, place)
	s := start(t, t.TempDir(), wire.URL)
	client := newClient(t)
	for _, flow := range cutFlows() {
		for name, cutting := range map[string]cutting{
			"before_it": {}, "before_its_answer": {lost: true}, "before_the_answer_to_COMMIT": {lost: true, commits: true},
		} {
			t.Run(flow.name+"/"+name, func(t *testing.T) {
				points, refused, took := 0, 0, 0
				// The server's workers use the wire too: a cut that hits them
				// alone shows nothing, and the next round is another's.
				rounds := 1
				for passing := 0; ; passing++ {
					p := flow.prepare(t, s, client)
					wire.cut(passing, cutting)
					a := flow.run(s, client, p)
					if !wire.mend() {
						if a.status != flow.done {
							t.Fatalf("undisturbed: %d %v", a.status, a.body)
						}
						shown := refused > 0
						if cutting.commits {
							shown = took > 0 || !flow.transaction
						}
						if shown || rounds == 5 {
							break
						}
						rounds++
						passing = -1
						continue
					}
					points++
					point := fmt.Sprintf("cut after %d exchanges", passing)
					switch {
					case a.status == flow.done:
					case a.status == http.StatusServiceUnavailable && a.code() == "auth/unavailable":
						refused++
						if a.text("accessToken") != "" {
							t.Errorf("%s: refused with tokens", point)
						}
						if a = flow.run(s, client, p); a.status == flow.again && flow.again != flow.done {
							took++
						} else if a.status != flow.done {
							t.Fatalf("%s: trying again: %d %v", point, a.status, a.body)
						}
					default:
						t.Fatalf("%s: %d %v", point, a.status, a.body)
					}
					if wrong := flow.holds(p, a)(s, client); wrong != "" {
						t.Errorf("%s: %s", point, wrong)
					}
				}
				t.Logf("%d exchanges cut, %d times refused, of which %d had taken effect", points, refused, took)
				switch {
				case !cutting.lost && took > 0:
					t.Error("what never reached the database took effect")
				case cutting.commits && flow.transaction && took == 0:
					t.Error("no COMMIT was cut that took effect")
				case !cutting.commits && refused == 0:
					t.Error("no cut was noticed")
				}
			})
		}
	}
	checkWhole(t, place)
	checkToldOnce(t, place)
}

// checkToldOnce demands that of each account it was recorded once that it was
// made: events are written with what they tell of.
func checkToldOnce(t *testing.T, place string) {
	t.Helper()
	db, err := sql.Open("pgx", place)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var accounts, events int
	err = db.QueryRowContext(context.Background(), `SELECT (SELECT count(*) FROM admit_users),
		(SELECT count(*) FROM admit_events WHERE kind = 'user.created')`).Scan(&accounts, &events)
	if err != nil || accounts != events {
		t.Errorf("%d accounts, %d events of making one, %v", accounts, events, err)
	}
}
