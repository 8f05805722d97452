package e2e_test

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/memory"
)

// picture is a PNG of one colour.
func picture(c color.Color) []byte {
	m := image.NewNRGBA(image.Rect(0, 0, 40, 30))
	for at := range 40 * 30 {
		m.Set(at%40, at/40, c)
	}
	var out bytes.Buffer
	if err := png.Encode(&out, m); err != nil {
		panic(err)
	}
	return out.Bytes()
}

var red = picture(color.NRGBA{R: 255, A: 255})

func typed(contentType string) harness.Set { return harness.Header("Content-Type", contentType) }

// avatarOf is the path of the picture of an account.
func avatarOf(userID string) string { return users + "/" + userID + "/avatar" }

// asksUpload asks for a URL to upload a PNG to.
func asksUpload(s *harness.Server, userID string, as harness.Set) *harness.Answer {
	s.T.Helper()
	asked := s.Do("POST", avatarOf(userID)+"/upload-url", harness.J{"filename": "me.png", "contentType": "image/png"}, as).Want(http.StatusOK)
	s.Keep("ticket", uploadTicket(asked.String("uploadUrl")))
	return asked
}

// put uploads bytes as a browser does, without any credential.
func put(s *harness.Server, asked *harness.Answer, data []byte, contentType string) *harness.Answer {
	s.T.Helper()
	return s.Do("PUT", strings.TrimPrefix(asked.String("uploadUrl"), harness.BaseURL), data, typed(contentType))
}

// uploaded uploads a picture from Go and returns its key.
func uploaded(s *harness.Server, userID string) string {
	s.T.Helper()
	asked, err := s.Auth.Avatars.RequestUpload(s.T.Context(), admit.AvatarUploadParams{UserID: userID, ContentType: "image/png"})
	if err != nil {
		s.T.Fatal(err)
	}
	if err := s.Auth.Avatars.Upload(s.T.Context(), admit.AvatarBytes{Ticket: uploadTicket(asked.UploadURL), Data: red}); err != nil {
		s.T.Fatal(err)
	}
	return asked.Key
}

func uploadTicket(url string) string { return url[strings.LastIndex(url, "/")+1:] }

var _ = tokenKinds.add(tokenKind{name: "avatar-upload", endedBy: []string{
	"address change", "factor confirmed", "factor removed", "reset", "password change", "sign-out everywhere",
}})

var _ = feeds.add(feed{
	route: "POST /v1/users/{userId}/avatar/upload-url",
	prepare: func(_ *harness.Server, p *heldPerson) (map[string]string, harness.J) {
		return map[string]string{"userId": p.ID}, harness.J{"filename": "me.png"}
	},
}, feed{
	route: "PATCH /v1/users/{userId}/avatar",
	prepare: func(s *harness.Server, p *heldPerson) (map[string]string, harness.J) {
		return map[string]string{"userId": p.ID}, harness.J{"s3Key": uploaded(s, p.ID)}
	},
}, feed{
	route: "DELETE /v1/users/{userId}/avatar",
	prepare: func(s *harness.Server, p *heldPerson) (map[string]string, harness.J) {
		if _, err := s.Auth.Avatars.Set(s.T.Context(), admit.SetAvatarParams{UserID: p.ID, Picture: uploaded(s, p.ID)}); err != nil {
			s.T.Fatal(err)
		}
		return map[string]string{"userId": p.ID}, nil
	},
})

// shownPicture shows a picture of an account and puts its key into the path.
func shownPicture(s *harness.Server, p *heldPerson) (map[string]string, harness.J) {
	key := uploaded(s, p.ID)
	if _, err := s.Auth.Avatars.Set(s.T.Context(), admit.SetAvatarParams{UserID: p.ID, Picture: key}); err != nil {
		s.T.Fatal(err)
	}
	return map[string]string{"userId": p.ID, "key": key}, nil
}

