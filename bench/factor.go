package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/passkey"
	"github.com/admit-go/admit/store/sqlite"
)

// factorPassword is the password of everybody here.
const factorPassword = "quiet-harbour-lamp"

// factor measures the second half of a sign-in with a code of an authenticator app,
// and a sign-in with a passkey beside the check of its signature, as rules in this
// process with the limits that hosts have, eight at once. Each is also compared with
// a sign-in by password without its hash. What the person's device does is left out.
func factor(l *lab) error {
	db, done, err := l.file()
	if err != nil {
		return err
	}
	defer done()
	ctx := context.Background()
	records := sqlite.New(db)
	if err := records.Migrate(ctx); err != nil {
		return err
	}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	auth, err := admit.New(admit.Config{
		BaseURL: "https://app.example", Secrets: admit.Secrets("wHs8kX2nPq5vB9tLz4rYcJ7mD1fG6hAe3uTo"), Store: records,
		Mailer: mailer.Log{Writer: io.Discard}, Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return now },
		Passwords: admit.PasswordConfig{InsecureFastHash: true}, Passkeys: admit.PasskeyConfig{Engine: passkey.Engine{}},
	})
	if err != nil {
		return err
	}
	// One that is closed answers, but leaves the mail to others.
	if err := auth.Close(ctx); err != nil {
		return err
	}
	users := max(1, l.calls/40/clients) * clients
	apps, devices := make([]string, users), make([]*authenticator, users)
	for i := range users {
		if _, err := enroll(ctx, auth, plainOf(i)); err != nil {
			return err
		}
		if apps[i], err = enrollApp(ctx, auth, now, codesOf(i)); err != nil {
			return err
		}
		if devices[i], err = enrollPasskey(ctx, auth, keyOf(i)); err != nil {
			return err
		}
	}
	var codes, options, signIns, checks, beside []cost
	var codesOver, keysOver []float64
	for pair := range l.pairs + 1 {
		now = now.Add(time.Minute) // a code counts once
		code, err := codesCost(ctx, auth, now, apps)
		if err != nil {
			return err
		}
		option, signIn, check, err := passkeysCost(ctx, auth, devices)
		if err != nil {
			return err
		}
		plain, err := atOnce(users, func(i int) error {
			_, err := auth.Passwords.SignIn(ctx, admit.SignInParams{Email: plainOf(i), Password: factorPassword})
			return err
		})
		if err != nil {
			return err
		}
		if pair > 0 {
			codesOver = append(codesOver, float64(code.all)/float64(plain.all))
			keysOver = append(keysOver, float64(signIn.all-check.all)/float64(plain.all))
			codes, options = append(codes, code), append(options, option)
			signIns, checks = append(signIns, signIn), append(checks, check)
			beside = append(beside, cost{all: signIn.all - check.all})
		}
	}
	rows("completion with a code of an app, sqlite", codes)
	rows("options of a passkey sign-in, sqlite", options)
	rows("passkey sign-in, sqlite", signIns)
	rows("floor: the check of a passkey's signature", checks)
	rows("passkey sign-in beside its signature, sqlite", beside)
	row("the completion over a sign-in without its hash", codesOver, "×")
	row("the passkey sign-in beside its signature over that", keysOver, "×")
	return nil
}

func codesOf(i int) string { return fmt.Sprintf("app%d@example.test", i) }
func plainOf(i int) string { return fmt.Sprintf("plain%d@example.test", i) }
func keyOf(i int) string   { return fmt.Sprintf("key%d@example.test", i) }

// paused signs in by password, and returns the ticket of the pause.
func paused(ctx context.Context, auth *admit.Auth, email string) (string, error) {
	_, err := auth.Passwords.SignIn(ctx, admit.SignInParams{Email: email, Password: factorPassword})
	var refusal *admit.Error
	if !errors.Is(err, admit.ErrMFARequired) || !errors.As(err, &refusal) {
		return "", fmt.Errorf("%s is not asked for a second factor: %w", email, err)
	}
	ticket, _ := refusal.Details["mfaToken"].(string)
	return ticket, nil
}

