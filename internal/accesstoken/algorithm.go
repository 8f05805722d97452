package accesstoken

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"

	"github.com/golang-jwt/jwt/v5"
)

// algorithm is one way to sign (RFC 7518, RFC 8037).
type algorithm struct {
	name   string
	method jwt.SigningMethod
	// generate makes a private key, encoded for storage. parse reads it back.
	generate func() ([]byte, error)
	parse    func([]byte) (private, public any, err error)
}

// algorithms are all supported algorithms. Keys of other algorithms are never
// made or used.
var algorithms = map[string]algorithm{
	"ES256": {"ES256", jwt.SigningMethodES256, func() ([]byte, error) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		return pkcs8(key, err)
	}, parsePKCS8},
	"EdDSA": {"EdDSA", jwt.SigningMethodEdDSA, func() ([]byte, error) {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return pkcs8(key, err)
	}, parsePKCS8},
	"RS256": {"RS256", jwt.SigningMethodRS256, func() ([]byte, error) {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		return pkcs8(key, err)
	}, parsePKCS8},
	"HS256": {"HS256", jwt.SigningMethodHS256, func() ([]byte, error) {
		key := make([]byte, 32)
		_, err := rand.Read(key)
		return key, err
	}, func(raw []byte) (private, public any, err error) {
		if len(raw) < 32 {
			return nil, nil, errors.New("an HMAC key must have at least 32 bytes")
		}
		return raw, raw, nil
	}},
}

func pkcs8(key any, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	return x509.MarshalPKCS8PrivateKey(key)
}

func parsePKCS8(raw []byte) (private, public any, err error) {
	private, err = x509.ParsePKCS8PrivateKey(raw)
	if err != nil {
		return nil, nil, err
	}
	switch key := private.(type) {
	case *ecdsa.PrivateKey:
		return key, &key.PublicKey, nil
	case ed25519.PrivateKey:
		return key, key.Public(), nil
	case *rsa.PrivateKey:
		return key, &key.PublicKey, nil
	}
	return nil, nil, fmt.Errorf("a key of type %T cannot sign tokens", private)
}

// Supports reports whether an algorithm is supported: ES256, EdDSA, RS256 or
// HS256.
func Supports(name string) bool {
	_, ok := algorithms[name]
	return ok
}

// jwk returns the public key in the form of RFC 7517, or nil for a key without
// a public part.
func (k *Key) jwk() map[string]string {
	field := base64.RawURLEncoding.EncodeToString
	fields := map[string]string{"kid": k.record.ID, "alg": k.algorithm.name, "use": "sig"}
	switch public := k.public.(type) {
	case *ecdsa.PublicKey:
		point, err := public.Bytes() // 0x04, x, y
		if err != nil {
			return nil
		}
		fields["kty"], fields["crv"], fields["x"], fields["y"] = "EC", "P-256", field(point[1:33]), field(point[33:])
	case ed25519.PublicKey:
		fields["kty"], fields["crv"], fields["x"] = "OKP", "Ed25519", field(public)
	case *rsa.PublicKey:
		fields["kty"], fields["n"], fields["e"] = "RSA", field(public.N.Bytes()), field(big.NewInt(int64(public.E)).Bytes())
	default:
		return nil
	}
	return fields
}
