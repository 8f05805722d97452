package crash

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
)

// racers is how many redeem a token at once.
const racers = 50

// Two servers on one store, each in a process of its own.
type pair struct {
	testing.TB
	servers [2]*server
	client  *http.Client
	db      *sql.DB
}

// mailed asks for a mail and returns what the pattern finds in it. Either server
// may have sent it.
func (p *pair) mailed(to string, pattern *regexp.Regexp, ask func() answer) string {
	p.Helper()
	seen := map[string]bool{}
	find := func(take func(string)) {
		for _, s := range p.servers {
			for _, l := range s.mailbox(p, p.client) {
				if found := pattern.FindStringSubmatch(l.Text); l.To == to && found != nil {
					take(found[1])
				}
			}
		}
	}
	find(func(old string) { seen[old] = true })
	if a := ask(); a.status/100 != 2 {
		p.Fatalf("asking for a mail: %+v", a)
	}
	secret := ""
	within(p, 20*time.Second, "mail to "+to, func() bool {
		find(func(found string) {
			if !seen[found] {
				secret = found
			}
		})
		return secret != ""
	})
	return secret
}

// post sends to the first server.
func (p *pair) post(path, access string, body object) answer {
	return p.servers[0].ask(p.client, "POST", path, access, body)
}

// race redeems one token many times at once, half of it at each server, and
// counts the answers by status and code.
func (p *pair) race(path string, body func(i int) object) (counts map[string]int, winner int) {
	answers := make([]answer, racers)
	begin := make(chan struct{})
	var all sync.WaitGroup
	for i := range racers {
		all.Go(func() {
			<-begin
			answers[i] = p.servers[i%2].ask(p.client, "POST", path, "", body(i))
		})
	}
	close(begin)
	all.Wait()
	counts, winner = map[string]int{}, -1
	for i, a := range answers {
		counts[strings.TrimSpace(fmt.Sprint(a.status, " ", a.code()))]++
		if a.status == http.StatusOK {
			winner = i
		}
	}
	return counts, winner
}

// events counts what was recorded about the account of an address.
func (p *pair) events(access, kind string) int {
	p.Helper()
	id := p.servers[0].me(p.client, access).text("id")
	return p.count("SELECT count(*) FROM admit_events WHERE kind = '" + kind + "' AND subject_id = '" + id + "'")
}

func (p *pair) count(query string) (n int) {
	p.Helper()
	if err := p.db.QueryRow(query).Scan(&n); err != nil {
		p.Fatal(err)
	}
	return n
}

func linkTo(path string) *regexp.Regexp {
	return regexp.MustCompile(regexp.QuoteMeta(path) + `\?\S*\btoken=([\w-]{43})`)
}

var sixDigits = regexp.MustCompile(`(?m)^(\d{6})$`)

// OT-03, AC-049: however many redeem a token at once, over two processes, one
// wins and it has one effect, whatever the token is of.
func TestOT03_OneOfManyRedemptionsOverTwoProcessesWins(t *testing.T) {
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			folder := t.TempDir()
			place := place(t, kind, folder)
			p := &pair{client: newClient(t), db: open(t, place)}
			for i := range p.servers {
				p.servers[i] = start(t, folder, place)
			}
			for name, race := range redemptions {
				t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
					p.TB = t
					race(p)
				})
			}
		})
	}
}

// one demands a single success beside clean refusals.
func (p *pair) one(counts map[string]int, refusals ...string) {
	p.Helper()
	sum := counts["200"]
	for _, refusal := range refusals {
		sum += counts[refusal]
	}
	if counts["200"] != 1 || sum != racers {
		p.Errorf("%d redemptions: %v", racers, counts)
	}
}

// all demands that everybody is told of success: repeating one is none.
func (p *pair) all(counts map[string]int) {
	p.Helper()
	if counts["200"] != racers {
		p.Errorf("%d redemptions: %v", racers, counts)
	}
}

// person signs up; token confirms the address.
func (p *pair) person() (email, access, token string) {
	p.Helper()
	email = newName()
	token = p.mailed(email, linkTo(confirmPath), func() answer {
		a := p.servers[0].signUp(p.client, email)
		access = a.text("accessToken")
		return a
	})
	return email, access, token
}

func (p *pair) demand(what string, got, want int) {
	p.Helper()
	if got != want {
		p.Errorf("%s: %d, want %d", what, got, want)
	}
}

const (
	confirmPath = "/v1/auth/signup/email/confirm"
	resetPath   = "/v1/auth/password/reset/confirm"
	linkPath    = "/v1/auth/email/callback"
	sendPath    = "/v1/auth/email/verify/send"
	movePath    = "/v1/auth/email/verify/confirm"
	undoPath    = "/v1/auth/email/verify/undo"
)

// move changes an address and returns the token that takes it back.
func (p *pair) move(email, access, to string) string {
	p.Helper()
	token := p.mailed(to, linkTo(movePath), func() answer { return p.post(sendPath, access, object{"email": to}) })
	return p.mailed(email, linkTo(undoPath), func() answer { return p.post(movePath, "", object{"email": to, "token": token}) })
}

// begun asks for the options of a ceremony of a passkey.
func (p *pair) begun(path, access string) (ceremonyID string, options *harness.Answer) {
	p.Helper()
	a := p.post("/v1/auth/passkeys/"+path, access, object{})
	text, err := json.Marshal(a.body["publicKey"])
	if err != nil || a.status != http.StatusOK {
		p.Fatalf("%s: %+v, %v", path, a, err)
	}
	ceremonyID = a.text("ceremonyId")
	return ceremonyID, harness.Begun(p, admit.PasskeyOptions{CeremonyID: ceremonyID, Options: text})
}

