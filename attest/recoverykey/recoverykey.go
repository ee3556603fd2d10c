// Package recoverykey verifies a statement signed with a key that its owner keeps offline, on paper or in a file.
//
// The key pair is made on the owner's side; the gateway knows the public key alone, as a JWK, or by a DID that is itself the key. The proof
// is carried by hand, so whoever has the claimant sign a statement of another's recovery gets in with it: it never counts
// as resistant to relays, and its maker is shown what the statement says (the program's command proof).
package recoverykey

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/strongkey"
	"github.com/regrant/regrant/internal/strictjson"
)

// Format is [attest.MethodRecoveryKey].
type Format struct{}

var _ attest.Enroller = (*Format)(nil)

// New makes the format. There is nothing to configure.
func New() *Format { return &Format{} }

// Method is [attest.MethodRecoveryKey].
func (f *Format) Method() attest.Method { return attest.MethodRecoveryKey }

// Locate returns the [Key.Handle] of the key that is said to have signed. Nothing is verified.
func (f *Format) Locate(body []byte, _ string) ([]byte, error) {
	ev, err := parseEvidence(body)
	if err != nil {
		return nil, err
	}
	return ev.key.Handle(), nil
}

// Verify checks the signature with the key and the algorithm that are bound. Where none is, a decoy takes their place, and the
// proof is refused.
func (f *Format) Verify(in attest.Input) (attest.Claims, error) {
	ev, err := parseEvidence(in.Body)
	if err != nil {
		return attest.Claims{}, err
	}
	key, algorithm, err := enrolled(in.Bound, ev)
	if err != nil {
		return attest.Claims{}, err
	}
	err = key.Verify(algorithm, in.Challenge, ev.signature)
	switch { // only now: until here everything takes the same time
	case in.Bound.Reference == nil:
		return attest.Claims{}, attest.Refuse(attest.ReasonIdentity, "no such key is bound")
	case ev.algorithm != algorithm:
		return attest.Claims{}, attest.Refuse(attest.ReasonKey, "signature is not %s, with which the key was enrolled", algorithm)
	case err != nil:
		return attest.Claims{}, err
	}
	return attest.Claims{Handle: key.Handle()}, nil
}

// reference is what is stored of a key.
type reference struct {
	Algorithm string         `json:"algorithm"`
	PublicKey jsontext.Value `json:"public_key"`
}

func (k *Key) reference(algorithm string) ([]byte, error) {
	return json.Marshal(reference{algorithm, k.JWK()})
}

// enrolled reads the bound key, or makes a decoy for ev.
func enrolled(bound attest.Binding, ev *evidence) (*Key, string, error) {
	if bound.Reference == nil {
		key, err := decoy(ev)
		return key, ev.algorithm, err
	}
	var stored reference
	if err := strictjson.Decode(bound.Reference, &stored); err != nil {
		return nil, "", err // our own record: nothing can be told
	}
	key, err := ParseJWK(stored.PublicKey)
	return key, stored.Algorithm, err
}

// decoys says which key stands in for each algorithm.
var decoys = map[string]string{
	"Ed25519": strongkey.Ed25519, "ES256": strongkey.P256, "ES384": strongkey.P384, "ES512": strongkey.P521,
	"PS256": strongkey.RSA, "RS256": strongkey.RSA,
}

// decoy makes a key with which verifying takes as long as with one of the algorithm that is named.
func decoy(ev *evidence) (*Key, error) {
	kind, known := decoys[ev.algorithm]
	if !known {
		return nil, attest.Refuse(attest.ReasonUnsupported, "unknown signature algorithm")
	}
	return NewKey(strongkey.Decoy(kind, len(ev.signature)))
}
