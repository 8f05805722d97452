package admit

import (
	"context"
	"errors"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/admit-go/admit/internal/device"
	"github.com/admit-go/admit/internal/webio"
	"github.com/admit-go/admit/store"
)

// This file has the parts of exports that features declare. A part shows what its
// owner may know: no hash, no sealed byte, no key of another system.

// exportPage is how many records an export reads at once.
const exportPage = 100

// exportAccount puts the row of the account.
func exportAccount(_ context.Context, _ *kernel, user *store.User, put func(any) error) error {
	return put(struct {
		ID            string        `json:"id"`
		Email         string        `json:"email"`
		EmailVerified webio.Instant `json:"emailVerified"`
		Name          string        `json:"name"`
		Nickname      string        `json:"nickname"`
		Image         string        `json:"image"`
		Locale        string        `json:"locale"`
		Role          string        `json:"role"`
		Onboarding    string        `json:"onboardingStatus"`
		MuteAlerts    bool          `json:"muteAlerts"`
		BannedAt      webio.Instant `json:"bannedAt"`
		BanExpiresAt  webio.Instant `json:"banExpiresAt"`
		BanReason     string        `json:"banReason"`
		CreatedAt     webio.Instant `json:"createdAt"`
		UpdatedAt     webio.Instant `json:"updatedAt"`
	}{
		user.ID, user.Email, webio.Instant(user.EmailVerifiedAt), user.Name, user.Nickname, user.Image, user.Locale, user.Role, user.Onboarding,
		user.MuteAlerts, webio.Instant(user.BannedAt), webio.Instant(user.BanExpiresAt), user.BanReason, webio.Instant(user.CreatedAt), webio.Instant(user.UpdatedAt),
	})
}

// exportPassword puts when the password was set. A password is never shown.
func exportPassword(ctx context.Context, k *kernel, user *store.User, put func(any) error) error {
	password, err := k.store.Password(ctx, tenant, user.ID)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return put(struct {
		ChangedAt webio.Instant `json:"changedAt"`
	}{webio.Instant(password.ChangedAt)})
}

// exportSessions puts the live sessions. Sessions that have ended are in the events.
func exportSessions(ctx context.Context, k *kernel, user *store.User, put func(any) error) error {
	for number := 1; ; number++ {
		page, _, err := k.store.ListSessions(ctx, tenant, user.ID, k.now(), store.Page{Number: number, Limit: exportPage})
		if err != nil {
			return err
		}
		for _, s := range page {
			err := put(struct {
				ID             string        `json:"id"`
				Methods        string        `json:"methods"`
				Device         string        `json:"device"`
				UserAgent      string        `json:"userAgent"`
				IPAddress      string        `json:"ipAddress"`
				OrganizationID string        `json:"organizationId"`
				CreatedAt      webio.Instant `json:"createdAt"`
				LastActivityAt webio.Instant `json:"lastActivityAt"`
				ExpiresAt      webio.Instant `json:"expiresAt"`
			}{
				s.ID, s.AMR, device.Name(s.UserAgent), s.UserAgent, s.IPAddress, s.OrganizationID,
				webio.Instant(s.CreatedAt), webio.Instant(s.LastActivityAt), webio.Instant(s.ExpiresAt),
			})
			if err != nil {
				return err
			}
		}
		if len(page) < exportPage {
			return nil
		}
	}
}

// exportEvents puts the events about the account. The client of a request is shown
// where the account itself made it: any other client is another person.
func exportEvents(ctx context.Context, k *kernel, user *store.User, put func(any) error) error {
	for after := ""; ; {
		page, err := k.store.ListEvents(ctx, store.EventQuery{Tenant: tenant, SubjectID: user.ID, After: after, Limit: exportPage})
		if err != nil {
			return err
		}
		for _, e := range page {
			after = e.ID
			shown := struct {
				ID        string         `json:"id"`
				Kind      string         `json:"kind"`
				At        webio.Instant  `json:"at"`
				Own       bool           `json:"own"`
				IPAddress string         `json:"ipAddress,omitempty"`
				UserAgent string         `json:"userAgent,omitempty"`
				Data      jsontext.Value `json:"data,omitempty"`
			}{ID: e.ID, Kind: e.Kind, At: webio.Instant(e.At), Own: e.ActorID == user.ID}
			if shown.Own {
				shown.IPAddress, shown.UserAgent = e.IPAddress, e.UserAgent
			}
			if e.Kind != eventStartedOver { // it names the account of the stranger
				shown.Data = e.Data
			}
			if err := put(shown); err != nil {
				return err
			}
		}
		if len(page) < exportPage {
			return nil
		}
	}
}

// exportIdentities puts the linked accounts, without their tokens.
func exportIdentities(ctx context.Context, k *kernel, user *store.User, put func(any) error) error {
	identities, err := identitiesOf(ctx, k.store, user.ID)
	if err != nil {
		return err
	}
	for _, i := range identities {
		err := put(struct {
			ID          string        `json:"id"`
			Provider    string        `json:"provider"`
			Issuer      string        `json:"issuer"`
			Subject     string        `json:"subject"`
			Email       string        `json:"email"`
			ConnectedAt webio.Instant `json:"connectedAt"`
		}{i.record.ID, i.Provider, i.Issuer, i.Subject, i.Email, webio.Instant(i.record.CreatedAt)})
		if err != nil {
			return err
		}
	}
	return nil
}

