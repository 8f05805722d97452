package outbound

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"
)

func ask(t *testing.T, c *Client, address string) (Answer, error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c.Do(request)
}

func TestIO07_AddressesOfPrivateNetworksAreRefused(t *testing.T) {
	for address, want := range map[string]struct{ none, loopback, private bool }{
		"93.184.216.34": {true, true, true}, "2606:2800:220:1::1": {true, true, true},
		"127.0.0.1": {false, true, false}, "127.9.9.9": {false, true, false}, "::1": {false, true, false}, "::ffff:127.0.0.1": {false, true, false}, "::ffff:100.64.0.1": {false, false, true}, "::ffff:198.18.0.1": {},
		"10.0.0.1": {false, false, true}, "192.168.1.1": {false, false, true}, "172.16.0.1": {false, false, true}, "fd00::1": {false, false, true}, "100.64.0.1": {false, false, true},
		"169.254.169.254": {}, "fe80::1": {}, "0.0.0.0": {}, "::": {}, "224.0.0.1": {}, "ff02::1": {}, "255.255.255.255": {},
		"64:ff9b::7f00:1": {}, "2002:7f00:1::": {}, "::127.0.0.1": {}, "198.18.0.1": {}, "240.0.0.1": {}, "fec0::1": {},
	} {
		for options, allowed := range map[Options]bool{{}: want.none, {AllowLoopback: true}: want.none || want.loopback, {AllowPrivate: true}: want.none || want.private} {
			at := netip.AddrPortFrom(netip.MustParseAddr(address), 443).String()
			if err := options.check(at); (err == nil) != allowed {
				t.Errorf("%+v: %s is refused by %v", options, at, err)
			}
		}
	}
}

func TestIO07_TheAddressIsCheckedWhenItIsDialled(t *testing.T) {
	called := false
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called = true }))
	defer server.Close()
	// A name tells nothing before it is looked up.
	if _, err := ask(t, New(Options{}), strings.Replace(server.URL, "127.0.0.1", "localhost", 1)); !errors.Is(err, ErrAddress) || called {
		t.Errorf("a name that leads to loopback: %v", err)
	}
}

func TestOnlyLoopbackIsAskedWithoutTLS(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(r.Header.Get("Accept") + " " + r.Header.Get("User-Agent")))
	}))
	defer server.Close()
	if _, err := ask(t, New(Options{}), server.URL); !errors.Is(err, ErrScheme) {
		t.Errorf("http: %v", err)
	}
	client := New(Options{AllowLoopback: true})
	defer client.CloseIdle()
	if answer, err := ask(t, client, server.URL); err != nil || string(answer.Body) != "application/json admit" {
		t.Errorf("loopback: %s %v", answer.Body, err)
	}
	for address, want := range map[string]error{
		"http://example.com/": ErrScheme, "ftp://127.0.0.1/": ErrScheme, "file:///etc/passwd": ErrAddress, "https://a:b@example.com/": ErrAddress,
		"https://10.0.0.1/": ErrAddress, "https://[fe80::1%25eth0]/": ErrAddress, "https://example.com/": nil, "http://127.0.0.1.example.com/": ErrScheme,
	} {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		if err := (Options{AllowLoopback: true}).Allowed(u); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", address, err, want)
		}
	}
}

func TestNoProxyAndNoRedirect(t *testing.T) {
	elsewhere := false
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere = true }))
	defer other.Close()
	server := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	defer server.Close()
	t.Setenv("HTTP_PROXY", other.URL)
	t.Setenv("http_proxy", other.URL)
	client := New(Options{AllowLoopback: true})
	defer client.CloseIdle()
	if client.transport.Proxy != nil {
		t.Error("the client takes a proxy from the environment")
	}
	if answer, err := ask(t, client, server.URL); err != nil || answer.Status != http.StatusTemporaryRedirect || elsewhere {
		t.Errorf("a redirect: %d %v, followed %v", answer.Status, err, elsewhere)
	}
}

func TestABodyIsReadWholeOrNotAtAll(t *testing.T) {
	body := []byte{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/gzip" {
			w.Header().Set("Content-Encoding", "gzip")
			zip := gzip.NewWriter(w)
			_, _ = zip.Write(make([]byte, 10<<20))
			_ = zip.Close()
			return
		}
		_, _ = w.Write(body)
	}))
	defer server.Close()
	client := New(Options{AllowLoopback: true})
	defer client.CloseIdle()
	for size, want := range map[int]error{0: nil, 1: nil, MaxBytes: nil, MaxBytes + 1: ErrTooLarge, 10 << 20: ErrTooLarge} {
		body = bytes.Repeat([]byte("a"), size)
		answer, err := ask(t, client, server.URL)
		if !errors.Is(err, want) || err == nil && len(answer.Body) != size {
			t.Errorf("%d bytes: %d, %v", size, len(answer.Body), err)
		}
	}
	if _, err := ask(t, client, server.URL+"/gzip"); !errors.Is(err, ErrTooLarge) {
		t.Errorf("ten megabytes in a small gzip: %v", err)
	}
}

func TestACallEndsInTime(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/drip" {
			_, _ = w.Write([]byte("{"))
			_ = http.NewResponseController(w).Flush()
		}
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}))
	defer server.Close()
	defer close(release)
	client := New(Options{AllowLoopback: true, Timeout: 50 * time.Millisecond})
	defer client.CloseIdle()
	for _, path := range []string{"/hang", "/drip"} {
		if _, err := ask(t, client, server.URL+path+"?secret=s3cr3t"); err == nil || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%s: %v", path, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	request, _ := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
	if _, err := client.Do(request); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller who left: %v", err)
	}
	if New(Options{}).HTTP.Timeout != 10*time.Second {
		t.Error("the default is not ten seconds")
	}
}
