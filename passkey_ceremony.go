package admit

import (
	"bytes"
	"context"
	"crypto/hmac"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/admit-go/admit/store"
)

// This file keeps the ceremonies of WebAuthn, and proves that somebody holds a
// passkey. Sign-in, the second factor and reauthentication stand on it.

// Errors of passkeys.
var (
	// ErrInvalidPasskey answers whatever is wrong with a passkey or a ceremony: 401
	// at a sign-in, 400 at a registration. Its details hold "unknown": true where the
	// site does not know the passkey, so that the browser can be told to forget it.
	ErrInvalidPasskey  = &Error{Code: "auth/invalid-passkey", Status: http.StatusUnauthorized, Message: "The passkey could not be used. Please try again, or sign in another way."}
	ErrPasskeyExists   = &Error{Code: "auth/passkey-exists", Status: http.StatusConflict, Message: "This passkey is in use already."}
	ErrPasskeyNotFound = &Error{Code: "auth/passkey-not-found", Status: http.StatusNotFound, Message: "There is no such passkey."}
	ErrTooManyPasskeys = &Error{Code: "auth/too-many-passkeys", Status: http.StatusForbidden, Message: "An account has at most 20 passkeys. Please remove one first."}
	ErrLastAuthMethod  = &Error{Code: "auth/last-auth-method", Status: http.StatusBadRequest, Message: "This is the only way to sign in. Please add another one first."}
)

// ceremonyLife is how long the answer of the authenticator is waited for.
const ceremonyLife = 5 * time.Minute

// What a ceremony is for. A ceremony of one purpose is nothing to another.
const (
	toRegister = "register"
	toSignIn   = "sign-in"
	toComplete = "second-factor"
)

// ceremony is what the token of a ceremony holds.
type ceremony struct {
	Purpose string `json:"purpose"`
	// State is the engine's.
	State []byte `json:"state"`
	// SessionID is the session that a registration belongs to.
	SessionID string `json:"session,omitempty"`
	// Ticket is the hash of the ticket of a paused sign-in.
	Ticket []byte `json:"ticket,omitempty"`
	// Name is what the passkey is to be called.
	Name string `json:"name,omitempty"`
	// Discoverable says that the browser was told of no passkey, so that the
	// answer must say whose it is.
	Discoverable bool `json:"discoverable,omitzero"`
	Conditional  bool `json:"conditional,omitzero"`
	// Verify says that the authenticator must verify its user.
	Verify bool `json:"verify,omitzero"`
}

// PasskeyAnswer is the answer of a browser to a ceremony.
type PasskeyAnswer struct {
	CeremonyID string
	// Credential is the AuthenticationResponseJSON or RegistrationResponseJSON
	// (WebAuthn Level 3, section 5.1) that the browser made.
	Credential []byte
}

// passkeyInput is the part of a body that answers a ceremony.
type passkeyInput struct {
	CeremonyID string         `json:"ceremonyId"`
	Credential jsontext.Value `json:"credential"`
}

func (in passkeyInput) answer() PasskeyAnswer { return PasskeyAnswer{in.CeremonyID, in.Credential} }

// keepCeremony stores a ceremony and returns its id, which only the browser that
// asked for it knows.
func keepCeremony(ctx context.Context, s store.Store, userID string, c *ceremony, now time.Time) (id string, err error) {
	id, hash, err := newSecret()
	if err != nil {
		return "", err
	}
	data, err := json.Marshal(c)
	if err != nil {
		return "", ErrInternal.because(err)
	}
	return id, s.CreateToken(ctx, store.Token{
		Tenant: tenant, Kind: kindCeremony, Hash: hash, UserID: userID, Data: data, CreatedAt: now, ExpiresAt: now.Add(ceremonyLife),
	})
}

