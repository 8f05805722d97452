package admit

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/memory"
)

// plainEngine takes everything for a picture.
type plainEngine struct{}

func (plainEngine) Prepare(_ context.Context, data []byte, _ string) (AvatarPicture, error) {
	return AvatarPicture{Data: data, ContentType: "image/png"}, nil
}

// withPictures is a host that keeps pictures, with an account.
func withPictures(t *testing.T) (p *pausing, blobs *memory.Blobs, userID string) {
	t.Helper()
	blobs = &memory.Blobs{}
	p = newPausing(t, func(c *Config) { c.Blobs, c.Avatars = blobs, plainEngine{} })
	user, err := p.Users.Create(t.Context(), CreateUserParams{Email: "a@x.test", Name: "n"})
	if err != nil {
		t.Fatal(err)
	}
	return p, blobs, user.ID
}

func (p *pausing) upload(t *testing.T, userID string) (key string) {
	t.Helper()
	asked, err := p.Avatars.RequestUpload(t.Context(), AvatarUploadParams{UserID: userID, Filename: "a.png"})
	if err != nil {
		t.Fatal(err)
	}
	ticket := asked.UploadURL[len(asked.UploadURL)-secretLength:]
	if err := p.Avatars.Upload(t.Context(), AvatarBytes{Ticket: ticket, Data: []byte("picture")}); err != nil {
		t.Fatal(err)
	}
	return asked.Key
}

func TestTheSweeperKeepsAFreshUpload(t *testing.T) {
	p, blobs, userID := withPictures(t)
	key := p.upload(t, userID)
	if err := sweepAvatars(t.Context(), p.kernel); err != nil || blobs.Len() != 1 {
		t.Fatalf("%d files are left, %v", blobs.Len(), err)
	}
	if _, err := p.Avatars.Set(t.Context(), SetAvatarParams{UserID: userID, Picture: key}); err != nil {
		t.Fatal(err)
	}
	p.advance(48 * time.Hour)
	if err := sweepAvatars(t.Context(), p.kernel); err != nil || blobs.Len() != 1 {
		t.Errorf("%d files are left, %v", blobs.Len(), err)
	}
}

// An upload that ends after its record was swept leaves no file.
func TestAnUploadWhoseRecordIsGoneLeavesNoFile(t *testing.T) {
	p, blobs, userID := withPictures(t)
	asked, err := p.Avatars.RequestUpload(t.Context(), AvatarUploadParams{UserID: userID, Filename: "a.png"})
	if err != nil {
		t.Fatal(err)
	}
	records, _, err := p.store.ListRecords(t.Context(), tenant, recordAvatar, unusedAvatar, store.Page{Number: 1, Limit: 1})
	if err != nil || len(records) != 1 {
		t.Fatal(records, err)
	}
	if _, err := p.store.DeleteRecord(t.Context(), tenant, recordAvatar, records[0].ID); err != nil {
		t.Fatal(err)
	}
	ticket := asked.UploadURL[len(asked.UploadURL)-secretLength:]
	if err := p.Avatars.Upload(t.Context(), AvatarBytes{Ticket: ticket, Data: []byte("picture")}); !errors.Is(err, ErrInvalidToken) || blobs.Len() != 0 {
		t.Errorf("%v, %d files", err, blobs.Len())
	}
}

func TestAC176_AnUploadIsTakenOnce(t *testing.T) {
	p, _, userID := withPictures(t)
	asked, err := p.Avatars.RequestUpload(t.Context(), AvatarUploadParams{UserID: userID, Filename: "a.png"})
	if err != nil {
		t.Fatal(err)
	}
	in := AvatarBytes{Ticket: asked.UploadURL[len(asked.UploadURL)-secretLength:], Data: []byte("picture")}
	if err := p.Avatars.Upload(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	if err := p.Avatars.Upload(t.Context(), in); !errors.Is(err, ErrInvalidToken) {
		t.Errorf("the second upload: %v", err)
	}
}

// endless is a body that does not end, and counts what was read of it.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	if e.read > 4*maxUpload {
		return 0, errors.New("too much was read")
	}
	e.read += len(p)
	return copy(p, bytes.Repeat([]byte("x"), len(p))), nil
}

func TestAnUploadWithoutALengthIsCut(t *testing.T) {
	p, _, userID := withPictures(t)
	asked, err := p.Avatars.RequestUpload(t.Context(), AvatarUploadParams{UserID: userID, Filename: "a.png"})
	if err != nil {
		t.Fatal(err)
	}
	body := &endless{}
	r := httptest.NewRequest(http.MethodPut, asked.UploadURL, body)
	r.Header.Set("Content-Type", "image/png")
	w := httptest.NewRecorder()
	p.Handler().ServeHTTP(w, r)
	if w.Code != http.StatusRequestEntityTooLarge || body.read > 2*maxUpload {
		t.Errorf("answered %d after %d bytes", w.Code, body.read)
	}
}
