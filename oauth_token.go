package admit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/admit-go/admit/store"
)

// This file hands out the tokens of providers that were kept, and renews them.

const (
	// tokenMargin is how long a token must still be good that is handed out.
	tokenMargin = time.Minute
	// renewalLife is how long one process may take to renew a token before another
	// process tries. It is longer than a call of a provider.
	renewalLife = 15 * time.Second
	// renewalPoll is how often a process looks whether another one is done.
	renewalPoll = 100 * time.Millisecond
)

// errRenewedMeanwhile says that another process is faster.
var errRenewedMeanwhile = errors.New("another process renews the token")

// ProviderTokenParams names the tokens of an account at a provider.
type ProviderTokenParams struct {
	UserID, Provider string
}

// Token returns the tokens of an account at a provider, which Config.KeepTokens
// keeps. An access token that ends within a minute is renewed first, in one process
// at a time; a process that comes meanwhile waits. The refresh token stays where the
// provider gives no new one. Of several identities at the provider the latest counts.
// It returns ErrAccountNotFound without an identity or without tokens,
// ErrUnsupportedProvider, ErrOAuthNotConfigured, ErrInvalidOAuthCode if the provider
// refuses the refresh token, ErrOAuthCallbackFailed or ErrUnavailable.
func (i *Identities) Token(ctx context.Context, in ProviderTokenParams) (ProviderTokens, error) {
	p, err := providerNamed(&i.config, in.Provider)
	if err != nil {
		return ProviderTokens{}, err
	}
	for {
		tokens, err := i.tokenNow(ctx, p, in.UserID)
		if !errors.Is(err, errRenewedMeanwhile) {
			return tokens, err
		}
		select {
		case <-time.After(renewalPoll):
		case <-ctx.Done():
			return ProviderTokens{}, ErrUnavailable.because(ctx.Err())
		}
	}
}

// tokenNow returns the tokens if they are good, or renews them, or tells that another
// process does.
func (i *Identities) tokenNow(ctx context.Context, p Provider, userID string) (ProviderTokens, error) {
	has, err := identitiesOf(ctx, i.store, userID)
	if err != nil {
		return ProviderTokens{}, fault(err)
	}
	has = slices.DeleteFunc(has, func(one storedIdentity) bool { return one.Provider != p.Name() || len(one.Tokens) == 0 })
	if len(has) == 0 || !i.config.KeepTokens {
		return ProviderTokens{}, ErrAccountNotFound
	}
	one := has[len(has)-1]
	tokens, err := one.openTokens(i.kernel)
	if err != nil {
		return tokens, err
	}
	now := i.now()
	if tokens.AccessToken != "" && (tokens.ExpiresAt.IsZero() || now.Add(tokenMargin).Before(tokens.ExpiresAt)) {
		return tokens, nil
	}
	refresher, ok := p.(ProviderRefresher)
	if !ok || tokens.RefreshToken == "" {
		return ProviderTokens{}, ErrInvalidOAuthCode.because(errors.New("the token has ended, and nothing renews it"))
	}
	credentials, err := credentialsOf(ctx, i.kernel, i.store, p)
	if err != nil {
		return ProviderTokens{}, err
	}
	// A clock that was ahead leaves no lease that lasts.
	if until := time.UnixMicro(one.Refreshing); one.Refreshing != 0 && now.Before(until) && until.Sub(now) <= renewalLife {
		return ProviderTokens{}, errRenewedMeanwhile
	}
	one.Refreshing = now.Add(renewalLife).UnixMicro()
	won, err := one.swap(ctx, i.store, now)
	if err != nil {
		return ProviderTokens{}, fault(err)
	}
	if !won {
		return ProviderTokens{}, errRenewedMeanwhile
	}
	renewed, err := i.renew(ctx, refresher, credentials, tokens.RefreshToken)
	return i.keepRenewed(ctx, p, one.record.ID, renewed, err)
}

// renew asks the provider for new tokens.
func (i *Identities) renew(ctx context.Context, p ProviderRefresher, credentials ProviderCredentials, refreshToken string) (renewed ProviderTokens, err error) {
	err = askProvider(ctx, func(ctx context.Context) error {
		renewed, err = p.Refresh(ctx, credentials, refreshToken, i.now())
		return err
	})
	if err == nil && renewed.AccessToken == "" {
		err = ErrOAuthCallbackFailed.because(errors.New("the provider gave no token"))
	}
	return renewed, err
}

// keepRenewed keeps new tokens and lets other processes go on, also after a failure.
// The old refresh token may no longer work, so the new one is kept
// whatever happens to the request.
func (i *Identities) keepRenewed(ctx context.Context, p Provider, id string, renewed ProviderTokens, failed error) (ProviderTokens, error) {
	ctx, cancel := i.beyondHangUp(ctx)
	defer cancel()
	for range 10 {
		r, err := i.store.Record(ctx, tenant, recordIdentity, id)
		if errors.Is(err, store.ErrNotFound) {
			return ProviderTokens{}, ErrAccountNotFound // unlinked meanwhile
		}
		if err != nil {
			return ProviderTokens{}, fault(err)
		}
		one, err := readIdentity(r)
		if err != nil {
			return ProviderTokens{}, err
		}
		one.Refreshing = 0
		if failed == nil {
			if _, err := one.keepTokens(i.kernel, p, renewed); err != nil {
				return ProviderTokens{}, err
			}
		}
		won, err := one.swap(ctx, i.store, i.now())
		switch {
		case err != nil:
			return ProviderTokens{}, fault(err)
		case won && failed != nil:
			return ProviderTokens{}, failed
		case won:
			return one.openTokens(i.kernel)
		}
	}
	return ProviderTokens{}, ErrUnavailable.because(fmt.Errorf("identity %s changed at every attempt", id))
}
