// Package secret judges what a person shows to have: one of the recovery codes that were printed, or a passphrase.
//
// A recovery code is a selector of 45 bits and a verifier of 130: 35 symbols, in seven groups with a check character each. The
// selector finds the code and is no secret. With ten million codes stored, one new set in 350,000 meets one of them; the store
// refuses it, its owner keeps what he had, and asks again. The verifier alone is what has to be known. It has more than the 112 bits from which on SP
// 800-63B-4 section 3.1.2.2 asks for no password hash, so nobody can make the gateway compute one by sending codes.
//
// A passphrase has whatever strength a person gave it. It is hashed with Argon2id, and judged only for an account that another proof
// of the same recovery has found.
//
// What is stored of either is salted and goes through a hash keyed with a key that is not beside it in the store. A copy of the
// store lets nobody try guesses. None of these proofs is bound to the statement by a signature: they are bound by the request in
// which they come.
package secret

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/strictjson"
)

const saltSize = 16 // bytes; RFC 9106 section 3.1, and above the 32 bits of SP 800-63B-4 section 3.1.1.2

// KeyedHash is HMAC-SHA-256 over parts, written so that no two lists of parts are the same input. Its key is kept apart from what
// it hashes (SP 800-63B-4 section 3.1.1.2).
type KeyedHash func(parts ...[]byte) []byte

// sum hashes parts for one use. Without a key there is no hash, and two hashes that are not there would be equal.
func (h KeyedHash) sum(use string, parts ...[]byte) ([]byte, error) {
	if h == nil {
		return nil, errors.New("stored secrets have no key")
	}
	sum := h(append([][]byte{[]byte(use)}, parts...)...)
	if len(sum) != sha256.Size {
		return nil, errors.New("the key of stored secrets gives no hash")
	}
	return sum, nil
}

// draw reads n bytes of randomness. It fails closed: a source that gives too little gives nothing.
func draw(random io.Reader, n int) ([]byte, error) {
	if random == nil {
		return nil, errors.New("no source of randomness")
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(random, b); err != nil {
		return nil, fmt.Errorf("reading randomness: %w", err)
	}
	return b, nil
}

// decode reads a body of at most most bytes. The bound comes first, so that nothing is spent on what is too large.
func decode(body []byte, most int, into any) error {
	if len(body) > most {
		return attest.Refuse(attest.ReasonMalformed, "more than %d bytes", most)
	}
	if err := strictjson.Decode(body, into); err != nil {
		return attest.Refuse(attest.ReasonMalformed, "%v", err)
	}
	return nil
}