var _ = feeds.add(feed{
	route: "GET /v1/avatars/{key}", prepare: shownPicture,
}, feed{
	route: "GET /v1/avatars/users/{userId}", prepare: shownPicture,
}, feed{
	route: "PUT /v1/avatar-uploads/{ticket}",
	raw:   red,
	prepare: func(s *harness.Server, p *heldPerson) (map[string]string, harness.J) {
		asked, err := s.Auth.Avatars.RequestUpload(s.T.Context(), admit.AvatarUploadParams{UserID: p.ID, ContentType: "image/png"})
		if err != nil {
			s.T.Fatal(err)
		}
		p.sets = append(p.sets, typed("image/png"))
		return map[string]string{"ticket": uploadTicket(asked.UploadURL)}, nil
	},
})

var _ = faultFlows.add(faultFlow{
	name:    "show an uploaded picture",
	calls:   5,
	prepare: func(s *harness.Server, p *subject) { p.extra = p.signed.User.ID; p.token = uploaded(s, p.extra) },
	run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
		url, err := a.Avatars.Set(ctx, admit.SetAvatarParams{UserID: p.extra, Picture: p.token})
		return url != "", err
	},
	done: func(s *harness.Server, p *subject) bool {
		user, err := s.Auth.Users.Get(s.T.Context(), p.extra)
		return err == nil && strings.HasSuffix(user.Image, p.token)
	},
})

func TestAPersonUploadsAPicture(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		ann := s.SignUp("ann@x.test")
		as := harness.Bearer(ann.Access)
		asked := asksUpload(s, ann.ID, as)
		if asked.String("expiresAt") != s.Clock.Now().Add(10*time.Minute).UTC().Format("2006-01-02T15:04:05.000Z") {
			t.Errorf("the upload ends at %s", asked.String("expiresAt"))
		}
		page := strings.TrimPrefix(asked.String("url"), harness.BaseURL)
		s.Do("GET", page, nil).Want(http.StatusNotFound)
		s.Do("PATCH", avatarOf(ann.ID), harness.J{"s3Key": asked.String("key")}, as).Want(http.StatusBadRequest, "user/invalid-request")
		put(s, asked, red, "image/png").Want(http.StatusOK)
		s.Do("GET", page, nil).Want(http.StatusNotFound) // it is not shown yet
		put(s, asked, red, "image/png").Want(http.StatusUnauthorized, "auth/invalid-token")

		shown := s.Do("PATCH", avatarOf(ann.ID), harness.J{"s3Key": asked.String("key")}, as).Want(http.StatusOK)
		if shown.String("image") != asked.String("url") || s.Me(ann.Access).Want(http.StatusOK).String("image") != asked.String("url") {
			t.Errorf("the picture is %s", shown.Body)
		}
		for _, path := range []string{page, "/v1/avatars/users/" + ann.ID} {
			got := s.Do("GET", path, nil).Want(http.StatusOK)
			m, format, err := image.Decode(bytes.NewReader(got.Body))
			if err != nil || format != "jpeg" || m.Bounds().Dx() != 40 {
				t.Errorf("%s is a %s, %v", path, format, err)
			}
			h := got.Header
			if h.Get("Content-Type") != "image/jpeg" || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Content-Security-Policy") != "default-src 'none'; sandbox" ||
				h.Get("Content-Disposition") != `inline; filename="avatar.jpg"` || h.Get("Cache-Control") != "public, max-age=300" || h.Get("Set-Cookie") != "" {
				t.Errorf("%s has the header %v", path, h)
			}
		}
		// The picture before goes with its file, and its key is worth nothing.
		next := asksUpload(s, ann.ID, as)
		put(s, next, red, "image/png").Want(http.StatusOK)
		s.Do("PATCH", avatarOf(ann.ID), harness.J{"s3Key": next.String("key")}, as).Want(http.StatusOK)
		s.Do("GET", page, nil).Want(http.StatusNotFound)
		s.Do("PATCH", avatarOf(ann.ID), harness.J{"s3Key": asked.String("key")}, as).Want(http.StatusBadRequest, "user/invalid-request")
		for range 2 {
			s.Do("DELETE", avatarOf(ann.ID), nil, as).Want(http.StatusOK)
		}
		if me := s.Me(ann.Access).Want(http.StatusOK); me.Get("image") != nil {
			t.Errorf("the account is %s", me.Body)
		}
		if n := len(s.Events(ann.ID, "avatar.changed")); n != 3 {
			t.Errorf("%d changes are recorded", n)
		}
	})
}