// findCeremony looks at a ceremony of a purpose that can still be answered,
// without using it up.
func findCeremony(ctx context.Context, k *kernel, id, purpose string) (store.Token, *ceremony, error) {
	if id = cleanSecret(id); !wellFormed(id) {
		return store.Token{}, nil, ErrInvalidPasskey
	}
	found, err := k.store.Token(ctx, tenant, kindCeremony, hashSecret(id))
	if errors.Is(err, store.ErrNotFound) {
		return found, nil, ErrInvalidPasskey
	}
	if err != nil {
		return found, nil, fault(err)
	}
	c := &ceremony{}
	if err := json.Unmarshal(found.Data, c); err != nil {
		return found, nil, ErrInternal.because(err)
	}
	if c.Purpose != purpose || !found.UsedAt.IsZero() || !k.now().Before(found.ExpiresAt) {
		return found, nil, ErrInvalidPasskey
	}
	return found, c, nil
}

// useCeremony uses a ceremony up. One of many that answer it at once wins.
func useCeremony(ctx context.Context, t *txn, found store.Token) error {
	_, won, err := t.ConsumeToken(ctx, tenant, found.Kind, found.Hash, t.now())
	if errors.Is(err, store.ErrNotFound) || err == nil && !won {
		return ErrInvalidPasskey
	}
	return err
}

// heldPasskey is a passkey whose holder has answered a ceremony. It counts once
// use has accepted it.
type heldPasskey struct {
	token    store.Token
	ceremony *ceremony
	record   store.Record
	userID   string
	answer   PasskeyAssertion
	// user is the account, which use has locked.
	user store.User
}

// holdsPasskey checks the answer to a ceremony of a purpose. It changes nothing:
// use spends the ceremony. It answers ErrInvalidPasskey or ErrUnavailable.
func holdsPasskey(ctx context.Context, k *kernel, in PasskeyAnswer, purpose string) (*heldPasskey, error) {
	if err := hasPasskeys(&k.config); err != nil {
		return nil, err
	}
	if err := k.spendClient(ctx, clientCeremony); err != nil {
		return nil, err
	}
	token, c, err := findCeremony(ctx, k, in.CeremonyID, purpose)
	if err != nil {
		return nil, err
	}
	h := &heldPasskey{token: token, ceremony: c}
	var failed error
	h.answer, err = k.config.Passkeys.Engine.FinishSignIn(passkeySite(&k.config), c.State, in.Credential, func(credentialID []byte) (PasskeyCredential, error) {
		var found storedPasskey
		if found, failed = findPasskey(ctx, k, credentialID, c.Discoverable); failed != nil {
			return PasskeyCredential{}, failed
		}
		h.record, h.userID = found.record, found.UserID
		return found.credential(), nil
	})
	switch {
	case failed != nil:
		return nil, failed
	case err != nil:
		return nil, ErrInvalidPasskey.because(err)
	case token.UserID != "" && token.UserID != h.userID:
		return nil, ErrInvalidPasskey
	}
	return h, h.check()
}

// check asks of the flags what holds whatever is stored.
func (h *heldPasskey) check() error {
	flags := h.answer.Flags
	if !flags.UserPresent || h.ceremony.Verify && !flags.UserVerified || flags.BackedUp && !flags.BackupEligible {
		return ErrInvalidPasskey
	}
	return nil
}

// findPasskey returns a passkey by its credential id. Where a browser found the
// passkey by itself, the answer for one that is unknown says so: the browser can
// forget it. An id that this site has made up to hide who has an account is not
// told from one that is known.
func findPasskey(ctx context.Context, k *kernel, credentialID []byte, tell bool) (storedPasskey, error) {
	r, err := k.store.RecordByKey(ctx, tenant, recordPasskey, credentialKey(credentialID))
	if errors.Is(err, store.ErrNotFound) {
		if tell && !isDecoy(k, credentialID) {
			return storedPasskey{}, ErrInvalidPasskey.detail("unknown", true)
		}
		return storedPasskey{}, ErrInvalidPasskey
	}
	if err != nil {
		return storedPasskey{}, fault(err)
	}
	p, err := readPasskey(r)
	if err == nil && !bytes.Equal(p.CredentialID, credentialID) {
		err = ErrInvalidPasskey
	}
	return p, err
}