// exportPasskeys puts the passkeys, without their keys and credential ids.
func exportPasskeys(ctx context.Context, k *kernel, user *store.User, put func(any) error) error {
	passkeys, err := passkeysOf(ctx, k.store, user.ID)
	if err != nil {
		return err
	}
	for _, p := range passkeys {
		err := put(struct {
			ID         string        `json:"id"`
			Name       string        `json:"name"`
			BackedUp   bool          `json:"backedUp"`
			CreatedAt  webio.Instant `json:"createdAt"`
			LastUsedAt webio.Instant `json:"lastUsedAt"`
		}{p.record.ID, p.Name, p.BackedUp, webio.Instant(p.record.CreatedAt), webio.Instant(p.LastUsedAt)})
		if err != nil {
			return err
		}
	}
	return nil
}

// exportedFactor is a second factor in an export.
type exportedFactor struct {
	ID          string        `json:"id"`
	Type        string        `json:"type"`
	CreatedAt   webio.Instant `json:"createdAt"`
	ConfirmedAt webio.Instant `json:"confirmedAt"`
	CodesLeft   int           `json:"recoveryCodesLeft"`
}

// exportedDevice is a device that needs no second factor in an export.
type exportedDevice struct {
	ID        string        `json:"id"`
	Device    string        `json:"device"`
	IPAddress string        `json:"ipAddress"`
	CreatedAt webio.Instant `json:"createdAt"`
	ExpiresAt webio.Instant `json:"expiresAt"`
}

// exportFactors puts the second factors and the remembered devices.
func exportFactors(ctx context.Context, k *kernel, user *store.User, put func(any) error) error {
	shown := struct {
		Factors []exportedFactor `json:"factors"`
		Devices []exportedDevice `json:"rememberedDevices"`
	}{[]exportedFactor{}, []exportedDevice{}}
	factors, err := factorsOf(ctx, k.store, user.ID)
	if err != nil {
		return err
	}
	for _, f := range factors {
		shown.Factors = append(shown.Factors, exportedFactor{f.ID, f.Type, webio.Instant(f.CreatedAt), webio.Instant(f.ConfirmedAt), f.RecoveryCodesLeft})
	}
	records, _, err := k.store.ListRecords(ctx, tenant, kindRemembered, userRef(user.ID), store.Page{Number: 1, Limit: exportPage})
	if err != nil {
		return err
	}
	for _, r := range records {
		d, err := readRemembered(r)
		if err != nil {
			return err
		}
		shown.Devices = append(shown.Devices, exportedDevice{d.ID, d.Device, d.IPAddress, webio.Instant(d.CreatedAt), webio.Instant(d.ExpiresAt)})
	}
	return put(shown)
}

// exportAPIKeys puts the API keys that the account has made, without their hashes.
func exportAPIKeys(ctx context.Context, k *kernel, user *store.User, put func(any) error) error {
	// The keys of the user, and the keys of the application that the user has made.
	for _, kind := range []string{OwnerUser, ""} {
		if err := exportKeysOf(ctx, k, store.KeyOwner{Kind: kind, ID: user.ID}, put); err != nil {
			return err
		}
	}
	return nil
}

func exportKeysOf(ctx context.Context, k *kernel, owner store.KeyOwner, put func(any) error) error {
	for number := 1; ; number++ {
		page, _, err := k.store.ListAPIKeys(ctx, tenant, owner, store.Page{Number: number, Limit: exportPage})
		if err != nil {
			return err
		}
		for _, key := range page {
			err := put(struct {
				ID          string        `json:"id"`
				Type        string        `json:"type"`
				Name        string        `json:"name"`
				Environment string        `json:"environment"`
				Scopes      []string      `json:"scopes"`
				CreatedAt   webio.Instant `json:"createdAt"`
				ExpiresAt   webio.Instant `json:"expiresAt"`
				LastUsedAt  webio.Instant `json:"lastUsedAt"`
				RevokedAt   webio.Instant `json:"revokedAt"`
			}{
				key.ID, key.Type, key.Name, key.Environment, key.Scopes,
				webio.Instant(key.CreatedAt), webio.Instant(key.ExpiresAt), webio.Instant(key.LastUsedAt), webio.Instant(key.RevokedAt),
			})
			if err != nil {
				return err
			}
		}
		if len(page) < exportPage {
			return nil
		}
	}
}

// exportPicture puts the picture that the account shows, in base64.
func exportPicture(ctx context.Context, k *kernel, user *store.User, put func(any) error) error {
	picture, err := exportAvatar(ctx, k, user.ID)
	if err != nil || picture.Data == nil {
		return err
	}
	return put(struct {
		ContentType string `json:"contentType"`
		Data        []byte `json:"data"`
	}{picture.ContentType, picture.Data})
}
