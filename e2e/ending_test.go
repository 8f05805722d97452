package e2e_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/admit-go/admit/e2e/harness"
	"github.com/admit-go/admit/store"
)

// tokenKind is a kind of one-time token that opens something.
type tokenKind struct {
	name string
	// endedBy are endings that end the kind and do not name it themselves.
	endedBy []string
	// kept says that the kind is no pending secret but belongs to the account: an
	// ending of every kind leaves it, unless it is named.
	kept bool
}

// ending is something after which pending tokens may be worth nothing.
type ending struct {
	name string
	// before makes what the cause needs. It may end tokens, too, and so runs
	// before the tokens are made.
	before func(s *harness.Server, p harness.Person) string
	cause  func(s *harness.Server, p harness.Person, made string)
	// ends are the kinds of token that the cause ends.
	ends []string
	// unproven says that the account has an address that is not verified.
	unproven bool
}

// The table of what ends what: its columns and its rows. The test file of each
// feature hands in the kinds and the endings of its feature. A cell stands
// either in the row (ending.ends) or in the column (tokenKind.endedBy).
var (
	tokenKinds rows[tokenKind]
	endings    rows[ending]
)

// No feature makes this kind yet; what ends it is decided.
var _ = tokenKinds.add(tokenKind{name: "oauth-result"})

// every kind of token is ended, with those of the features to come.
var every = []string{"*"}

// signIns are the kinds of token that give a session or move an address.
var signIns = []string{"magic", "code", "change", "mfa-ticket", "oauth-result", "start-over"}

func (e *ending) killing(kind tokenKind) bool {
	return slices.Equal(e.ends, every) && !kind.kept || slices.Contains(e.ends, kind.name) || slices.Contains(kind.endedBy, e.name)
}

// Every cell of what ends what. A token that is not ended must stay, or
// somebody loses a link they were promised.
func TestEM07_WhatKillsWhat(t *testing.T) {
	for _, e := range endings {
		t.Run(strings.ReplaceAll(e.name, " ", "_"), func(t *testing.T) {
			harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
				p := s.SignUp("a@x.test")
				if !e.unproven {
					p = verified(s, "b@x.test")
				}
				made := ""
				if e.before != nil {
					made = e.before(s, p)
				}
				user, err := s.Store.User(t.Context(), "", p.ID)
				if err != nil {
					t.Fatal(err)
				}
				hash := func(kind tokenKind) []byte {
					return []byte("0123456789abcdef0123456789abcde" + kind.name[:1] + kind.name[len(kind.name)-1:])
				}
				for _, kind := range tokenKinds {
					err := s.Store.CreateToken(t.Context(), store.Token{
						Kind: kind.name, Hash: hash(kind), UserID: p.ID, EmailKey: user.EmailKey,
						CreatedAt: s.Clock.Now(), ExpiresAt: s.Clock.Now().Add(time.Hour),
					})
					if err != nil {
						t.Fatal(err)
					}
				}
				e.cause(s, p, made)
				for _, kind := range tokenKinds {
					_, err := s.Store.Token(t.Context(), "", kind.name, hash(kind))
					if ended, want := err != nil, e.killing(kind); ended != want {
						t.Errorf("%s: ended %v, want %v", kind.name, ended, want)
					}
				}
			}, unlimited, harness.With(heldProvider))
		})
	}
}

// A name in the table that nothing bears would leave its cell untried.
func TestTheTableOfEndingsNamesOnlyWhatThereIs(t *testing.T) {
	kinds, names := map[string]bool{"*": true}, map[string]bool{}
	for _, kind := range tokenKinds {
		if kinds[kind.name] {
			t.Errorf("the kind %s stands twice", kind.name)
		}
		kinds[kind.name] = true
	}
	for _, e := range endings {
		if names[e.name] {
			t.Errorf("the ending %s stands twice", e.name)
		}
		names[e.name] = true
		for _, kind := range e.ends {
			if !kinds[kind] {
				t.Errorf("%s ends %s, which is no kind of token", e.name, kind)
			}
		}
	}
	for _, kind := range tokenKinds {
		for _, name := range kind.endedBy {
			if !names[name] {
				t.Errorf("%s is ended by %s, which is no ending", kind.name, name)
			}
		}
	}
}
