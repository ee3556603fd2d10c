// Package compact reads a JWS in its compact serialization (RFC 7515 section 7.1) strictly: one reading, which no other
// reader can differ from.
package compact

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// MaxSize bounds a token, in bytes, and with it the work that it can cause before its signature is known to be good.
const MaxSize = 8 << 10

// A JWS is a token taken apart and not yet verified.
type JWS struct {
	Header, Payload []byte
	text            string
}

// Split takes a token apart: three parts in base64url, each in its one spelling.
func Split(token string) (JWS, error) {
	if len(token) > MaxSize {
		return JWS{}, fmt.Errorf("%d bytes", len(token))
	}
	encoded := strings.Split(token, ".")
	if len(encoded) != 3 {
		return JWS{}, errors.New("not a compact JWS")
	}
	parts := make([][]byte, len(encoded))
	for i, part := range encoded {
		raw, err := Decode(part)
		if err != nil || len(raw) == 0 {
			return JWS{}, fmt.Errorf("part %d is not base64url", i)
		}
		parts[i] = raw
	}
	return JWS{Header: parts[0], Payload: parts[1], text: token}, nil
}

// Decode reads bytes from their one base64url form. The decoder of the standard library, and with it go-jose, also skips
// line breaks and ignores trailing bits.
func Decode(text string) ([]byte, error) {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || base64.RawURLEncoding.EncodeToString(raw) != text {
		return nil, errors.New("not base64url without padding")
	}
	return raw, nil
}

// ErrSignature says that a token is not what the key signed.
var ErrSignature = errors.New("the signature does not hold")

// Verify checks the signature by the one algorithm that the key is for. What the token's header asks for is no argument.
func (j JWS) Verify(algorithm jose.SignatureAlgorithm, key any) error {
	signed, err := jose.ParseSignedCompact(j.text, []jose.SignatureAlgorithm{algorithm})
	if err != nil {
		return ErrSignature
	}
	if _, err := signed.Verify(key); err != nil {
		return ErrSignature
	}
	return nil
}
