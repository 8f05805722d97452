package admit

import (
	"context"
	"errors"
	"net/http"

	"github.com/admit-go/admit/internal/emailaddress"
	"github.com/admit-go/admit/internal/webio"
	"github.com/admit-go/admit/store"
)

// StartOvers let the owner of a mailbox begin with an empty account where a
// stranger had signed up with the address, and set a second factor up, before the
// mailbox was proven.
type StartOvers struct {
	*kernel
}

func (s *StartOvers) feature() feature {
	return feature{
		name:  "startover",
		holds: holding{nothing: "a new account is an account like others"},
		routes: []route{
			{method: http.MethodPost, path: "/auth/start-over", who: anyone, scope: "auth:signin", exchanges: true, serve: s.handleStartOver},
		},
		events: []string{eventStartedOver},
	}
}

// Redeem retires the account of a token and signs in to a new, empty account with
// the same address. The token is details.startOverToken of ErrMFARequired; it works
// once, for 5 minutes, and in cookie mode only in the browser that it was given to.
// What the retired account had is gone with it. It answers
// ErrInvalidToken, ErrTokenExpired, ErrAccountBanned, ErrMFAEnrollmentRequired or
// ErrUnavailable.
func (s *StartOvers) Redeem(ctx context.Context, token string) (SignedIn, error) {
	return s.admit(ctx, nil, func(ctx context.Context, tx *txn) (outcome, error) {
		opened, err := tx.openSecret(ctx, token, kindStartOver)
		if err != nil {
			return outcome{}, err
		}
		former := opened.user
		if opened.used || former.EmailKey != opened.token.EmailKey {
			return outcome{}, ErrInvalidToken
		}
		state, err := readTicket(opened.token)
		if err != nil {
			return outcome{}, err
		}
		if !state.waitsIn(ctx) {
			return outcome{}, ErrTokenExpired // the rollback keeps the token for its own browser
		}
		// The person who presented the factor since then is the owner.
		if _, d, err := totpOf(ctx, tx, former.ID); errors.Is(err, store.ErrNotFound) || err == nil && !d.Planted {
			return outcome{}, ErrInvalidToken
		} else if err != nil {
			return outcome{}, err
		}
		address := emailaddress.Address{Display: former.Email, Key: former.EmailKey}
		user := tx.newUser(address, former.Name, RoleUser)
		user.EmailVerifiedAt, user.Locale = user.CreatedAt, former.Locale
		if err := askSignUp(ctx, tx.kernel, SignUpAttempt{Email: user.Email, Name: user.Name, Method: "startover"}); err != nil {
			return outcome{}, err
		}
		if err := deleteAccount(ctx, tx, &former, departure{why: "started over", final: true}); err != nil {
			return outcome{}, err
		}
		if err := tx.createUser(ctx, user, ""); err != nil {
			return outcome{}, err
		}
		err = tx.record(ctx, event{kind: eventStartedOver, subject: user.ID, data: eventData{"former": former.ID}})
		if err != nil {
			return outcome{}, err
		}
		return tx.enter(ctx, proof{userID: user.ID, methods: state.Methods, created: true})
	})
}

type startOverInput struct {
	StartOverToken string `json:"startOverToken"`
}

func (s *StartOvers) handleStartOver(w http.ResponseWriter, r *http.Request) error {
	var in startOverInput
	if err := webio.Decode(r, &in); err != nil {
		return err
	}
	if in.StartOverToken == "" {
		return ErrInvalidRequest.detail("startOverToken", "is missing")
	}
	signed, err := s.Redeem(r.Context(), in.StartOverToken)
	if err != nil {
		return err
	}
	return writeSignedIn(s.kernel, w, r, http.StatusCreated, &signed, false)
}
