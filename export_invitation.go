package admit

import (
	"context"

	"github.com/admit-go/admit/internal/webio"
	"github.com/admit-go/admit/store"
)

// This file has the part of exports about invitations.

// exportInvitations puts the invitations and the links that the account has made,
// and those to its verified address. The address of an invited person is not the
// account's, so it is left out.
func exportInvitations(ctx context.Context, k *kernel, user *store.User, put func(any) error) error {
	refs := []string{userRef(user.ID)}
	if !user.EmailVerifiedAt.IsZero() {
		refs = append(refs, inviteeRef(user.EmailKey))
	}
	for _, ref := range refs {
		for _, kind := range []string{recordInvitation, recordInvitationLink} {
			for page := (store.Page{Number: 1, Limit: exportPage}); ; page.Number++ {
				records, total, err := k.store.ListRecords(ctx, tenant, kind, ref, page)
				if err != nil {
					return err
				}
				for _, r := range records {
					i, err := readInvitation(r)
					if err != nil {
						return err
					}
					err = put(struct {
						ID           string        `json:"id"`
						Kind         string        `json:"kind"`
						ResourceType string        `json:"resourceType"`
						ResourceID   string        `json:"resourceId"`
						Role         string        `json:"role"`
						Status       string        `json:"status"`
						Sent         bool          `json:"sent"`
						CreatedAt    webio.Instant `json:"createdAt"`
						ExpiresAt    webio.Instant `json:"expiresAt"`
					}{r.ID, kind, i.ResourceType, i.ResourceID, i.Role, i.status(k.now()), i.InvitedBy == user.ID, webio.Instant(r.CreatedAt), webio.Instant(i.ExpiresAt)})
					if err != nil {
						return err
					}
				}
				if len(records) == 0 || page.Number*page.Limit >= total {
					break
				}
			}
		}
	}
	return nil
}
