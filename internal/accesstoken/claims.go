package accesstoken

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/admit-go/admit/internal/strictjson"
	"github.com/admit-go/admit/internal/uuid"
	"github.com/admit-go/admit/store"
)

// claims are the claims of an access token (RFC 9068). The jti starts with the
// generation of the refresh token that was issued together with the access
// token. The first use of the access token confirms this generation.
type claims struct {
	Issuer   string `json:"iss"`
	Audience string `json:"aud"`
	Subject  string `json:"sub"`
	// ClientID is not checked, because tokens that were issued before this
	// claim existed are still valid.
	ClientID string   `json:"client_id,omitempty"`
	Session  string   `json:"sid"`
	IssuedAt int64    `json:"iat"`
	Expires  int64    `json:"exp"`
	NotUntil int64    `json:"nbf,omitzero"`
	ID       string   `json:"jti"`
	AuthTime int64    `json:"auth_time"`
	AMR      []string `json:"amr"`
	// ACR is not checked, as ClientID.
	ACR     string `json:"acr,omitempty"`
	Role    string `json:"role"`
	Org     string `json:"org,omitempty"`
	OrgRole string `json:"org_role,omitempty"`
	Act     *actor `json:"act,omitzero"`
}

// actor is the claim act (RFC 8693, section 4.1): who acts as the subject.
type actor struct {
	Subject string `json:"sub"`
}

// reserved are the claims that a host cannot set: the claims above.
var reserved = map[string]bool{
	"iss": true, "aud": true, "sub": true, "client_id": true, "sid": true, "iat": true, "exp": true, "nbf": true,
	"jti": true, "auth_time": true, "amr": true, "acr": true, "role": true, "org": true, "org_role": true, "act": true,
}

// Issue signs an access token for a session with a key from Signer. extra has
// further claims. Issue remembers the token, so its first use need not verify
// it.
//
// Issue returns ErrNotIssued if extra has a reserved claim, and if Verify would
// refuse the token.
func (t *Tokens) Issue(key *Key, session *store.Session, user *store.User, extra map[string]any, now time.Time) (string, error) {
	return t.issue(key, session, user, "", now.Add(t.options.TTL), extra, now)
}

// IssueFor is Issue for a session in which the account with the id by acts as the
// user. The token has the claim act, and is valid until the session expires.
func (t *Tokens) IssueFor(key *Key, session *store.Session, user *store.User, by string, extra map[string]any, now time.Time) (string, error) {
	return t.issue(key, session, user, by, session.ExpiresAt, extra, now)
}

func (t *Tokens) issue(key *Key, session *store.Session, user *store.User, by string, until time.Time, extra map[string]any, now time.Time) (string, error) {
	raw, token, err := t.sign(key, session, user, by, until, extra, now)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrNotIssued, err)
	}
	t.seen.add(digestOf(raw), &remembered{token: *token, key: key})
	return raw, nil
}

func (t *Tokens) sign(key *Key, session *store.Session, user *store.User, by string, until time.Time, extra map[string]any, now time.Time) (string, *Token, error) {
	var nonce [16]byte
	if _, err := rand.Read(nonce[:]); err != nil {
		return "", nil, err
	}
	organization, organizationRole := session.OrganizationID, session.OrganizationRole
	if organizationRole == "" {
		organization = "" // the account is no member
	}
	var act *actor
	if by != "" {
		act = &actor{by}
	}
	payload, err := json.Marshal(claims{
		Issuer: t.options.Issuer, Audience: t.options.Audience, Subject: user.ID, ClientID: t.options.ClientID, Session: session.ID,
		IssuedAt: now.Unix(), Expires: until.Unix(),
		ID:       place(session) + "." + base64.RawURLEncoding.EncodeToString(nonce[:]),
		AuthTime: authTime(session, now), AMR: strings.Fields(session.AMR), ACR: session.ACR(), Role: user.Role,
		Org: organization, OrgRole: organizationRole, Act: act,
	})
	if err != nil {
		return "", nil, err
	}
	if payload, err = withExtra(payload, extra); err != nil {
		return "", nil, err
	}
	token, err := t.read(payload)
	if err != nil {
		return "", nil, err
	}
	signed := key.header + "." + base64.RawURLEncoding.EncodeToString(payload)
	mac, err := key.algorithm.method.Sign(signed, key.private)
	if err != nil {
		return "", nil, err
	}
	raw := signed + "." + base64.RawURLEncoding.EncodeToString(mac)
	if len(raw) > maxToken {
		return "", nil, fmt.Errorf("the token has %d bytes, at most %d are read", len(raw), maxToken)
	}
	return raw, token, nil
}

// authTime returns the claim auth_time. A proof of identity in the future is
// wrong. It counts as very old, so that nobody treats it as recent. So does no
// proof at all.
func authTime(session *store.Session, now time.Time) int64 {
	if session.AuthTime.IsZero() || ahead(session.AuthTime, now) {
		return 0
	}
	return session.AuthTime.Unix()
}

// ahead reports whether a time is further in the future than clocks may differ.
func ahead(at, now time.Time) bool { return at.After(now.Add(skew)) }

// withExtra adds the claims of a host after the claims of the library. It
// replaces none of them.
func withExtra(payload []byte, extra map[string]any) ([]byte, error) {
	if len(extra) == 0 {
		return payload, nil
	}
	for name := range extra {
		if reserved[name] {
			return nil, fmt.Errorf("the claim %q is reserved", name)
		}
	}
	more, err := json.Marshal(extra, json.Deterministic(true))
	if err != nil {
		return nil, err
	}
	if len(payload)+len(more) > maxToken/2 {
		return nil, errors.New("the claims make the token too long")
	}
	return append(append(payload[:len(payload)-1], ','), more[1:]...), nil
}

// place returns the start of a jti: the generation of the session and, if it is
// not 0, a hyphen and the number of the answer.
func place(session *store.Session) string {
	at := strconv.FormatInt(session.Generation, 10)
	if session.Answers != 0 {
		at += "-" + strconv.FormatInt(session.Answers, 10)
	}
	return at
}

// readPlace reads the start of a jti, up to the first dot.
func readPlace(id string) (generation, answer int64, ok bool) {
	at, _, ok := strings.Cut(id, ".")
	first, second, numbered := strings.Cut(at, "-")
	generation, err := strconv.ParseInt(first, 10, 64)
	if !ok || err != nil || generation < 1 {
		return 0, 0, false
	}
	if numbered {
		answer, err = strconv.ParseInt(second, 10, 64)
	}
	return generation, answer, err == nil && (!numbered || answer > 0)
}

// read reads the claims of a token with a valid signature. It refuses a token
// for another issuer or audience.
func (t *Tokens) read(payload []byte) (*Token, error) {
	var c claims
	if err := strictjson.Unmarshal(payload, &c); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	generation, answer, ok := readPlace(c.ID)
	if !ok || c.Issuer != t.options.Issuer || c.Audience != t.options.Audience ||
		!uuid.Valid(c.Subject) || !uuid.Valid(c.Session) ||
		c.IssuedAt <= 0 || c.Expires <= c.IssuedAt {
		return nil, ErrInvalid
	}
	ids := c.Subject + c.Session // a copy, so that a remembered token keeps no other memory alive
	return &Token{
		Subject: ids[:len(c.Subject)], Session: ids[len(c.Subject):], Generation: generation, Answer: answer,
		Expires: c.Expires, NotBefore: max(c.IssuedAt, c.NotUntil),
	}, nil
}
