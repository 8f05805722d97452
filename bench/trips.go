package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store/drivertest/wire"
	"github.com/admit-go/admit/store/postgres"
)

// latency is how far away the database of the second run is, each way.
const latency = time.Millisecond

// journey is an API on PostgreSQL whose way to the database is watched. Its
// workers have ended, so that nobody else asks.
type journey struct {
	ctx   context.Context
	host  http.Handler
	proxy *wire.Proxy
	// other is another process on the database, which sends the mail.
	other *admit.Auth
	mail  *mailer.Recorder
	made  int
	// close ends everything in the order of this list.
	close []func() error
}

// trips counts the exchanges of each operation with PostgreSQL, and measures how
// long each takes where the database is near and where it is 1 ms away.
func trips(l *lab) error {
	if l.postgres == "" {
		return nil
	}
	for _, away := range []time.Duration{0, latency} {
		if err := l.travel(away); err != nil {
			return err
		}
	}
	return nil
}

func (l *lab) travel(away time.Duration) (err error) {
	at, err := l.place("postgres")
	if err != nil {
		return err
	}
	defer at.remove()
	j := &journey{ctx: l.ctx, mail: &mailer.Recorder{}}
	defer func() {
		for _, end := range j.close {
			err = errors.Join(err, end())
		}
	}()
	if j.proxy, err = wire.Start(at.flag, away); err != nil {
		return err
	}
	if j.other, err = j.process(at.flag); err != nil {
		return errors.Join(err, j.proxy.Close())
	}
	host, err := j.process(j.proxy.URL)
	j.close = append(j.close, j.proxy.Close)
	if err != nil {
		return err
	}
	if err := host.Close(l.ctx); err != nil {
		return err
	}
	j.host = host.Handler()
	for _, op := range operations {
		var counts, times []float64
		for run := range l.pairs + 2 { // the driver prepares statements in the first
			request, err := op.prepare(j)
			if err != nil {
				return fmt.Errorf("%s: %w", op.name, err)
			}
			before, began := j.proxy.Exchanges(), time.Now()
			if _, err := j.send(request, op.want); err != nil {
				return fmt.Errorf("%s: %w", op.name, err)
			}
			if run > 1 {
				times = append(times, milliseconds(time.Since(began)))
				counts = append(counts, float64(j.proxy.Exchanges()-before))
			}
		}
		if away == 0 {
			row(op.name+", exchanges with PostgreSQL", counts, "exchanges")
		}
		row(fmt.Sprintf("%s, PostgreSQL %v away, time", op.name, away), times, "ms")
	}
	return nil
}

