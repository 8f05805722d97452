// Package issuer serves providers of identities on this machine, for the tests of a
// host and for development without the Internet: an issuer of OpenID Connect, and
// servers in the shapes of GitHub, Apple and Microsoft.
//
//	server, err := issuer.Start(issuer.Options{People: []issuer.Person{{Email: "ada@example.com", Name: "Ada"}}})
//	…
//	defer server.Close()
//	providers := []admit.Provider{
//		oauth.Google{ClientID: "dev", ClientSecret: "dev", Endpoints: oauth.Endpoints{Issuer: server.Issuer()}},
//		oauth.GitHub{ClientID: "dev", ClientSecret: "dev", BaseURL: server.GitHub()},
//	}
//
// A browser gets a page to choose one of the people, to type another address, or to
// refuse. A test without a browser calls [Server.Answer] with the address that the
// browser would be sent to. Everything else is as it would be: real keys, real HTTP,
// PKCE, codes that work once, and a client that must give its secret.
//
// The server signs in anybody as anybody, so it listens on loopback alone.
package issuer

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"hash/fnv"
	"math/big"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Options are the settings of a server.
type Options struct {
	// Addr is where the server listens: a loopback address. Default: "127.0.0.1:0", a
	// free port.
	Addr string
	// People are those whom the page offers. Default: Ada, Bob and Carol.
	People []Person
	// Clients are the client ids with their secrets. Nil: every client id with any
	// secret.
	Clients map[string]string
	// Now is the time of codes and tokens. Default: [time.Now].
	Now func() time.Time
	// Wrap is put around the handlers, so that a test can make them fail. Default: nil.
	Wrap func(http.Handler) http.Handler
	// Claims changes the claims of each id token before it is signed. Default: nil.
	Claims func(claims map[string]any)
}

// Person is somebody who has an account with the server.
type Person struct {
	// Subject names the account. Default: made from Email.
	Subject string
	// Email is the address, which the server calls verified unless Unverified is set.
	Email      string
	Unverified bool
	// Name, Nickname, Picture and Locale are the profile. Each may be empty.
	Name, Nickname, Picture, Locale string
	// Tenant is the tenant of the account in the shape of Microsoft, a GUID. Default: one
	// for all.
	Tenant string
	// Claims are further claims of the id token, such as "hd" or "xms_edov". They replace
	// those that the server makes.
	Claims map[string]any
}

// DefaultTenant is the tenant of a person without one.
const DefaultTenant = "72f988bf-86f1-41af-91ab-2d7cd011db47"

// Server is a running server. It is safe for use by many goroutines.
type Server struct {
	options Options
	url     string
	http    *http.Server

	mu sync.Mutex
	// key signs, and keys are all that are published.
	key  *signingKey
	keys []*signingKey
	// grants are codes, access tokens and refresh tokens that are good.
	codes, access, refresh map[string]*grant
	// named are the subjects to whom the shape of Apple has told their name.
	named map[string]bool
}

type signingKey struct {
	id      string
	private *rsa.PrivateKey
}

