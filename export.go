package admit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/admit-go/admit/internal/webio"
	"github.com/admit-go/admit/store"
)

// exportVersion is the member "version" of an export. It changes when a part gets
// another meaning.
const exportVersion = 1

// exportPatience bounds the work for one part of an export. A client that reads
// slowly gets its export all the same.
const exportPatience = 10 * time.Minute

// Exports write everything that is held about a person.
type Exports struct {
	*kernel
}

func (e *Exports) feature() feature {
	return feature{
		name: "export",
		routes: []route{
			{method: http.MethodPost, path: "/auth/export", who: signedIn, scope: "auth:export", fresh: true, serve: e.handleExport},
		},
		events: []string{eventUserExported},
		holds:  holding{nothing: "an export is written and not kept"},
	}
}

// Write writes a JSON object with everything that is held about a person, part by
// part: each feature of this package adds its part, and Hooks.Export the member
// "host". There are no hashes, no secrets and no data of other people. The event
// user.exported is recorded before the first byte. After an error, what was
// written is not complete. It returns ErrUserNotFound, ErrUnavailable, the error of
// Hooks.Export or the error of w.
func (e *Exports) Write(ctx context.Context, userID string, w io.Writer) error {
	var user store.User
	err := onAccount(ctx, e.kernel, userID, func(ctx context.Context, tx *txn, locked *store.User) error {
		user = *locked
		return tx.record(ctx, event{kind: eventUserExported, subject: user.ID})
	})
	if err != nil {
		return err
	}
	return e.write(ctx, &user, w)
}

// WriteOwn is Write for the session of the context, which a guard has found. It needs
// a recent proof of identity, and each account may ask once in 5 minutes and 10
// times a day. It also returns ErrUnauthorized, ErrReauthenticationRequired and
// ErrTooManyRequests.
func (e *Exports) WriteOwn(ctx context.Context, w io.Writer) error {
	c := callerFrom(ctx)
	if c == nil || !c.signedIn {
		return ErrUnauthorized
	}
	if err := recentOwner(ctx, e.kernel, &c.user); err != nil {
		return err
	}
	if _, err := e.spend(ctx, exportsOfAccount, c.user.ID); err != nil {
		return err
	}
	return e.Write(ctx, c.user.ID, w)
}

func (e *Exports) write(ctx context.Context, user *store.User, w io.Writer) error {
	var host jsontext.Value
	if hook := e.config.Hooks.Export; hook != nil {
		// It is called first, so that its refusal is an answer and no half export.
		err := e.runHook(ctx, "Export", func(ctx context.Context) error {
			held, err := hook(ctx, userOf(user))
			if err != nil {
				return err
			}
			host, err = json.Marshal(held)
			return err
		})
		if err != nil {
			return err
		}
	}
	out := exported{to: jsontext.NewEncoder(w, jsontext.WithIndent("  "))}
	out.token(jsontext.BeginObject)
	out.member("version", exportVersion)
	out.member("exportedAt", webio.Instant(e.now()))
	for _, h := range e.holdings {
		if h.export == nil {
			continue
		}
		if err := out.part(ctx, e.kernel, user, h); err != nil && out.err == nil {
			return fault(fmt.Errorf("exporting %s: %w", h.part, err))
		}
	}
	if host != nil {
		out.member("host", host)
	}
	out.token(jsontext.EndObject)
	return out.err
}

// exported writes an export. After an error it writes nothing more.
type exported struct {
	to  *jsontext.Encoder
	err error
}

func (x *exported) token(t jsontext.Token) {
	if x.err == nil {
		x.err = x.to.WriteToken(t)
	}
}

func (x *exported) value(v any) {
	if x.err == nil {
		x.err = json.MarshalEncode(x.to, v, json.Deterministic(true))
	}
}

func (x *exported) member(name string, v any) {
	x.token(jsontext.String(name))
	x.value(v)
}

// part writes the part of one feature. A part without a value is null.
func (x *exported) part(ctx context.Context, k *kernel, user *store.User, h holding) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), exportPatience)
	defer cancel()
	x.token(jsontext.String(h.part))
	if h.list {
		x.token(jsontext.BeginArray)
	}
	count := 0
	err := h.export(ctx, k, user, func(v any) error {
		if count++; count > 1 && !h.list {
			return ErrInternal.because(errors.New("a part that is no list has two values"))
		}
		x.value(v)
		return x.err
	})
	switch {
	case err != nil:
		return err
	case h.list:
		x.token(jsontext.EndArray)
	case count == 0:
		x.token(jsontext.Null)
	}
	return x.err
}

// download is an answer that begins with the first byte of an export, so that a
// refusal before it is a refusal.
type download struct {
	http.ResponseWriter
	began bool
}

func (d *download) Write(body []byte) (int, error) {
	if !d.began {
		d.began = true
		d.Header().Set("Content-Type", "application/json")
		d.Header().Set("Content-Disposition", `attachment; filename="export.json"`)
		d.WriteHeader(http.StatusOK)
	}
	return d.ResponseWriter.Write(body)
}

func (e *Exports) handleExport(w http.ResponseWriter, r *http.Request) error {
	out := &download{ResponseWriter: w}
	err := e.WriteOwn(r.Context(), out)
	if err != nil && out.began {
		e.log.WarnContext(r.Context(), "an export broke off", "error", err)
		panic(http.ErrAbortHandler) // the client must not take it for complete
	}
	return err
}
