package totp

import (
	"bytes"
	"encoding/xml"
	"image/png"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// The test vectors of RFC 6238, appendix B, for SHA-1, in six digits.
func TestCodesAreThoseOfRFC6238(t *testing.T) {
	secret := []byte("12345678901234567890")
	for at, want := range map[int64]string{59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037", 20000000000: "353130"} {
		now := time.Unix(at, 0)
		if code, err := Code(secret, Step(now)); err != nil || code != want {
			t.Errorf("at %d the code is %s, %v, want %s", at, code, err, want)
		}
		if step, ok, err := Search(secret, want, now); err != nil || !ok || step != Step(now) {
			t.Errorf("at %d the code belongs to step %d, %v, %v", at, step, ok, err)
		}
	}
}

// MF-03: one step of drift each way, and no more.
func TestMF03_TheWindowIsOneStepEachWay(t *testing.T) {
	secret, err := NewSecret()
	if err != nil || len(secret) != SecretBytes || len(Text(secret)) != 32 {
		t.Fatalf("a secret of %d bytes, %v", len(secret), err)
	}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for off := int64(-3); off <= 3; off++ {
		code, err := Code(secret, Step(now)+off)
		if err != nil {
			t.Fatal(err)
		}
		step, ok, err := Search(secret, code, now)
		if err != nil || ok != (off >= -1 && off <= 1) || ok && step != Step(now)+off {
			t.Errorf("a code %d steps away gave step %d, %v, %v", off, step-Step(now), ok, err)
		}
	}
	for _, junk := range []string{"", "12345", "1234567", "abcdef", "１２３４５６", " 12345"} {
		if _, ok, err := Search(secret, junk, now); ok || err != nil {
			t.Errorf("%q was taken, %v", junk, err)
		}
	}
	if _, _, err := Search(secret, "123456", time.Unix(-100, 0)); err != nil {
		t.Error(err)
	}
}

// A code that belongs to two steps counts as the later one.
func TestACodeOfTwoStepsCountsAsTheLater(t *testing.T) {
	// Found by search: the steps 0 and 1 of this secret have one code.
	for n := range uint32(5_000_000) {
		secret := []byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n), 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20}
		first, err := Code(secret, 100)
		if err != nil {
			t.Fatal(err)
		}
		if second, _ := Code(secret, 101); first != second {
			continue
		}
		if step, ok, err := Search(secret, first, time.Unix(100*30, 0)); err != nil || !ok || step != 101 {
			t.Errorf("the code of the steps 100 and 101 gave %d, %v, %v", step, ok, err)
		}
		return
	}
	t.Error("no secret was found")
}

func TestTheURIIsReadAsItWasMeant(t *testing.T) {
	secret := []byte("12345678901234567890")
	const text = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
	for _, c := range []struct{ issuer, account, want string }{
		{"Example", "ann@example.com", "otpauth://totp/Example:ann%40example.com?secret=" + text + "&issuer=Example&algorithm=SHA1&digits=6&period=30"},
		{"Acme & Söhne", "ann@x.test", "otpauth://totp/Acme%20%26%20S%C3%B6hne:ann%40x.test?secret=" + text + "&issuer=Acme%20%26%20S%C3%B6hne&algorithm=SHA1&digits=6&period=30"},
		{"App&secret=AAAAAAAA", "a@x.test", "otpauth://totp/App%26secret%3DAAAAAAAA:a%40x.test?secret=" + text + "&issuer=App%26secret%3DAAAAAAAA&algorithm=SHA1&digits=6&period=30"},
		{"localhost:8080", "a:b@x.test", "otpauth://totp/localhost%208080:a%20b%40x.test?secret=" + text + "&issuer=localhost%208080&algorithm=SHA1&digits=6&period=30"},
		{"a+b\n\u202ec", "x", "otpauth://totp/a%2Bb%20c:x?secret=" + text + "&issuer=a%2Bb%20c&algorithm=SHA1&digits=6&period=30"},
	} {
		if got := URI(c.issuer, c.account, secret); got != c.want {
			t.Errorf("%q, %q:\n%s, want\n%s", c.issuer, c.account, got, c.want)
		}
	}
}

func TestQRCodesAreDrawn(t *testing.T) {
	text := URI("Example", "ann@example.com", []byte("12345678901234567890"))
	raw, err := PNG(text)
	if err != nil {
		t.Fatal(err)
	}
	picture, err := png.Decode(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	code, err := encode(text)
	if err != nil {
		t.Fatal(err)
	}
	size := code.Bounds().Dx()
	svg, err := SVG(text)
	if err != nil {
		t.Fatal(err)
	}
	if err := xml.Unmarshal([]byte(svg), new(struct{})); err != nil {
		t.Errorf("the SVG is no XML: %v", err)
	}
	if side := picture.Bounds().Dx(); side != (size+2*quietZone)*moduleSize {
		t.Errorf("the picture has %d pixels for %d modules", side, size)
	}
	for y := -quietZone; y < size+quietZone; y++ {
		for x := -quietZone; x < size+quietZone; x++ {
			want := x >= 0 && y >= 0 && x < size && y < size && dark(code, x, y)
			r, _, _, _ := picture.At((x+quietZone)*moduleSize+1, (y+quietZone)*moduleSize+1).RGBA()
			path := strings.Contains(svg, "M"+strconv.Itoa(x+quietZone)+" "+strconv.Itoa(y+quietZone)+"h1v1h-1z")
			if (r < 0x8000) != want || path != want {
				t.Fatalf("module %d, %d is dark %v in the PNG and %v in the SVG, want %v", x, y, r < 0x8000, path, want)
			}
		}
	}
	if _, err := PNG(strings.Repeat("x", 10_000)); err == nil {
		t.Error("a text that no QR code holds was drawn")
	}
	if _, err := SVG(strings.Repeat("x", 10_000)); err == nil {
		t.Error("a text that no QR code holds was drawn")
	}
}

// Whatever the names, a URI has one secret, and its two parts are told apart.
func FuzzURI(f *testing.F) {
	f.Add("Example", "ann@example.com")
	f.Add("A:B&secret=AAAA#x?y", "a b:c/d%20\x00\xff")
	f.Fuzz(func(t *testing.T, issuer, account string) {
		secret := []byte("12345678901234567890")
		text := URI(issuer, account, secret)
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		query, err := url.ParseQuery(u.RawQuery)
		if err != nil {
			t.Fatal(err)
		}
		if u.Scheme != "otpauth" || u.Host != "totp" || u.Fragment != "" || len(query["secret"]) != 1 || query.Get("secret") != Text(secret) ||
			len(query) != 5 || strings.Count(u.Path, ":") != 1 || !utf8.ValidString(u.Path) || strings.ContainsAny(text, " +") {
			t.Errorf("%q, %q gave %s", issuer, account, text)
		}
		if shown, _, _ := strings.Cut(strings.TrimPrefix(u.Path, "/"), ":"); shown != query.Get("issuer") {
			t.Errorf("the issuer is %q in the path and %q in the query", shown, query.Get("issuer"))
		}
		if _, err := encode(text); err != nil {
			t.Errorf("%d bytes: %v", len(text), err)
		}
	})
}
