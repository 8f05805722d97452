package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/admit-go/admit"
)

// pageSize is the number of records that a list reads in one step.
const pageSize = 500

func (a *app) keyCommand() *cobra.Command {
	return family(&cobra.Command{
		Use:   "key",
		Short: "Create, list and revoke API keys",
	}, a.keyCreateCommand(), a.keyListCommand(), a.keyRevokeCommand())
}

func (a *app) keyCreateCommand() *cobra.Command {
	var in admit.CreateAPIKeyParams
	var expires string
	c := &cobra.Command{
		Use:   "create NAME",
		Short: "Create an API key and print it, this once",
		Long: `Create an API key and print it, this once: only its hash is kept.

A publishable key names a project and may be known to everyone. A secret key
acts as an administrator within its scopes. NAME tells people what it is for.`,
		Example: `  admit key create "web app" --type publishable --environment prod
  admit key create "nightly report" --type secret --scope users:read --expires 90d`,
		Args: exactly(1),
	}
	c.Flags().StringVar(&in.Type, "type", "", "`kind`: publishable or secret; must be given")
	c.Flags().StringVar(&in.Environment, "environment", "dev", "`environment` it is used in: dev, staging or prod")
	c.Flags().StringArrayVar(&in.Scopes, "scope", nil, "limit it to a `scope` such as users:read or users:*; can be repeated (default: everything)")
	c.Flags().StringVar(&expires, "expires", "", "when it stops working: a `time` such as 2027-01-31T12:00:00Z, or a duration such as 90d (default: never)")
	complete(c, "type", admit.PublishableKey, admit.SecretKey)
	complete(c, "environment", "dev", "staging", "prod")
	c.RunE = a.does(func(ctx context.Context, args []string) (result, error) {
		in.Name = args[0]
		if in.Type == "" {
			return nil, usagef("which kind of key? Give --type publishable for one that may be known to everyone, or --type secret for one that acts as an administrator")
		}
		var err error
		if in.ExpiresAt, err = a.future("expires", expires); err != nil {
			return nil, err
		}
		return a.withAuth(ctx, nil, func(auth *admit.Auth) (result, error) {
			created, err := auth.APIKeys.Create(ctx, in)
			if refused, ok := errors.AsType[*admit.Error](err); ok && refused.Details["scopes"] != nil {
				return nil, fmt.Errorf("--scope: %w", err)
			}
			if err != nil {
				return nil, err
			}
			return newKey{showKey(created.APIKey), created.Key}, nil
		})
	})
	return c
}

// complete offers the values of a flag to the shell.
func complete(c *cobra.Command, flag string, values ...string) {
	// This fails only for a flag that does not exist.
	_ = c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

func (a *app) keyListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List all API keys, by their first and last characters",
		Args:  cobra.NoArgs,
		RunE: a.does(func(ctx context.Context, _ []string) (result, error) {
			return a.withAuth(ctx, nil, func(auth *admit.Auth) (result, error) {
				list := keyList{Keys: []keyBody{}}
				for number := 1; ; number++ {
					keys, err := auth.APIKeys.List(ctx, admit.PageParams{Number: number, Limit: pageSize})
					if err != nil {
						return nil, err
					}
					for _, key := range keys.Items {
						list.Keys = append(list.Keys, showKey(key))
					}
					if len(keys.Items) < pageSize {
						return list, nil
					}
				}
			})
		}),
	}
}

func (a *app) keyRevokeCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "revoke ID",
		Short:   "Revoke an API key for good, in every process at once",
		Example: "  admit key revoke 0198c0de-0000-7000-8000-000000000000",
		Args:    exactly(1),
		RunE: a.does(func(ctx context.Context, args []string) (result, error) {
			return a.withAuth(ctx, nil, func(auth *admit.Auth) (result, error) {
				if err := auth.APIKeys.Revoke(ctx, args[0]); err != nil {
					return nil, err
				}
				return revoked{args[0]}, nil
			})
		}),
	}
}

// keyBody is an API key without its text. The names of the fields are those of
// the HTTP API.
type keyBody struct {
	ID          string    `json:"id"`
	Name        string    `json:"name"`
	Type        string    `json:"type"`
	Environment string    `json:"environment"`
	Prefix      string    `json:"prefix"`
	Suffix      string    `json:"suffix"`
	Scopes      *[]string `json:"scopes"` // null where all are allowed
	OwnerID     string    `json:"ownerId"`
	CreatedAt   instant   `json:"createdAt"`
	ExpiresAt   instant   `json:"expiresAt"`
	LastUsedAt  instant   `json:"lastUsedAt"`
	RevokedAt   instant   `json:"revokedAt"`
}

func showKey(k admit.APIKey) keyBody {
	body := keyBody{
		ID: k.ID, Name: k.Name, Type: k.Type, Environment: k.Environment, Prefix: k.Prefix, Suffix: k.Suffix, OwnerID: k.OwnerID,
		CreatedAt: instant(k.CreatedAt), ExpiresAt: instant(k.ExpiresAt), LastUsedAt: instant(k.LastUsedAt), RevokedAt: instant(k.RevokedAt),
	}
	if k.Scopes != nil {
		body.Scopes = &k.Scopes
	}
	return body
}

// newKey is a new API key with its text.
type newKey struct {
	keyBody
	Key string `json:"key"`
}

func (k newKey) write(w io.Writer) {
	facts(w, "key", k.Key, "id", k.ID, "type", k.Type, "environment", k.Environment, "scopes", k.scopes(), "expires", k.ExpiresAt.orNever())
	fmt.Fprintln(w, "\nThe key is shown this once. Keep it where the program that sends it finds it.")
}

// scopes returns the scopes as text, with different texts for all scopes and
// for no scope.
func (k keyBody) scopes() string {
	switch {
	case k.Scopes == nil:
		return "all"
	case len(*k.Scopes) == 0:
		return "none"
	}
	return strings.Join(*k.Scopes, ",")
}

// keyList is all API keys. There are few, because people make them by hand.
type keyList struct {
	Keys []keyBody `json:"keys"`
}

func (l keyList) write(w io.Writer) {
	if len(l.Keys) == 0 {
		fmt.Fprintln(w, "There are no API keys; 'admit key create' makes one.")
		return
	}
	rows := make([][]string, len(l.Keys))
	for i, k := range l.Keys {
		state := "valid"
		if revoked := k.RevokedAt.String(); revoked != "" {
			state = "revoked " + revoked
		} else if expires := k.ExpiresAt.String(); expires != "" {
			state = "until " + expires
		}
		rows[i] = []string{k.ID, k.Prefix + "…" + k.Suffix, k.Name, k.Environment, k.scopes(), k.LastUsedAt.orNever(), state}
	}
	table(w, "ID KEY NAME ENVIRONMENT SCOPES USED STATE", rows)
}

// revoked names the key that was revoked.
type revoked struct {
	Revoked string `json:"revoked"`
}

func (r revoked) write(w io.Writer) { fmt.Fprintf(w, "Revoked %s.\n", r.Revoked) }