// AC-176, AC-162: an upload is for one account, one type and one time.
func TestAC176_AnUploadIsBoundToWhoAskedForIt(t *testing.T) {
	blobs := &memory.Blobs{}
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		ann, bob := s.SignUp("ann@x.test"), s.SignUp("bob@x.test")
		as := harness.Bearer(ann.Access)
		asked := asksUpload(s, ann.ID, as)
		for _, bad := range []string{"image/jpeg", "text/html", "application/json", "image/svg+xml", ""} {
			put(s, asked, red, bad).Want(http.StatusBadRequest, "auth/invalid-request")
		}
		put(s, asked, make([]byte, 5<<20+1), "image/png").Want(http.StatusRequestEntityTooLarge)
		// A body without a length is cut as well.
		s.Do("PUT", strings.TrimPrefix(asked.String("uploadUrl"), harness.BaseURL), struct{ *bytes.Reader }{bytes.NewReader(make([]byte, 6<<20))}, typed("image/png")).
			Want(http.StatusRequestEntityTooLarge)
		// None of these has spent the URL. Bytes that are no picture do.
		put(s, asked, []byte("<script>alert(1)</script>"), "image/png").Want(http.StatusBadRequest, "auth/invalid-request")
		put(s, asked, red, "image/png").Want(http.StatusUnauthorized, "auth/invalid-token")
		if blobs.Len() != 0 {
			t.Errorf("%d files are kept", blobs.Len())
		}
		late := asksUpload(s, ann.ID, as)
		s.Clock.Advance(10 * time.Minute)
		put(s, late, red, "image/png").Want(http.StatusUnauthorized, "auth/token-expired")
		as = harness.Bearer(s.SignIn("ann@x.test", harness.Password).Want(http.StatusOK).Tokens().Access)
		anns := asksUpload(s, ann.ID, as)
		put(s, anns, red, "image/png").Want(http.StatusOK)
		bobs := harness.Bearer(s.SignIn("bob@x.test", harness.Password).Want(http.StatusOK).Tokens().Access)
		s.Do("PATCH", avatarOf(bob.ID), harness.J{"s3Key": anns.String("key")}, bobs).Want(http.StatusBadRequest, "user/invalid-request")
		for _, key := range []string{"", "x", "../../x", strings.Repeat("a", 43), strings.Repeat("a", 5000)} {
			s.Do("PATCH", avatarOf(ann.ID), harness.J{"s3Key": key}, as).Want(http.StatusBadRequest, "user/invalid-request")
		}
		s.Do("PUT", "/v1/avatar-uploads/"+anns.String("key"), red, typed("image/png")).Want(http.StatusUnauthorized, "auth/invalid-token")
		s.Do("POST", avatarOf(ann.ID)+"/upload-url", `{"filename":"me.svg"}`, as).Want(http.StatusBadRequest, "user/invalid-request")
		s.Do("POST", avatarOf(ann.ID)+"/upload-url", `{"filename":"../../me.JPG"}`, as).Want(http.StatusOK)
		// A ban between asking and uploading.
		banned := asksUpload(s, bob.ID, bobs)
		if err := s.Auth.Users.Ban(t.Context(), admit.BanParams{UserID: bob.ID}); err != nil {
			t.Fatal(err)
		}
		put(s, banned, red, "image/png").Want(http.StatusUnauthorized, "auth/invalid-token")
	}, func(c *admit.Config) { c.Blobs = blobs })
}

