package keys

import (
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"

	"github.com/regrant/regrant/storage"
)

// Box seals short messages that somebody else carries for us. It is safe for concurrent use.
type Box struct {
	keys func() []cipher.AEAD // the first seals, all open
}

func boxAEAD(material []byte) cipher.AEAD { return newAEAD(derive(material, "regrant box")) }

// Seal encrypts plaintext and authenticates it together with associated, which is not carried and must be the same
// on opening. The result is base64url without padding.
func (b *Box) Seal(plaintext, associated []byte) string {
	return base64.RawURLEncoding.EncodeToString(seal(b.keys()[0], plaintext, associated))
}

// Open is the inverse of [Box.Seal]. Every error means the same: this is not what Seal made for that associated data.
func (b *Box) Open(sealed string, associated []byte) ([]byte, error) {
	raw, err := base64.RawURLEncoding.DecodeString(sealed)
	// Encoding it again refuses what the decoder forgives (line breaks, stray bits): one message has one text.
	if err != nil || base64.RawURLEncoding.EncodeToString(raw) != sealed {
		return nil, errSealed
	}
	for _, key := range b.keys() {
		if plain, err := open(key, raw, associated); err == nil {
			return plain, nil
		}
	}
	return nil, errSealed
}

// sealer appends HMAC-SHA-256 over key and value to a value, so that whoever can write the database but lacks the
// secret can neither make a record nor move one to another key.
type sealer struct{ key []byte }

var errAltered = errors.New("record altered or moved: its MAC does not fit")

func (s *sealer) Seal(key, value []byte) []byte {
	sealed := make([]byte, 0, len(value)+sha256.Size)
	return append(append(sealed, value...), mac(s.key, key, value)...)
}

func (s *sealer) Open(key, sealed []byte) ([]byte, error) {
	if len(sealed) < sha256.Size {
		return nil, errAltered
	}
	value, tag := sealed[:len(sealed)-sha256.Size], sealed[len(sealed)-sha256.Size:]
	if !hmac.Equal(tag, mac(s.key, key, value)) {
		return nil, errAltered
	}
	return value, nil
}

var _ storage.Sealer = (*sealer)(nil)