// process is an Auth with a pool of one connection, which the driver does not
// look after in between.
func (j *journey) process(source string) (*admit.Auth, error) {
	config, err := pgx.ParseConfig(source)
	if err != nil {
		return nil, err
	}
	db := stdlib.OpenDB(*config, stdlib.OptionShouldPing(func(context.Context, stdlib.ShouldPingParams) bool { return false }))
	db.SetMaxOpenConns(1)
	records := postgres.New(db)
	if err := records.Migrate(j.ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	auth, err := admit.New(admit.Config{
		BaseURL: "https://app.example", Secrets: admit.Secrets("wHs8kX2nPq5vB9tLz4rYcJ7mD1fG6hAe3uTo"), Store: records, Mailer: j.mail,
		Logger: slog.New(slog.DiscardHandler), Passwords: admit.PasswordConfig{InsecureFastHash: true},
	})
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	j.close = append(j.close, func() error { return errors.Join(auth.Close(context.WithoutCancel(j.ctx)), db.Close()) })
	return auth, nil
}

// ask is a request: its method, path, access token and body.
type ask struct {
	method, path, access string
	body                 map[string]string
}

func (j *journey) send(r ask, want int) (map[string]any, error) {
	var body []byte
	if r.body != nil {
		var err error
		if body, err = json.Marshal(r.body); err != nil {
			return nil, err
		}
	}
	request, err := http.NewRequestWithContext(j.ctx, r.method, "/v1"+r.path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "bench/1")
	if r.access != "" {
		request.Header.Set("Authorization", "Bearer "+r.access)
	}
	// Each comes from another address: from one there may not come many.
	j.made++
	request.RemoteAddr = "10.0." + strconv.Itoa(j.made/250%250) + "." + strconv.Itoa(1+j.made%250) + ":1"
	got := httptest.NewRecorder()
	j.host.ServeHTTP(got, request)
	if got.Code != want {
		text, _ := io.ReadAll(got.Body)
		return nil, fmt.Errorf("%s %s: %d %s", r.method, r.path, got.Code, text)
	}
	var answer map[string]any
	return answer, json.Unmarshal(got.Body.Bytes(), &answer)
}

const password = "quiet-harbour-lamp"

// person makes an account with a proven address, which nobody counts.
func (j *journey) person() (email string, err error) {
	email = j.address()
	_, err = j.other.Users.Create(j.ctx, admit.CreateUserParams{Email: email, Name: "Ann", InsecurePassword: password, EmailVerified: true})
	return email, err
}

func (j *journey) address() string {
	j.made++
	return "user" + strconv.Itoa(j.made) + "@example.test"
}

func signInAs(email, password string) ask {
	return ask{method: http.MethodPost, path: "/auth/email/signin", body: map[string]string{"email": email, "password": password}}
}

// token waits for a mail to an address and returns the secret in its link.
func (j *journey) token(email string, asked error) (string, error) {
	if asked != nil {
		return "", asked
	}
	ctx, cancel := context.WithTimeout(j.ctx, time.Minute)
	defer cancel()
	m, err := j.mail.Wait(ctx, func(m mailer.Message) bool { return m.To == email && m.Values.Link != "" })
	if err != nil {
		return "", err
	}
	link, err := url.Parse(m.Values.Link)
	if err != nil {
		return "", err
	}
	return link.Query().Get("token"), nil
}

// session signs somebody in on the device that is signed in from again later.
func (j *journey) session() (email string, t map[string]any, err error) {
	if email, err = j.person(); err != nil {
		return "", nil, err
	}
	t, err = j.send(signInAs(email, password), http.StatusOK)
	return email, t, err
}

// operations are what is counted. What prepare asks is not.
var operations = []struct {
	name    string
	want    int
	prepare func(j *journey) (ask, error)
}{
	{"me", http.StatusOK, func(j *journey) (ask, error) {
		_, t, err := j.session()
		access, _ := t["accessToken"].(string)
		return ask{method: http.MethodGet, path: "/auth/me", access: access}, err
	}},
	{"refresh", http.StatusOK, func(j *journey) (ask, error) {
		_, t, err := j.session()
		token, _ := t["refreshToken"].(string)
		return ask{method: http.MethodPost, path: "/auth/refresh", body: map[string]string{"refreshToken": token}}, err
	}},
	{"sign-up", http.StatusCreated, func(j *journey) (ask, error) {
		return ask{method: http.MethodPost, path: "/auth/email/signup", body: map[string]string{"email": j.address(), "password": password, "name": "Ann"}}, nil
	}},
	{"sign-in", http.StatusOK, func(j *journey) (ask, error) {
		email, _, err := j.session()
		return signInAs(email, password), err
	}},
	{"wrong password", http.StatusUnauthorized, func(j *journey) (ask, error) {
		email, err := j.person()
		return signInAs(email, "green-bicycle-tower"), err
	}},
	{"magic-link request", http.StatusOK, func(j *journey) (ask, error) {
		email, err := j.person()
		return ask{method: http.MethodPost, path: "/auth/email/signin", body: map[string]string{"email": email, "method": "magiclink"}}, err
	}},
	{"magic-link redemption", http.StatusOK, func(j *journey) (ask, error) {
		email, _, err := j.session()
		if err != nil {
			return ask{}, err
		}
		_, err = j.other.MagicLinks.Request(j.ctx, admit.MagicLinkParams{Email: email})
		token, err := j.token(email, err)
		return ask{method: http.MethodPost, path: "/auth/email/callback", body: map[string]string{"token": token}}, err
	}},
	{"reset request", http.StatusOK, func(j *journey) (ask, error) {
		email, err := j.person()
		return ask{method: http.MethodPost, path: "/auth/password/reset/request", body: map[string]string{"email": email}}, err
	}},
	{"reset confirm", http.StatusOK, func(j *journey) (ask, error) {
		email, err := j.person()
		if err != nil {
			return ask{}, err
		}
		token, err := j.token(email, j.other.PasswordResets.Request(j.ctx, admit.LinkParams{Email: email}))
		return ask{method: http.MethodPost, path: "/auth/password/reset/confirm", body: map[string]string{"token": token, "newPassword": "green-bicycle-tower"}}, err
	}},
}