func TestUploadsHaveALimit(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		ann := s.SignUp("ann@x.test")
		other := s.Process() // all processes share the count
		for i := range 10 {
			asksUpload([]*harness.Server{s, other}[i%2], ann.ID, harness.Bearer(ann.Access))
		}
		refused := other.Do("POST", avatarOf(ann.ID)+"/upload-url", harness.J{"filename": "a.png"}, harness.Bearer(ann.Access)).Want(http.StatusTooManyRequests)
		if refused.Header.Get("Retry-After") != "60" {
			t.Errorf("Retry-After is %q", refused.Header.Get("Retry-After"))
		}
	})
}

// Without a picture the initials are shown, and nothing that a name holds is code.
func TestInitialsStandInForAPicture(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		ann := s.SignUp("ann@x.test")
		for name, want := range map[string]string{
			"Ada Lovelace": ">AL<", "<script>alert(1)</script> x": ">SX<", "& <": ">?<", "élan  maria von ß": ">ÉSS<", "李 小龙": ">李小<", `"onload=x`: ">O<",
		} {
			if _, err := s.Auth.Users.Update(t.Context(), admit.UpdateUserParams{UserID: ann.ID, Name: admit.Some(name)}); err != nil {
				t.Fatal(err)
			}
			got := s.Do("GET", "/v1/avatars/users/"+ann.ID, nil).Want(http.StatusOK)
			if want = strings.ReplaceAll(want, "SS", "ß"); got.Header.Get("Content-Type") != "image/svg+xml" || !strings.Contains(string(got.Body), want) || strings.Contains(string(got.Body), "script") ||
				got.Header.Get("Content-Security-Policy") != "default-src 'none'; sandbox" {
				t.Errorf("%q: %s", name, got.Body)
			}
		}
		for _, id := range []string{"0194f000-0000-7000-8000-0000000000ff", "x", "%3Cscript%3E"} {
			if got := s.Do("GET", "/v1/avatars/users/"+id, nil).Want(http.StatusOK); !strings.Contains(string(got.Body), ">?<") || strings.Contains(string(got.Body), "script") {
				t.Errorf("%s: %s", id, got.Body)
			}
		}
	})
}

// AC-180: no file is left of a deleted account, and none that nobody shows.
func TestAC180_NoFileIsLeftThatNobodyShows(t *testing.T) {
	blobs := &stubbornBlobs{}
	harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
		blobs.Blobs = &memory.Blobs{}
		s.Admin()
		ann, bob := s.SignUp("ann@x.test"), s.SignUp("bob@x.test")
		for _, id := range []string{ann.ID, bob.ID} {
			if _, err := s.Auth.Avatars.Set(t.Context(), admit.SetAvatarParams{UserID: id, Picture: uploaded(s, id)}); err != nil {
				t.Fatal(err)
			}
		}
		unused := uploaded(s, bob.ID)
		if blobs.Len() != 3 {
			t.Fatalf("%d files", blobs.Len())
		}
		// The file cannot be deleted when the account is: it is deleted a day later.
		blobs.down.Store(true)
		if err := s.Auth.Users.Delete(t.Context(), admit.DeleteUserParams{UserID: ann.ID}); err != nil {
			t.Fatal(err)
		}
		blobs.down.Store(false)
		s.Clock.Advance(23 * time.Hour)
		s.Process().Auth.Start()
		if _, err := s.Auth.Avatars.Set(t.Context(), admit.SetAvatarParams{UserID: bob.ID, Picture: unused}); !errors.Is(err, admit.ErrInvalidRequest) {
			t.Errorf("a picture that is about to be swept is shown: %v", err)
		}
		if blobs.Len() != 3 {
			t.Errorf("%d files after 23 hours", blobs.Len())
		}
		s.Clock.Advance(time.Hour + time.Minute)
		sweeper := s.Process()
		sweeper.Auth.Start()
		s.Eventually("the files that nobody shows are deleted", func() bool {
			_, records, err := s.Store.ListRecords(t.Context(), "", "avatar", "", store.Page{Number: 1, Limit: 10})
			return err == nil && records == 1 && blobs.Len() == 1
		})
		if got, err := s.Auth.Avatars.Of(t.Context(), bob.ID); err != nil || got.ContentType != "image/jpeg" {
			t.Errorf("the picture that is shown: %s, %v", got.ContentType, err)
		}
	}, func(c *admit.Config) { c.Blobs = blobs })
}

