package admit

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
)

// paperEngine stands in for WebAuthn in tests of rules that no cryptography has a
// part in: an answer is right when it repeats the challenge. The engine itself is
// tested in package passkey and in e2e.
type paperEngine struct{}

// paperAnswer is what its authenticator says.
type paperAnswer struct {
	Challenge string
	ID        []byte
	Count     uint32
	Flags     PasskeyFlags
	AAGUID    []byte
}

var errPaper = errors.New("that is another challenge")

func paperChallenge(request any) (PasskeyChallenge, error) {
	challenge, _, err := newSecret()
	if err != nil {
		return PasskeyChallenge{}, err
	}
	options, err := json.Marshal(map[string]any{"challenge": challenge, "request": request})
	return PasskeyChallenge{Options: options, State: []byte(challenge)}, err
}

func readPaper(state, answer []byte) (a paperAnswer, err error) {
	if err := json.Unmarshal(answer, &a); err != nil {
		return a, err
	}
	if a.Challenge != string(state) {
		return a, errPaper
	}
	return a, nil
}

func (paperEngine) BeginRegistration(_ PasskeySite, in PasskeyRegistration) (PasskeyChallenge, error) {
	return paperChallenge(in)
}

func (paperEngine) FinishRegistration(_ PasskeySite, state, answer []byte) (PasskeyCredential, error) {
	a, err := readPaper(state, answer)
	return PasskeyCredential{ID: a.ID, PublicKey: []byte("key"), SignCount: a.Count, Flags: a.Flags, AAGUID: a.AAGUID}, err
}

func (paperEngine) BeginSignIn(_ PasskeySite, in PasskeyRequest) (PasskeyChallenge, error) {
	return paperChallenge(in)
}

func (paperEngine) FinishSignIn(_ PasskeySite, state, answer []byte, find func([]byte) (PasskeyCredential, error)) (PasskeyAssertion, error) {
	a, err := readPaper(state, answer)
	if err != nil {
		return PasskeyAssertion{}, err
	}
	found, err := find(a.ID)
	return PasskeyAssertion{CredentialID: found.ID, SignCount: a.Count, Flags: a.Flags}, err
}

// paperKey is an authenticator.
type paperKey struct {
	p *pausing
	paperAnswer
	made Passkey
}

// options are what a browser is given.
type paperOptions struct {
	Challenge string
	Request   struct {
		Allow               []PasskeyDescriptor
		RequireVerification bool
	}
}

func readOptions(t *testing.T, begun PasskeyOptions) (o paperOptions) {
	t.Helper()
	if err := json.Unmarshal(begun.Options, &o); err != nil {
		t.Fatal(err)
	}
	return o
}

func (k *paperKey) answer(t *testing.T, begun PasskeyOptions) PasskeyAnswer {
	t.Helper()
	a := k.paperAnswer
	a.Challenge = readOptions(t, begun).Challenge
	text, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	return PasskeyAnswer{CeremonyID: begun.CeremonyID, Credential: text}
}

// newPaperKey makes an authenticator that verifies its user.
func (p *pausing) newPaperKey(t *testing.T) *paperKey {
	t.Helper()
	id, _, err := newSecret()
	if err != nil {
		t.Fatal(err)
	}
	return &paperKey{p: p, paperAnswer: paperAnswer{ID: []byte(id), Flags: PasskeyFlags{UserPresent: true, UserVerified: true}}}
}

func (k *paperKey) register(t *testing.T, in BeginPasskeyParams) (RegisteredPasskey, error) {
	t.Helper()
	begun, err := k.p.Passkeys.BeginRegistration(t.Context(), in)
	if err != nil {
		return RegisteredPasskey{}, err
	}
	return k.p.Passkeys.FinishRegistration(t.Context(), FinishPasskeyParams{PasskeyAnswer: k.answer(t, begun), UserID: in.UserID, SessionID: in.SessionID})
}

// holdPasskey registers an authenticator for an account.
func (p *pausing) holdPasskey(t *testing.T, user User) *paperKey {
	t.Helper()
	k := p.newPaperKey(t)
	made, err := k.register(t, BeginPasskeyParams{UserID: user.ID})
	if err != nil {
		t.Fatal(err)
	}
	k.made = made.Passkey
	return k
}

// signIn begins a sign-in and ends it with a rule.
func (k *paperKey) signIn(t *testing.T, in PasskeySignInParams, finish func(context.Context, PasskeyAnswer) (SignedIn, error)) error {
	t.Helper()
	begun, err := k.p.Passkeys.BeginSignIn(t.Context(), in)
	if err != nil {
		return err
	}
	_, err = finish(t.Context(), k.answer(t, begun))
	return err
}
