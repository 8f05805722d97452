package admit

import (
	"context"
	"net/http"
	"strings"

	"github.com/admit-go/admit/internal/uuid"
	"github.com/admit-go/admit/internal/webio"
)

// Impersonations lets administrators act as a user, to see what the user sees.
type Impersonations struct {
	*kernel
}

func (i *Impersonations) feature() feature {
	return feature{
		name:  "impersonation",
		holds: holding{nothing: "the sessions and the events hold it"},
		routes: []route{
			{method: http.MethodPost, path: "/admin/users/{userId}/impersonate", who: adminGroup, scope: "users:impersonate", exact: true, serve: i.handleStart},
		},
		events: []string{eventImpersonated},
		errors: []*Error{ErrImpersonating},
	}
}

// ImpersonateParams is the input of Impersonations.Start.
type ImpersonateParams struct {
	// UserID is the account that the administrator acts as.
	UserID string
	// Reason is why, 1 to 500 characters. It stands in the audit log.
	Reason string
}

// Start makes a session in which the caller acts as a user. The caller is the
// administrator whom a guard found in ctx, with a recent proof of identity. The
// session lives for an hour at most, ends with the session, the role or the account of
// the administrator, and has an access token alone: Tokens.RefreshToken is "". What
// changes credentials, factors, keys or roles, exports or deletes is refused in it with
// ErrImpersonating. [CallerFrom] tells who acts.
//
// Start returns ErrUnauthorized or ErrForbidden for another caller,
// ErrReauthenticationRequired, ErrInvalidRequest for a reason that is missing,
// ErrUserNotFound, ErrForbidden if the user is an administrator, ErrAccountBanned,
// ErrEmailNotVerified if the configuration requires it, or ErrUnavailable.
func (i *Impersonations) Start(ctx context.Context, in ImpersonateParams) (signed SignedIn, err error) {
	c := callerFrom(ctx)
	switch {
	case c == nil || c.by != i.machinery:
		return signed, ErrUnauthorized
	case !c.signedIn || c.user.Role != RoleAdmin: // a key has no session that the new session could end with
		return signed, ErrForbidden
	}
	if err := i.recent(c); err != nil {
		return signed, err
	}
	in.Reason = strings.TrimSpace(in.Reason)
	switch {
	case in.Reason == "" || !plainText(in.Reason, 500):
		return signed, ErrInvalidRequest.detail("reason", "must have 1 to 500 characters and no control characters")
	case !uuid.Valid(in.UserID):
		return signed, ErrUserNotFound
	}
	key, err := i.tokens.Signer(ctx, i.store, i.now())
	if err != nil {
		return signed, fault(err)
	}
	err = i.tx(planned(ctx, in.UserID), func(ctx context.Context, tx *txn) error {
		user, err := existing(tx.lock(ctx, in.UserID))
		if err != nil {
			return err
		}
		if user.Role == RoleAdmin {
			return ErrForbidden.detail("userId", "is an administrator")
		}
		if err := tx.mayEnter(&user, tx.now()); err != nil {
			return err
		}
		session, err := openActing(ctx, tx, &user, c)
		if err != nil {
			return err
		}
		signed = SignedIn{User: userOf(&user), Session: sessionOf(&session)}
		extra, err := hostClaims(ctx, tx.kernel, &user, &session)
		if err != nil {
			return err
		}
		if signed.Tokens.AccessToken, err = tx.tokens.IssueFor(key, &session, &user, c.user.ID, extra, tx.now()); err != nil {
			return fault(err)
		}
		signed.Tokens.TokenType, signed.Tokens.ExpiresIn = "Bearer", int(session.ExpiresAt.Sub(session.CreatedAt).Seconds())
		return tx.record(ctx, event{kind: eventImpersonated, subject: user.ID, data: eventData{
			"session": session.ID, "actorSession": c.session.ID, "why": in.Reason,
		}})
	})
	return onlyDone(signed, err)
}

type impersonateInput struct {
	Reason string `json:"reason"`
}

// impersonatedBody is the answer to an administrator who may act as a user now.
type impersonatedBody struct {
	AccessToken string `json:"accessToken"`
	TokenType   string `json:"tokenType"`
	ExpiresIn   int    `json:"expiresIn"`
}

func (i *Impersonations) handleStart(w http.ResponseWriter, r *http.Request) error {
	var in impersonateInput
	if err := webio.Decode(r, &in); err != nil {
		return err
	}
	signed, err := i.Start(r.Context(), ImpersonateParams{UserID: r.PathValue("userId"), Reason: in.Reason})
	if err != nil {
		return err
	}
	return webio.Write(w, http.StatusOK, impersonatedBody{signed.Tokens.AccessToken, signed.Tokens.TokenType, signed.Tokens.ExpiresIn})
}