// stubbornBlobs deletes nothing while it is down.
type stubbornBlobs struct {
	*memory.Blobs
	down atomic.Bool
}

func (b *stubbornBlobs) DeleteBlob(ctx context.Context, key string) error {
	if b.down.Load() {
		return errors.New("the disk is read-only")
	}
	return b.Blobs.DeleteBlob(ctx, key)
}

// LK-02: the reader of the mailbox shows no picture that the registrant has planted.
func TestAPlantedPictureGoesWithTheClaim(t *testing.T) {
	blobs := &memory.Blobs{}
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		eve := s.SignUp("ann@x.test")
		key := uploaded(s, eve.ID)
		if _, err := s.Auth.Avatars.Set(t.Context(), admit.SetAvatarParams{UserID: eve.ID, Picture: key}); err != nil {
			t.Fatal(err)
		}
		ann := redeem(s, magicToken(s, "ann@x.test")).Want(http.StatusOK).Tokens()
		if me := s.Me(ann.Access); me.Get("id") != eve.ID || me.Get("image") != nil {
			t.Errorf("the owner has %s", me.Body)
		}
		if _, err := s.Auth.Avatars.Picture(t.Context(), key); !errors.Is(err, admit.ErrNotFound) || blobs.Len() != 0 {
			t.Errorf("%d files, %v", blobs.Len(), err)
		}
	}, func(c *admit.Config) { c.Blobs = blobs })
}

// A restored account has no URL of a picture whose file is gone, and keeps the URL of
// a picture elsewhere.
func TestARestoredAccountShowsNoDeletedPicture(t *testing.T) {
	blobs := &memory.Blobs{}
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		ann, bob := s.SignUp("ann@x.test"), s.SignUp("bob@x.test")
		if _, err := s.Auth.Avatars.Set(t.Context(), admit.SetAvatarParams{UserID: ann.ID, Picture: uploaded(s, ann.ID)}); err != nil {
			t.Fatal(err)
		}
		s.Change(bob.ID, func(u *store.User) { u.Image = "https://img.example/bob" })
		for id, want := range map[string]string{ann.ID: "", bob.ID: "https://img.example/bob"} {
			if err := s.Auth.Users.Delete(t.Context(), admit.DeleteUserParams{UserID: id}); err != nil {
				t.Fatal(err)
			}
			if err := s.Auth.Users.Restore(t.Context(), id); err != nil {
				t.Fatal(err)
			}
			if user, err := s.Auth.Users.Get(t.Context(), id); err != nil || user.Image != want {
				t.Errorf("the picture is %q, want %q, %v", user.Image, want, err)
			}
		}
		if blobs.Len() != 0 {
			t.Errorf("%d files", blobs.Len())
		}
	}, func(c *admit.Config) { c.Blobs = blobs })
}

func TestAHostWithoutBlobsKeepsNoPictures(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		ann := s.SignUp("ann@x.test")
		as := harness.Bearer(ann.Access)
		s.Do("POST", avatarOf(ann.ID)+"/upload-url", harness.J{"filename": "a.png"}, as).Want(http.StatusNotFound)
		s.Do("PATCH", avatarOf(ann.ID), harness.J{"s3Key": "x"}, as).Want(http.StatusNotFound)
		s.Do("PUT", "/v1/avatar-uploads/x", red, typed("image/png")).Want(http.StatusNotFound)
		s.Do("GET", "/v1/avatars/x", nil).Want(http.StatusNotFound)
		s.Do("GET", "/v1/avatars/users/"+ann.ID, nil).Want(http.StatusOK)
	}, func(c *admit.Config) { c.Blobs, c.Avatars = nil, nil })
}
