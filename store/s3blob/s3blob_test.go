package s3blob

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/admit-go/admit/store"
)

// The example of the Amazon S3 API reference, "Authenticating Requests: Using Query
// Parameters": a GET of test.txt in examplebucket.
func TestTheSignatureIsThatOfTheReference(t *testing.T) {
	b := &Bucket{
		Endpoint: "https://examplebucket.s3.amazonaws.com", Region: "us-east-1",
		AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
	}
	got, err := b.sign(http.MethodGet, "test.txt", time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC), 86400*time.Second)
	want := "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256" +
		"&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request" +
		"&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host" +
		"&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
	if err != nil || got != want {
		t.Errorf("signed %s, %v", got, err)
	}
}

// The derivation of the signing key in the AWS General Reference, "Deriving the
// signing key": its intermediate keys are those of the example of 2012-02-15.
func TestTheSigningKeyIsThatOfTheReference(t *testing.T) {
	key := []byte("AWS4" + "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
	for _, step := range []struct{ part, want string }{
		{"20120215", "969fbb94feb542b71ede6f87fe4d5fa29c789342b0f407474670f0c2489e0a0d"},
		{"us-east-1", "69daa0209cd9c5ff5c8ced464a696fd4252e981430b10e3d3fd8e2f197d7a70c"},
		{"iam", "f72cfd46f26bc4643f06a11eabb6c0ba18780c19a8da0c31ace671265e3c87fa"},
		{"aws4_request", "f4780e2d9f65fa895f9c67b32ce1baf0b0d8a43505a000a1a9e090d414db404d"},
	} {
		if key = mac(key, step.part); hexOf(key) != step.want {
			t.Errorf("after %s the key is %s", step.part, hexOf(key))
		}
	}
}

func hexOf(b []byte) string {
	const digits = "0123456789abcdef"
	var out strings.Builder
	for _, c := range b {
		out.WriteByte(digits[c>>4])
		out.WriteByte(digits[c&15])
	}
	return out.String()
}

func TestAKeyIsEscapedAsTheSignatureWantsIt(t *testing.T) {
	if got := escape("a b/ü+~", true); got != "a%20b/%C3%BC%2B~" {
		t.Errorf("got %s", got)
	}
}

func TestWhatTheServerSaysBecomesWhatTheStoreSays(t *testing.T) {
	status := http.StatusOK
	var seen []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		seen = append(seen, r.Method+" "+r.URL.Path+" "+string(body))
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "answer")
	}))
	t.Cleanup(server.Close)
	b := &Bucket{Endpoint: server.URL + "/pictures", Region: "us-east-1", AccessKeyID: "id", SecretAccessKey: "canary-secret", Prefix: "avatars/"}
	ctx := t.Context()
	if err := b.PutBlob(ctx, "k", []byte("data")); err != nil {
		t.Error(err)
	}
	if data, err := b.Blob(ctx, "k"); err != nil || string(data) != "answer" {
		t.Errorf("read %q, %v", data, err)
	}
	if err := b.DeleteBlob(ctx, "k"); err != nil {
		t.Error(err)
	}
	if got := strings.Join(seen, "|"); got != "PUT /pictures/avatars/k data|GET /pictures/avatars/k |DELETE /pictures/avatars/k " {
		t.Errorf("sent %s", got)
	}
	status = http.StatusNotFound
	if _, err := b.Blob(ctx, "k"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a missing file: %v", err)
	}
	if err := b.DeleteBlob(ctx, "k"); err != nil {
		t.Errorf("a file that is gone: %v", err)
	}
	for _, status = range []int{http.StatusForbidden, http.StatusInternalServerError, http.StatusFound} {
		if err := b.PutBlob(ctx, "k", nil); err == nil || errors.Is(err, store.ErrNotFound) {
			t.Errorf("%d: %v", status, err)
		}
	}
	server.Close()
	if err := b.PutBlob(ctx, "k", nil); err == nil || strings.Contains(err.Error(), "X-Amz") || strings.Contains(err.Error(), "canary") {
		t.Errorf("a server that is down: %v", err)
	}
}
