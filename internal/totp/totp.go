// Package totp makes and reads time-based one-time passwords (RFC 6238) as
// authenticator apps show them: HMAC-SHA-1, six digits, thirty seconds. Apps that
// ignore the parameters of an otpauth URI use these, so there are no others here.
// It knows no account and keeps nothing: who may use a step, and how often, is
// decided above.
package totp

import (
	"bytes"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base32"
	"fmt"
	"image/png"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/boombuler/barcode"
	"github.com/boombuler/barcode/qr"
	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
)

const (
	// SecretBytes is the length of a secret: that of the output of SHA-1, as RFC
	// 4226, section 4, recommends.
	SecretBytes = 20
	// Period is how long one code is shown.
	Period = 30 * time.Second
	// Drift is how many steps a clock may be behind or ahead.
	Drift = 1

	// longestLabel bounds the issuer and the account in a URI, in bytes before they
	// are escaped. A longer text makes a QR code that telephones do not read.
	longestLabel = 96
	// moduleSize is how many pixels a module of the QR code has on each side.
	moduleSize = 6
	// quietZone is the white border of a QR code, in modules (ISO/IEC 18004).
	quietZone = 4
)

// NewSecret makes a secret.
func NewSecret() ([]byte, error) {
	secret := make([]byte, SecretBytes)
	_, err := rand.Read(secret)
	return secret, err
}

// Text is a secret as people type it into an app: base32 (RFC 4648) without
// padding.
func Text(secret []byte) string {
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(secret)
}

// Step is the number of the period that a time lies in.
func Step(now time.Time) int64 { return max(0, now.Unix()) / int64(Period/time.Second) }

// Code is the code of a step.
func Code(secret []byte, step int64) (string, error) {
	return hotp.GenerateCodeCustom(Text(secret), uint64(max(0, step)), hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
}

// Search finds the step whose code was given, among the one that now lies in and
// Drift steps on either side. It takes the same time whichever step it is, and
// where a code belongs to two steps it answers the later one, so that neither is
// left to be used. It answers false where the code belongs to none.
func Search(secret []byte, code string, now time.Time) (step int64, ok bool, err error) {
	found := int64(-1)
	at := Step(now)
	for candidate := at - Drift; candidate <= at+Drift; candidate++ {
		if candidate < 0 {
			continue
		}
		want, err := Code(secret, candidate)
		if err != nil {
			return 0, false, err
		}
		if subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 {
			found = candidate
		}
	}
	return max(0, found), found >= 0, nil
}

// URI is the otpauth URI of a secret, as authenticator apps read it from a QR
// code. Issuer and account are what the app shows. A colon in them would be taken
// for the one between the two, so it becomes a blank; everything that is not a
// letter, a digit or one of "-._~" is written as its bytes in percent encoding
// (RFC 3986), a blank as %20, since apps take a plus sign as it is.
func URI(issuer, account string, secret []byte) string {
	issuer, account = label(issuer), label(account)
	return "otpauth://totp/" + escape(issuer) + ":" + escape(account) + "?secret=" + Text(secret) + "&issuer=" + escape(issuer) +
		"&algorithm=SHA1&digits=6&period=" + strconv.Itoa(int(Period/time.Second))
}

// label makes a text fit to be shown in an app: valid UTF-8 without colons and
// control characters, not longer than longestLabel.
func label(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case r == ':', unicode.IsSpace(r):
			return ' '
		case r == unicode.ReplacementChar, !unicode.IsPrint(r):
			return -1
		}
		return r
	}, text)
	text = strings.Join(strings.Fields(text), " ")
	for len(text) > longestLabel {
		_, size := utf8.DecodeLastRuneInString(text)
		text = text[:len(text)-size]
	}
	return strings.TrimSpace(text)
}

func escape(text string) string {
	const hex = "0123456789ABCDEF"
	var out strings.Builder
	for i := range len(text) {
		b := text[i]
		switch {
		case b >= 'a' && b <= 'z', b >= 'A' && b <= 'Z', b >= '0' && b <= '9', strings.IndexByte("-._~", b) >= 0:
			out.WriteByte(b)
		default:
			out.WriteByte('%')
			out.WriteByte(hex[b>>4])
			out.WriteByte(hex[b&15])
		}
	}
	return out.String()
}

// PNG draws the QR code of a text (ISO/IEC 18004, error correction level M), with
// the white border that readers need.
func PNG(text string) ([]byte, error) {
	code, err := encode(text)
	if err != nil {
		return nil, err
	}
	picture := image(code)
	var out bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestSpeed}
	if err := encoder.Encode(&out, picture); err != nil {
		return nil, fmt.Errorf("draw a QR code: %w", err)
	}
	return out.Bytes(), nil
}

// SVG draws the same as a document of its own, which stays sharp at any size.
func SVG(text string) (string, error) {
	code, err := encode(text)
	if err != nil {
		return "", err
	}
	size := code.Bounds().Dx()
	var path strings.Builder
	for y := range size {
		for x := range size {
			if dark(code, x, y) {
				fmt.Fprintf(&path, "M%d %dh1v1h-1z", x+quietZone, y+quietZone)
			}
		}
	}
	whole := size + 2*quietZone
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" shape-rendering="crispEdges">`+
		`<rect width="%d" height="%d" fill="#fff"/><path d="%s" fill="#000"/></svg>`, whole, whole, whole, whole, path.String()), nil
}

func encode(text string) (barcode.Barcode, error) {
	code, err := qr.Encode(text, qr.M, qr.Auto)
	if err != nil {
		return nil, fmt.Errorf("make a QR code: %w", err)
	}
	return code, nil
}