// codesCost is what a completion costs. Tickets and codes are made before.
func codesCost(ctx context.Context, auth *admit.Auth, now time.Time, secrets []string) (c cost, err error) {
	params := make([]admit.VerifyMFAParams, len(secrets))
	for i, secret := range secrets {
		if params[i].Ticket, err = paused(ctx, auth, codesOf(i)); err != nil {
			return c, err
		}
		if params[i].Code, err = totp.GenerateCode(secret, now); err != nil {
			return c, err
		}
	}
	return atOnce(len(params), func(i int) error {
		_, err := auth.MFA.Verify(ctx, params[i])
		return err
	})
}

// passkeysCost is what the options of a sign-in, the sign-in, and the check of its
// signature cost. The authenticators answer in between.
func passkeysCost(ctx context.Context, auth *admit.Auth, devices []*authenticator) (options, signIn, check cost, err error) {
	begun := make([]admit.PasskeyOptions, len(devices))
	options, err = atOnce(len(devices), func(i int) (err error) {
		begun[i], err = auth.Passkeys.BeginSignIn(ctx, admit.PasskeySignInParams{})
		return err
	})
	if err != nil {
		return options, signIn, check, err
	}
	answers := make([]admit.PasskeyAnswer, len(devices))
	for i, d := range devices {
		if answers[i], err = d.get(begun[i]); err != nil {
			return options, signIn, check, err
		}
	}
	signIn, err = atOnce(len(devices), func(i int) error {
		_, err := auth.Passkeys.SignIn(ctx, answers[i])
		return err
	})
	if err != nil {
		return options, signIn, check, err
	}
	check, err = self(len(devices), func(i int) error {
		if !ecdsa.VerifyASN1(&devices[i].key.PublicKey, devices[i].digest[:], devices[i].signature) {
			return errors.New("a signature is wrong")
		}
		return nil
	})
	return options, signIn, check, err
}

// atOnce measures what a call costs this process while eight are under way, as a
// server has them: commits that wait for each other are written together.
func atOnce(calls int, call func(i int) error) (cost, error) {
	each := calls / clients
	total, err := self(1, func(int) error {
		var group sync.WaitGroup
		var problems [clients]error
		for client := range clients {
			group.Go(func() {
				for i := client * each; i < (client+1)*each && problems[client] == nil; i++ {
					problems[client] = call(i)
				}
			})
		}
		group.Wait()
		return errors.Join(problems[:]...)
	})
	total.all /= time.Duration(each * clients)
	return total, err
}

// enroll makes an account and signs it in.
func enroll(ctx context.Context, auth *admit.Auth, email string) (admit.SignedIn, error) {
	_, err := auth.Users.Create(ctx, admit.CreateUserParams{Email: email, InsecurePassword: factorPassword, Name: "Ann", EmailVerified: true})
	if err != nil {
		return admit.SignedIn{}, err
	}
	return auth.Passwords.SignIn(ctx, admit.SignInParams{Email: email, Password: factorPassword})
}

// enrollApp makes an account with an authenticator app, and returns its secret.
func enrollApp(ctx context.Context, auth *admit.Auth, now time.Time, email string) (string, error) {
	signed, err := enroll(ctx, auth, email)
	if err != nil {
		return "", err
	}
	setup, err := auth.MFA.Enable(ctx, admit.EnableMFAParams{UserID: signed.User.ID, Password: factorPassword})
	if err != nil {
		return "", err
	}
	code, err := totp.GenerateCode(setup.Secret, now)
	if err != nil {
		return "", err
	}
	_, err = auth.MFA.Confirm(ctx, admit.ConfirmMFAParams{UserID: signed.User.ID, Code: code})
	return setup.Secret, err
}