// use locks the account, spends the ceremony and writes down how the passkey was
// used. It is called once, in the transaction of the rule that the passkey is
// proof for.
func (h *heldPasskey) use(ctx context.Context, t *txn) (err error) {
	h.user, err = t.lock(ctx, h.userID)
	if errors.Is(err, store.ErrNotFound) {
		return ErrInvalidPasskey
	} else if err != nil {
		return err
	}
	if err := useCeremony(ctx, t, h.token); err != nil {
		return err
	}
	r, err := t.Record(ctx, tenant, recordPasskey, h.record.ID)
	if errors.Is(err, store.ErrNotFound) {
		return ErrInvalidPasskey // removed since
	}
	if err != nil {
		return err
	}
	p, err := readPasskey(r)
	if err != nil {
		return err
	}
	flags, before := h.answer.Flags, p.Eligible
	if before && !flags.BackupEligible {
		return ErrInvalidPasskey
	}
	t.proven = h.userID
	if !before && flags.BackupEligible {
		err := t.record(ctx, event{kind: eventPasskeySynced, subject: h.userID, data: eventData{"passkey": p.record.ID}})
		if err != nil {
			return err
		}
	}
	if fell(p.SignCount, h.answer.SignCount) {
		err := t.record(ctx, event{kind: eventPasskeyCount, subject: h.userID, data: eventData{
			"passkey": p.record.ID, "before": p.SignCount, "now": h.answer.SignCount,
		}})
		if err != nil {
			return err
		}
	}
	counted := p.Verified
	p.Eligible, p.BackedUp, p.Verified = flags.BackupEligible, flags.BackedUp, p.Verified || flags.UserVerified
	p.SignCount, p.LastUsedAt = nextCount(p.SignCount, h.answer.SignCount), t.now()
	if err := p.swap(ctx, t); err != nil || counted == p.Verified {
		return err
	}
	return settleFactors(ctx, t, &h.user) // it counts from now on
}

// fell says whether a sign count did not grow (WebAuthn Level 3, section 7.2,
// step 22). Authenticators that do not count always say zero.
func fell(before, now uint32) bool { return (before != 0 || now != 0) && now <= before }

// nextCount is the count to keep. A greater one is never forgotten, or an older
// answer could hide a copy of the authenticator; zero is kept from an
// authenticator that has stopped counting.
func nextCount(before, now uint32) uint32 {
	if now == 0 {
		return 0
	}
	return max(before, now)
}

// methods are those of RFC 8176: a key of the device (hwk) or one that is synced
// between devices (swk), the presence of the user, and more than one factor where
// the authenticator has verified its user.
func (h *heldPasskey) methods() string { return passkeyMethods(h.answer.Flags) }

func passkeyMethods(flags PasskeyFlags) string {
	methods := "hwk user"
	if flags.BackupEligible {
		methods = "swk user"
	}
	if flags.UserVerified {
		methods += " mfa"
	}
	return methods
}

// proof is what the gate is given, in the transaction of use.
func (h *heldPasskey) proof(t *txn) proof {
	in := proof{userID: h.userID, methods: h.methods(), lock: alreadyLocked(t, &h.user)}
	if h.answer.Flags.UserVerified {
		in.passed = []string{atFactor, atEnrolment}
	}
	return in
}

// passkeyProves accepts a passkey as a recent proof of an account: the rule that
// renews the proof of a session calls it in its transaction. The ceremony is one
// of a sign-in. It answers the methods of the proof.
func passkeyProves(ctx context.Context, t *txn, h *heldPasskey, userID string) (methods string, err error) {
	if h.userID != userID {
		return "", ErrInvalidPasskey
	}
	if err := h.use(ctx, t); err != nil {
		return "", err
	}
	return h.methods(), nil
}

// openTicket redeems the ticket of a paused sign-in of an account by its hash,
// which a ceremony has kept.
func openTicket(ctx context.Context, t *txn, hash []byte, userID string) (opened, error) {
	found, err := openHash(ctx, t, kindTicket, hash)
	if errors.Is(err, store.ErrNotFound) || err == nil && found.user.ID != userID {
		return found, ErrInvalidToken
	}
	return found, err
}

