// Package s3blob keeps the pictures of people in a bucket of Amazon S3, or of
// another server with its interface, such as MinIO or Cloudflare R2. Every request
// has a signed URL (AWS Signature Version 4, in the query).
package s3blob

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/admit-go/admit/store"
)

var _ store.Blobs = (*Bucket)(nil)

// Bucket is a store.Blobs in a bucket, which must exist and should be private.
type Bucket struct {
	// Endpoint is the URL of the bucket, without a slash at its end:
	// "https://pictures.s3.eu-central-1.amazonaws.com", or
	// "http://minio:9000/pictures".
	Endpoint string
	// Region is the region in the signature, such as "eu-central-1". "us-east-1" is
	// what most other servers want.
	Region string
	// AccessKeyID and SecretAccessKey sign the requests.
	AccessKeyID, SecretAccessKey string
	// Prefix stands before each key, such as "avatars/". Default "".
	Prefix string
	// Client sends the requests. Default: a client with a time limit of 10 seconds
	// that follows no redirect.
	Client *http.Client
	// Now is the time. Default time.Now.
	Now func() time.Time
}

const (
	// signedFor is how long a signed URL is good.
	signedFor = 5 * time.Minute
	// maxBlob is the greatest size that is read, in bytes.
	maxBlob = 16 << 20
	timeout = 10 * time.Second
)

// PutBlob implements store.Blobs.
func (b *Bucket) PutBlob(ctx context.Context, key string, data []byte) error {
	_, err := b.send(ctx, http.MethodPut, key, data)
	return err
}

// Blob implements store.Blobs.
func (b *Bucket) Blob(ctx context.Context, key string) ([]byte, error) {
	return b.send(ctx, http.MethodGet, key, nil)
}

// DeleteBlob implements store.Blobs.
func (b *Bucket) DeleteBlob(ctx context.Context, key string) error {
	if _, err := b.send(ctx, http.MethodDelete, key, nil); !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return nil
}

func (b *Bucket) send(ctx context.Context, method, key string, body []byte) ([]byte, error) {
	now := time.Now
	if b.Now != nil {
		now = b.Now
	}
	target, err := b.sign(method, b.Prefix+key, now(), signedFor)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("s3blob: %w", errors.Unwrap(err)) // the URL is signed
	}
	client := b.Client
	if client == nil {
		client = &http.Client{Timeout: timeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	response, err := client.Do(request)
	if failed, ok := errors.AsType[*url.Error](err); ok {
		return nil, fmt.Errorf("s3blob: %s: %w", method, failed.Err) // the URL is signed
	}
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, maxBlob+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("s3blob: %s: %w", method, err)
	case response.StatusCode == http.StatusNotFound && reason(data) != "NoSuchBucket":
		return nil, store.ErrNotFound
	case response.StatusCode/100 != 2:
		return nil, fmt.Errorf("s3blob: %s: the server answered %d %s", method, response.StatusCode, reason(data))
	case len(data) > maxBlob:
		return nil, fmt.Errorf("s3blob: %s: the file is larger than %d bytes", method, maxBlob)
	}
	return data, nil
}

// reason returns the code of a refusal, such as "SignatureDoesNotMatch". A server
// that gives no code leaves it empty.
func reason(answer []byte) string {
	var refusal struct {
		Code string `xml:"Code"`
	}
	plain := func(c rune) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' }
	if xml.Unmarshal(answer, &refusal) != nil || len(refusal.Code) > 64 || strings.TrimFunc(refusal.Code, plain) != "" {
		return ""
	}
	return refusal.Code
}

// sign returns the URL of a request that is good for a time.
func (b *Bucket) sign(method, key string, at time.Time, life time.Duration) (string, error) {
	target, err := url.Parse(b.Endpoint)
	if err != nil || target.Host == "" {
		return "", fmt.Errorf("s3blob: the Endpoint %q is no URL", b.Endpoint)
	}
	at = at.UTC()
	path := target.EscapedPath() + "/" + escape(key, true)
	scope := strings.Join([]string{at.Format("20060102"), b.Region, "s3", "aws4_request"}, "/")
	query := strings.Join([]string{
		"X-Amz-Algorithm=AWS4-HMAC-SHA256", "X-Amz-Credential=" + escape(b.AccessKeyID+"/"+scope, false),
		"X-Amz-Date=" + at.Format("20060102T150405Z"), "X-Amz-Expires=" + strconv.Itoa(int(life.Seconds())), "X-Amz-SignedHeaders=host",
	}, "&")
	canonical := strings.Join([]string{method, path, query, "host:" + target.Host + "\n", "host", "UNSIGNED-PAYLOAD"}, "\n")
	hash := sha256.Sum256([]byte(canonical))
	text := strings.Join([]string{"AWS4-HMAC-SHA256", at.Format("20060102T150405Z"), scope, hex.EncodeToString(hash[:])}, "\n")
	signing := []byte("AWS4" + b.SecretAccessKey)
	for part := range strings.SplitSeq(scope, "/") {
		signing = mac(signing, part)
	}
	return target.Scheme + "://" + target.Host + path + "?" + query + "&X-Amz-Signature=" + hex.EncodeToString(mac(signing, text)), nil
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// escape writes every byte but letters, digits and -._~ in hexadecimal, and keeps
// slashes in a path.
func escape(text string, path bool) string {
	var out strings.Builder
	for _, c := range []byte(text) {
		switch {
		case 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z', '0' <= c && c <= '9', strings.IndexByte("-._~", c) >= 0, path && c == '/':
			out.WriteByte(c)
		default:
			fmt.Fprintf(&out, "%%%02X", c)
		}
	}
	return out.String()
}