// authenticator holds one passkey: ES256, discoverable, and it verifies its user.
type authenticator struct {
	id, handle []byte
	key        *ecdsa.PrivateKey
	// digest and signature are those of its last answer.
	digest    [sha256.Size]byte
	signature []byte
}

// enrollPasskey makes an account with a passkey.
func enrollPasskey(ctx context.Context, auth *admit.Auth, email string) (*authenticator, error) {
	signed, err := enroll(ctx, auth, email)
	if err != nil {
		return nil, err
	}
	begun, err := auth.Passkeys.BeginRegistration(ctx, admit.BeginPasskeyParams{UserID: signed.User.ID, SessionID: signed.Session.ID})
	if err != nil {
		return nil, err
	}
	var asked struct {
		Challenge string `json:"challenge"`
		User      struct {
			ID string `json:"id"`
		} `json:"user"`
	}
	if err := json.Unmarshal(begun.Options, &asked); err != nil {
		return nil, err
	}
	d := &authenticator{id: []byte(rand.Text())}
	if d.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, err
	}
	if d.handle, err = base64.RawURLEncoding.DecodeString(asked.User.ID); err != nil {
		return nil, err
	}
	point, err := d.key.PublicKey.Bytes()
	if err != nil {
		return nil, err
	}
	// The key as a COSE_Key and the attestation "none" around it, both in CBOR.
	data := append(authenticatorData(0x45), make([]byte, 16)...)
	data = binary.BigEndian.AppendUint16(data, uint16(len(d.id)))
	data = slices.Concat(data, d.id, []byte("\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20"), point[1:33], []byte("\x22\x58\x20"), point[33:])
	object := binary.BigEndian.AppendUint16([]byte("\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x59"), uint16(len(data)))
	answer, err := d.answer(begun, map[string]any{
		"clientDataJSON": encode(clientData("webauthn.create", asked.Challenge)), "attestationObject": encode(append(object, data...)),
	})
	if err != nil {
		return nil, err
	}
	_, err = auth.Passkeys.FinishRegistration(ctx, admit.FinishPasskeyParams{
		PasskeyAnswer: answer, UserID: signed.User.ID, SessionID: signed.Session.ID,
	})
	return d, err
}

// get answers the options of a sign-in.
func (d *authenticator) get(begun admit.PasskeyOptions) (answer admit.PasskeyAnswer, err error) {
	var asked struct {
		Challenge string `json:"challenge"`
	}
	if err := json.Unmarshal(begun.Options, &asked); err != nil {
		return answer, err
	}
	client, data := clientData("webauthn.get", asked.Challenge), authenticatorData(0x05)
	hash := sha256.Sum256(client)
	d.digest = sha256.Sum256(slices.Concat(data, hash[:]))
	if d.signature, err = ecdsa.SignASN1(rand.Reader, d.key, d.digest[:]); err != nil {
		return answer, err
	}
	return d.answer(begun, map[string]any{
		"clientDataJSON": encode(client), "authenticatorData": encode(data), "signature": encode(d.signature), "userHandle": encode(d.handle),
	})
}

func (d *authenticator) answer(begun admit.PasskeyOptions, response map[string]any) (admit.PasskeyAnswer, error) {
	credential, err := json.Marshal(map[string]any{
		"id": encode(d.id), "rawId": encode(d.id), "type": "public-key", "clientExtensionResults": map[string]any{}, "response": response,
	})
	return admit.PasskeyAnswer{CeremonyID: begun.CeremonyID, Credential: credential}, err
}

func clientData(kind, challenge string) []byte {
	return fmt.Appendf(nil, `{"type":%q,"challenge":%q,"origin":"https://app.example","crossOrigin":false}`, kind, challenge)
}

// authenticatorData has flags: 1 for a user who is present, 4 for one who is
// verified, 64 for a key that follows.
func authenticatorData(flags byte) []byte {
	hash := sha256.Sum256([]byte("app.example"))
	return append(hash[:], flags, 0, 0, 0, 0)
}

func encode(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }
