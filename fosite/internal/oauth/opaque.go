package oauth

import (
	"context"
	"encoding/base64"
	"strings"

	oryfosite "github.com/ory/fosite"
	oryoauth2 "github.com/ory/fosite/handler/oauth2"
	oryhmac "github.com/ory/fosite/token/hmac"
)

// Opaque makes and checks a server's opaque tokens and codes: 256 random bits, a dot, their HMAC-SHA-512/256.
// The part after the dot is the signature under which a store keeps what the token stands for; it does not reveal
// the token.
type Opaque struct {
	*oryoauth2.HMACSHAStrategyUnPrefixed
}

// NewOpaque returns the opaque tokens of a server with config's GlobalSecret.
func NewOpaque(config *oryfosite.Config) Opaque {
	return Opaque{oryoauth2.NewHMACSHAStrategyUnPrefixed(&oryhmac.HMACStrategy{Config: config}, config)}
}

// Signature returns the signature of a token of this server, so that a guess never reaches a store. Whether the token
// still opens anything is for the store to say.
func (o Opaque) Signature(ctx context.Context, token string) (string, bool) {
	random, signature, _ := strings.Cut(token, ".")
	if !canonical(random) || !canonical(signature) || o.Enigma.Validate(ctx, token) != nil {
		return "", false
	}
	return signature, true
}

// canonical reports whether part is the one spelling of 32 bytes in base64url. The decoder that fosite uses skips line
// breaks and ignores trailing bits, so that one token would have many spellings.
func canonical(part string) bool {
	raw, err := base64.RawURLEncoding.DecodeString(part)
	return err == nil && len(raw) == 32 && base64.RawURLEncoding.EncodeToString(raw) == part
}
