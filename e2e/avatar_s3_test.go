package e2e_test

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rclone/gofakes3"
	"github.com/rclone/gofakes3/s3mem"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/s3blob"
)

// This file runs store/s3blob against a server that speaks S3 and checks every
// signature.

const (
	s3ID     = "AKIDPICTURES"
	s3Secret = "canary-wJalrXUtnFEMI/K7MDENG+bPxRfiCY"
	s3Bucket = "pictures"
)

// s3Server is a server on loopback with one empty bucket.
type s3Server struct {
	*httptest.Server
	files *s3mem.Backend
}

func startS3(t *testing.T) *s3Server {
	t.Helper()
	s := &s3Server{files: s3mem.New()}
	if err := s.files.CreateBucket(t.Context(), s3Bucket); err != nil {
		t.Fatal(err)
	}
	s.Server = httptest.NewServer(gofakes3.New(s.files, gofakes3.WithV4Auth(map[string]string{s3ID: s3Secret})).Server())
	t.Cleanup(s.Close)
	return s
}

// bucket is the bucket of the server, for whoever has the right secret.
func (s *s3Server) bucket() *s3blob.Bucket {
	return &s3blob.Bucket{Endpoint: s.URL + "/" + s3Bucket, Region: "eu-central-1", AccessKeyID: s3ID, SecretAccessKey: s3Secret}
}

// keys are the keys of all files.
func (s *s3Server) keys(t *testing.T) []string {
	t.Helper()
	list, err := s.files.ListBucket(t.Context(), s3Bucket, nil, gofakes3.ListBucketPage{})
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, file := range list.Contents {
		keys = append(keys, file.Key)
	}
	return keys
}

func TestABucketKeepsFilesUnderAnyKey(t *testing.T) {
	s := startS3(t)
	ctx := t.Context()
	for prefix, keys := range map[string][]string{
		"":                             {"k", "a-b_c", "a b", "100%", "%41", "a+b", "ü", "李", "x/y", "?q=1&r", "#f", "it's (1)!*", `"<&>"`, "a=b;c,d", "~$@:"},
		"teams/a b+ü%2F/avatars of 1/": {"k", "a-b_c"},
	} {
		b := s.bucket()
		b.Prefix = prefix
		for _, key := range keys {
			for _, data := range [][]byte{[]byte("first " + key), {}, bytes.Repeat([]byte{0, 0xff}, 1<<20)} {
				if err := b.PutBlob(ctx, key, data); err != nil {
					t.Errorf("put %q: %v", prefix+key, err)
				}
				if got, err := b.Blob(ctx, key); err != nil || !bytes.Equal(got, data) {
					t.Errorf("read %q: %d bytes of %d, %v", prefix+key, len(got), len(data), err)
				}
			}
			if got := s.keys(t); len(got) != 1 || got[0] != prefix+key {
				t.Errorf("%q is kept as %q", prefix+key, got)
			}
			for range 2 { // a file that is gone is no error
				if err := b.DeleteBlob(ctx, key); err != nil {
					t.Errorf("delete %q: %v", prefix+key, err)
				}
			}
			if _, err := b.Blob(ctx, key); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%q after its deletion: %v", prefix+key, err)
			}
		}
	}
}

// A mistake of the operator is told by its name, and is no missing file: a file that
// was never deleted would be forgotten.
func TestABucketThatRefusesSaysWhy(t *testing.T) {
	s := startS3(t)
	for name, wrong := range map[string]struct {
		change func(b *s3blob.Bucket)
		told   string
	}{
		"secret": {func(b *s3blob.Bucket) { b.SecretAccessKey = "canary-other" }, "403 SignatureDoesNotMatch"},
		"id":     {func(b *s3blob.Bucket) { b.AccessKeyID = "AKIDNOBODY" }, "403 InvalidAccessKeyId"},
		"bucket": {func(b *s3blob.Bucket) { b.Endpoint = s.URL + "/elsewhere" }, "404 NoSuchBucket"},
	} {
		b := s.bucket()
		wrong.change(b)
		_, read := b.Blob(t.Context(), "k")
		for verb, err := range map[string]error{"put": b.PutBlob(t.Context(), "k", red), "read": read, "delete": b.DeleteBlob(t.Context(), "k")} {
			if err == nil || errors.Is(err, store.ErrNotFound) || !strings.Contains(err.Error(), wrong.told) || strings.Contains(err.Error(), "canary") {
				t.Errorf("a wrong %s: %s: %v", name, verb, err)
			}
		}
	}
	if kept := s.keys(t); len(kept) != 0 {
		t.Errorf("kept are %q", kept)
	}
}

func TestAPictureIsKeptInABucket(t *testing.T) {
	bucket := &s3blob.Bucket{}
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		files := startS3(t)
		*bucket = *files.bucket()
		bucket.Prefix = "avatars of app/"
		s.Keep("the secret of the bucket", s3Secret)
		ann := s.SignUp("ann@x.test")
		as := harness.Bearer(ann.Access)
		shows := func() *harness.Answer {
			t.Helper()
			asked := asksUpload(s, ann.ID, as)
			put(s, asked, red, "image/png").Want(http.StatusOK)
			return s.Do("PATCH", avatarOf(ann.ID), harness.J{"s3Key": asked.String("key")}, as).Want(http.StatusOK)
		}
		kept := func(want ...string) {
			t.Helper()
			for i, url := range want {
				want[i] = bucket.Prefix + url[strings.LastIndex(url, "/")+1:]
			}
			if got := files.keys(t); strings.Join(got, " ") != strings.Join(want, " ") {
				t.Errorf("kept are %q, want %q", got, want)
			}
		}
		first := shows().String("image")
		kept(first)
		got := s.Do("GET", strings.TrimPrefix(first, harness.BaseURL), nil).Want(http.StatusOK)
		if got.Header.Get("Content-Type") != "image/jpeg" {
			t.Errorf("the picture is %v", got.Header)
		}
		// The file of the picture before goes with it.
		next := shows().String("image")
		kept(next)
		s.Do("GET", strings.TrimPrefix(first, harness.BaseURL), nil).Want(http.StatusNotFound)

		// A bucket that refuses or is down is 503 for who uploads and for who looks, and
		// changes nothing.
		unavailable := func() {
			t.Helper()
			asked := asksUpload(s, ann.ID, as)
			put(s, asked, red, "image/png").Want(http.StatusServiceUnavailable, "auth/unavailable")
			s.Do("PATCH", avatarOf(ann.ID), harness.J{"s3Key": asked.String("key")}, as).Want(http.StatusBadRequest, "user/invalid-request")
			s.Do("GET", strings.TrimPrefix(next, harness.BaseURL), nil).Want(http.StatusServiceUnavailable, "auth/unavailable")
			if image := s.Me(ann.Access).Want(http.StatusOK).String("image"); image != next {
				t.Errorf("the picture is %s", image)
			}
		}
		bucket.SecretAccessKey = "canary-other"
		unavailable()
		bucket.SecretAccessKey = s3Secret
		kept(next)
		s.Do("DELETE", avatarOf(ann.ID), nil, as).Want(http.StatusOK)
		kept()
		next = shows().String("image")
		files.Close()
		unavailable()
	}, func(c *admit.Config) { c.Blobs = bucket })
}
