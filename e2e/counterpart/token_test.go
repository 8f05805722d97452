package counterpart

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store/memory"
)

// patience is how long a program of somebody else may take.
const patience = time.Minute

const secret = "wHs8kX2nPq5vB9tLz4rYcJ7mD1fG6hAe3uTo"

// issuer is a host whose issuer is the address at which it listens, with an access
// token of a user. Other libraries have a clock of their own, so the host has the
// clock of the machine.
type issuer struct {
	url, token, user string
}

func newIssuer(t *testing.T, sessions admit.SessionConfig) issuer {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	t.Cleanup(server.Close)
	address := "http://" + server.Listener.Addr().String()
	auth, err := admit.New(admit.Config{
		BaseURL: address, Secrets: admit.Secrets(secret), Store: memory.New(), Mailer: &mailer.Recorder{},
		Logger: slog.New(slog.DiscardHandler), Sessions: sessions, Passwords: admit.PasswordConfig{InsecureFastHash: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := auth.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	server.Config.Handler = auth.Handler()
	server.Start()
	made, err := auth.SignUps.Create(t.Context(), admit.SignUpParams{Email: "ann@x.test", Password: "quiet harbour lamp", Name: "Ann"})
	if err != nil {
		t.Fatal(err)
	}
	return issuer{url: address, token: made.SignedIn.Tokens.AccessToken, user: made.UserID}
}

// run runs a program of somebody else and returns what it prints.
func run(t *testing.T, name string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var out, said bytes.Buffer
	command := exec.CommandContext(ctx, name, args...)
	command.Stdout, command.Stderr = &out, &said
	err := command.Run()
	if err != nil {
		err = errors.Join(err, errors.New(said.String()))
	}
	return strings.TrimSpace(out.String()), err
}

// modules is the folder that `.ci/run` has installed the npm packages into that
// testdata/package-lock.json names.
func modules(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(cache, "admit-ci", "npm")
	have, _ := os.ReadFile(filepath.Join(folder, "package-lock.json"))
	want, err := os.ReadFile("testdata/package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	if _, missing := os.Stat(filepath.Join(folder, "node_modules", "jose")); missing != nil || !bytes.Equal(have, want) {
		t.Skipf("no jose and oauth4webapi: mkdir -p %[1]s && cp e2e/counterpart/testdata/package*.json %[1]s && npm ci --prefix %[1]s", folder)
	}
	return folder
}

// TestTokensAreReadByJoseAndOauth4webapi: both find the keys by the issuer alone.
func TestTokensAreReadByJoseAndOauth4webapi(t *testing.T) {
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("no node: apt-get install nodejs npm")
	}
	folder := modules(t)
	for _, algorithm := range []string{"ES256", "EdDSA", "RS256"} {
		t.Run(algorithm, func(t *testing.T) {
			i := newIssuer(t, admit.SessionConfig{Algorithm: algorithm})
			out, err := run(t, "node", "testdata/verify.mjs", folder, i.url, i.token, algorithm)
			if err != nil {
				t.Fatal(err)
			}
			var got struct {
				Jose, OIDC, OAuth2 string
				JoseRefuses        []string
			}
			if err := json.Unmarshal([]byte(out), &got); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			if got.Jose != i.user || got.OIDC != i.user || got.OAuth2 != i.user || !slices.Equal(got.JoseRefuses, []string{"audience", "issuer", "typ"}) {
				t.Errorf("the user is %s, and the libraries say %s", i.user, out)
			}
		})
	}
}

func TestTokensAreReadByPyJWT(t *testing.T) {
	const python = "/usr/bin/python3" // Debian's, which Debian's python3-jwt belongs to
	if _, err := run(t, python, "-c", "import jwt, cryptography"); err != nil {
		t.Skip("no PyJWT: apt-get install python3-jwt python3-cryptography")
	}
	for _, algorithm := range []string{"ES256", "EdDSA", "RS256"} {
		t.Run(algorithm, func(t *testing.T) {
			i := newIssuer(t, admit.SessionConfig{Algorithm: algorithm})
			out, err := run(t, python, "testdata/verify.py", i.url, i.token, algorithm)
			if err != nil {
				t.Fatal(err)
			}
			var got struct {
				PyJWT   string
				Refuses []string
			}
			if err := json.Unmarshal([]byte(out), &got); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			if got.PyJWT != i.user || !slices.Equal(got.Refuses, []string{"audience", "issuer"}) {
				t.Errorf("the user is %s, and PyJWT says %s", i.user, out)
			}
		})
	}
}

// TestTokensAreReadByLibjwt holds the row of libjwt in docs/token.md: libjwt takes
// no type but JWT.
func TestTokensAreReadByLibjwt(t *testing.T) {
	program := filepath.Join(t.TempDir(), "verify")
	if said, err := exec.CommandContext(t.Context(), "gcc", "-Wall", "-Werror", "-o", program, "testdata/verify.c", "-ljwt").CombinedOutput(); err != nil {
		if _, missing := os.Stat("/usr/include/jwt.h"); missing == nil {
			t.Fatalf("%v: %s", err, said)
		}
		t.Skip("no libjwt: apt-get install gcc libc6-dev libjwt-dev")
	}
	for _, algorithm := range []string{"ES256", "RS256"} {
		for _, typ := range []string{"", "JWT"} {
			t.Run(algorithm+typ, func(t *testing.T) {
				i := newIssuer(t, admit.SessionConfig{Algorithm: algorithm, TokenType: typ})
				key := filepath.Join(t.TempDir(), "key.pem")
				if err := os.WriteFile(key, publishedKey(t, i.url), 0o600); err != nil {
					t.Fatal(err)
				}
				out, err := run(t, program, key, i.token)
				if typ == "" {
					if err == nil {
						t.Error("libjwt takes at+jwt: docs/token.md need not name it")
					}
					return
				}
				if want := i.user + " " + i.url + " " + i.url; err != nil || out != want {
					t.Errorf("libjwt says %q, want %q: %v", out, want, err)
				}
				if out, err := run(t, program, key, forged(i.token)); err == nil {
					t.Errorf("libjwt takes a forged token: %s", out)
				}
			})
		}
	}
}

// forged returns a token whose claims are others than were signed.
func forged(token string) string {
	parts := strings.Split(token, ".")
	claims, _ := base64.RawURLEncoding.DecodeString(parts[1])
	parts[1] = base64.RawURLEncoding.EncodeToString(bytes.Replace(claims, []byte(`"user"`), []byte(`"admin"`), 1))
	return strings.Join(parts, ".")
}

// publishedKey returns the first key of the JWKS as PEM, which is how modules for
// nginx and Apache want it.
func publishedKey(t *testing.T, url string) []byte {
	t.Helper()
	answer, err := http.Get(url + "/.well-known/jwks.json")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var set struct {
		Keys []struct{ Kty, X, Y, N, E string }
	}
	if err := json.NewDecoder(answer.Body).Decode(&set); err != nil || len(set.Keys) == 0 {
		t.Fatalf("the JWKS has %d keys: %v", len(set.Keys), err)
	}
	part := func(text string) []byte {
		raw, err := base64.RawURLEncoding.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	k := set.Keys[0]
	var public any
	if k.Kty == "RSA" {
		public = &rsa.PublicKey{N: new(big.Int).SetBytes(part(k.N)), E: int(new(big.Int).SetBytes(part(k.E)).Int64())}
	} else if public, err = ecdsa.ParseUncompressedPublicKey(elliptic.P256(), slices.Concat([]byte{4}, part(k.X), part(k.Y))); err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: raw})
}