// notePasskey records a sign-in that failed.
func notePasskey(ctx context.Context, k *kernel, err error) error {
	if errors.Is(err, ErrInvalidPasskey) {
		k.notice(ctx, notice{kind: eventSignInFailed, about: "passkey", once: true, data: eventData{"method": "passkey"}})
	}
	return err
}

// clearProven clears the counters that a session clears which a ticket stood for.
func clearProven(ctx context.Context, t *txn, ticket *opened) error {
	state, err := readTicket(ticket.token)
	if err != nil {
		return err
	}
	return t.count(ctx, state.Clears, nil)
}

// completeByPasskey completes a paused sign-in by a passkey as its second factor.
// A passkey that did not verify its user is one factor, and the first factor was
// another: where it was a passkey too, the ceremony has asked for verification.
// Done, which may be nil, is told what the gate decided, in the same transaction.
func completeByPasskey(ctx context.Context, k *kernel, in PasskeyAnswer, done func(context.Context, *txn, outcome) error) (SignedIn, error) {
	h, err := holdsPasskey(ctx, k, in, toComplete)
	if err != nil {
		return SignedIn{}, notePasskey(ctx, k, err)
	}
	return k.admit(ctx, nil, func(ctx context.Context, tx *txn) (outcome, error) {
		if err := h.use(ctx, tx); err != nil {
			return outcome{}, err
		}
		ticket, err := openTicket(ctx, tx, h.ceremony.Ticket, h.userID)
		if err != nil {
			return outcome{}, err
		}
		out, err := resumeOpened(ctx, tx, &ticket, atFactor, withMethods(h.methods(), "mfa"), nil)
		if err == nil && out.pause == nil {
			err = clearProven(ctx, tx, &ticket)
		}
		if err != nil || done == nil {
			return out, err
		}
		return out, done(ctx, tx, out)
	})
}

// The decoys are what a sign-in with an address is answered where there is no
// passkey: credential ids that look like others and are always the same for one
// address. The second half of each is a MAC over the first, by which it is known
// again.
const decoyPurpose = "passkey-decoy"

// decoys makes the passkeys of an address that has none.
func decoys(k *kernel, emailKey string) (handle []byte, list []PasskeyDescriptor) {
	primary := k.ring.Primary()
	derive := func(what string) []byte {
		sum, _ := k.ring.Derive(decoyPurpose, primary, []byte(what), []byte(emailKey))
		return sum[:]
	}
	shape := derive("shape")
	count := 1
	for count < 4 && shape[count] < 64 { // one in four has another
		count++
	}
	for i := range count {
		raw := derive("id" + string(rune('0'+i)))
		half, transports := 8, []string{"hybrid", "internal"}
		switch shape[8+i] % 8 {
		case 0:
			half, transports = 16, []string{"internal"}
		case 1:
			half, transports = 24, []string{"usb"}
		case 2, 3:
			half = 10
		}
		id := slices.Clone(raw[:half])
		list = append(list, PasskeyDescriptor{ID: append(id, decoyMark(k, primary, id)...), Transports: transports})
	}
	return slices.Concat(derive("handle-1"), derive("handle-2")), list
}

// decoyMark is the second half of a decoy.
func decoyMark(k *kernel, keyID [4]byte, half []byte) []byte {
	sum, ok := k.ring.Derive(decoyPurpose, keyID, []byte("mark"), half)
	if !ok {
		return nil
	}
	return sum[:min(len(half), len(sum))]
}

// isDecoy says whether a credential id was made by decoys.
func isDecoy(k *kernel, id []byte) bool {
	half := len(id) / 2
	for _, keyID := range k.ring.KeyIDs() {
		if half >= 8 && hmac.Equal(id[half:], decoyMark(k, keyID, id[:half])) {
			return true
		}
	}
	return false
}