// Start listens and serves until Close.
func Start(options Options) (*Server, error) {
	if options.Addr == "" {
		options.Addr = "127.0.0.1:0"
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.People == nil {
		options.People = []Person{
			{Email: "ada@example.com", Name: "Ada Lovelace", Nickname: "ada"},
			{Email: "bob@example.com", Name: "Bob Hopper", Nickname: "bob"},
			{Email: "carol@example.com", Name: "Carol Noether", Nickname: "carol", Unverified: true},
		}
	}
	host, _, err := net.SplitHostPort(options.Addr)
	if err != nil {
		return nil, fmt.Errorf("issuer: %w", err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, errors.New("issuer: Addr must be a loopback address, because the server signs in anybody as anybody")
	}
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", options.Addr)
	if err != nil {
		return nil, fmt.Errorf("issuer: %w", err)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	s := &Server{
		options: options, url: "http://" + net.JoinHostPort(host, port),
		codes: map[string]*grant{}, access: map[string]*grant{}, refresh: map[string]*grant{}, named: map[string]bool{},
	}
	if err := s.RotateKey(); err != nil {
		_ = listener.Close()
		return nil, err
	}
	handler := s.handler()
	if options.Wrap != nil {
		handler = options.Wrap(handler)
	}
	s.http = &http.Server{Handler: s.guard(handler), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = s.http.Serve(listener) }()
	return s, nil
}

// guard refuses names that are not the server's own, so that no page of another site
// reaches it by a name that leads here.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			http.Error(w, "this server has no such name", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// Close ends the server and its connections.
func (s *Server) Close() error { return s.http.Close() }

// Issuer is the issuer of OpenID Connect, for oauth.OIDC, and for oauth.Google and
// others by Endpoints.
func (s *Server) Issuer() string { return s.url }

// GitHub is the BaseURL of the server in the shape of GitHub.
func (s *Server) GitHub() string { return s.url + "/github" }

// Apple is the issuer in the shape of Apple: the answer is posted, and the name comes
// once.
func (s *Server) Apple() string { return s.url + "/apple" }

// Microsoft is the authority in the shape of Microsoft, with the tenants "common",
// "organizations", "consumers" and that of each person.
func (s *Server) Microsoft() string { return s.url + "/microsoft" }

// RotateKey makes a new key. The keys before it are published no longer.
func (s *Server) RotateKey() error {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return fmt.Errorf("issuer: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.key = &signingKey{rand.Text()[:8], private}
	s.keys = []*signingKey{s.key}
	return nil
}

// Sign makes a token of any claims with the key of the server.
func (s *Server) Sign(claims map[string]any) (string, error) {
	s.mu.Lock()
	key := s.key
	s.mu.Unlock()
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims(claims))
	token.Header["kid"] = key.id
	signed, err := token.SignedString(key.private)
	if err != nil {
		return "", fmt.Errorf("issuer: %w", err)
	}
	return signed, nil
}

// IDToken makes an id token as an app of the client would get it, with a nonce if it is
// not empty.
func (s *Server) IDToken(clientID string, person Person, nonce string) (string, error) {
	return s.Sign(s.claims(shapeOpenID, &grant{client: clientID, nonce: nonce, person: person}))
}

// AppleNotice makes the body of a notice as Apple posts it. Kind is one of
// "consent-revoked", "account-delete", "email-disabled" and "email-enabled".
func (s *Server) AppleNotice(clientID, kind string, person Person) ([]byte, error) {
	now := s.options.Now()
	events := fmt.Sprintf(`{"type":%q,"sub":%q,"email":%q,"is_private_email":"true","event_time":%d}`, kind, person.subject(), person.Email, now.UnixMilli())
	payload, err := s.Sign(map[string]any{"iss": s.Apple(), "aud": clientID, "iat": now.Unix(), "jti": rand.Text(), "events": events})
	if err != nil {
		return nil, err
	}
	return []byte(`{"payload":"` + payload + `"}`), nil
}

// subject is the name of the account.
func (p Person) subject() string {
	if p.Subject != "" {
		return p.Subject
	}
	return strconv.FormatInt(p.number(), 10)
}

// number is the account in the shape of GitHub.
func (p Person) number() int64 {
	sum := fnv.New64a()
	_, _ = sum.Write([]byte(p.Subject + "/" + p.Email))
	return int64(sum.Sum64() >> 20)
}

// person finds one of the people by address, or makes one.
func (s *Server) person(address string) Person {
	for _, person := range s.options.People {
		if strings.EqualFold(person.Email, address) {
			return person
		}
	}
	name, _, _ := strings.Cut(address, "@")
	return Person{Email: address, Name: name, Nickname: name}
}

// keySet is the document of the public keys.
func (s *Server) keySet() map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := []map[string]any{}
	for _, key := range s.keys {
		list = append(list, map[string]any{
			"kty": "RSA", "use": "sig", "alg": "RS256", "kid": key.id,
			"n": base64.RawURLEncoding.EncodeToString(key.private.N.Bytes()),
			"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(key.private.E)).Bytes()),
		})
	}
	return map[string]any{"keys": list}
}