// redemptions are a race for each kind of token.
var redemptions = map[string]func(p *pair){
	"passkey": func(p *pair) {
		email, access, token := p.person()
		if a := p.post(confirmPath, "", object{"email": email, "token": token}); a.status != http.StatusOK {
			p.Fatalf("confirming: %+v", a)
		}
		d := harness.NewDevice(p)
		d.Origin = "http://localhost:1" // what the base URL of the servers means
		id, options := p.begun("register/options", access)
		if a := p.post("/v1/auth/passkeys/register/verify", access, object{"ceremonyId": id, "credential": d.Register(options)}); a.status != http.StatusCreated {
			p.Fatalf("registering: %+v", a)
		}
		for range 4 {
			id, options := p.begun("signin/options", "")
			credential := d.Assert(options)
			counts, _ := p.race("/v1/auth/passkeys/signin/verify", func(int) object { return object{"ceremonyId": id, "credential": credential} })
			p.one(counts, "401 auth/invalid-passkey")
		}
		p.demand("sessions", p.events(access, "session.created"), 5)
	},
	"confirmation": func(p *pair) {
		email, access, token := p.person()
		counts, _ := p.race(confirmPath, func(int) object { return object{"email": email, "token": token} })
		p.all(counts)
		p.demand("confirmations", p.events(access, "email.verified"), 1)
	},
	"refusal of a sign-up": func(p *pair) {
		email, access, token := p.person()
		id := p.servers[0].me(p.client, access).text("id")
		counts, _ := p.race(confirmPath, func(int) object { return object{"email": email, "token": token, "action": "disown"} })
		p.one(counts, "401 auth/invalid-token")
		p.demand("deletions", p.count("SELECT count(*) FROM admit_events WHERE kind = 'user.deleted' AND subject_id = '"+id+"'"), 1)
	},
	"reset": func(p *pair) {
		email, _, _ := p.person()
		token := p.mailed(email, linkTo(resetPath), func() answer {
			return p.post("/v1/auth/password/reset/request", "", object{"email": email})
		})
		password := func(i int) string { return fmt.Sprintf("%s-%d", another, i) }
		counts, winner := p.race(resetPath, func(i int) object {
			return object{"email": email, "token": token, "newPassword": password(i)}
		})
		p.one(counts, "404 auth/verification-token-not-found")
		a := p.servers[1].signIn(p.client, email, password(winner))
		p.demand("sign-in with the winner's password", a.status, http.StatusOK)
		p.demand("changes", p.events(a.text("accessToken"), "password.changed"), 1)
	},
	"magic link": func(p *pair) {
		email, _, _ := p.person()
		token := p.mailed(email, linkTo(linkPath), func() answer {
			return p.post("/v1/auth/email/signin", "", object{"method": "magiclink", "email": email})
		})
		p.signsInOnce(email, func(int) object { return object{"token": token} })
	},
	"sign-up by link": func(p *pair) {
		email := newName()
		token := p.mailed(email, linkTo(linkPath), func() answer {
			return p.post("/v1/auth/email/signup", "", object{"method": "magiclink", "email": email})
		})
		p.signsInOnce(email, func(int) object { return object{"token": token} })
	},
	"code": func(p *pair) {
		email, _, _ := p.person()
		var request string
		code := p.mailed(email, sixDigits, func() answer {
			a := p.post("/v1/auth/email/signin", "", object{"method": "magiclink", "email": email})
			request = a.text("requestId")
			return a
		})
		p.signsInOnce(email, func(int) object { return object{"requestId": request, "code": code} })
	},
	"change of address": func(p *pair) {
		_, access, _ := p.person()
		to := newName()
		token := p.mailed(to, linkTo(movePath), func() answer { return p.post(sendPath, access, object{"email": to}) })
		counts, _ := p.race(movePath, func(int) object { return object{"email": to, "token": token} })
		p.all(counts)
		p.demand("changes", p.events(access, "email.changed"), 1)
	},
	"undoing": func(p *pair) {
		email, access, confirmation := p.person()
		p.post(confirmPath, "", object{"email": email, "token": confirmation}) // only a verified address can take a change back
		token := p.move(email, access, newName())
		id := p.servers[0].me(p.client, access).text("id")
		counts, _ := p.race(undoPath, func(int) object { return object{"token": token} })
		p.one(counts, "401 auth/invalid-token")
		p.demand("undone", p.count("SELECT count(*) FROM admit_events WHERE kind = 'email.change-undone' AND subject_id = '"+id+"'"), 1)
	},
}

// signsInOnce races and demands one account with one session from it.
func (p *pair) signsInOnce(email string, body func(i int) object) {
	p.Helper()
	sessions := "SELECT count(*) FROM admit_sessions s JOIN admit_users u ON u.id = s.user_id WHERE s.amr = 'otp' AND u.email_key = '" + email + "'"
	counts, _ := p.race(linkPath, body)
	p.one(counts, "401 auth/invalid-token")
	p.demand("sessions", p.count(sessions), 1)
	p.demand("accounts", p.count("SELECT count(*) FROM admit_users WHERE email_key = '"+email+"'"), 1)
}
