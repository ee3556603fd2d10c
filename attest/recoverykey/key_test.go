package recoverykey_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"math/big"
	"testing"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/recoverykey"
)

const challenge = "regrant recovery proof v1\n…\n"

// pair is a key pair with one of its algorithms.
type pair struct {
	private   crypto.Signer
	public    *recoverykey.Key
	algorithm string
}

func newPair(t testing.TB, algorithm string) *pair {
	t.Helper()
	var private crypto.Signer
	var err error
	switch algorithm {
	case "Ed25519":
		_, private, err = ed25519.GenerateKey(rand.Reader)
	case "ES256":
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "ES384":
		private, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "ES512":
		private, err = ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	default:
		private, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil {
		t.Fatal(err)
	}
	public, err := recoverykey.NewKey(private.Public())
	if err != nil {
		t.Fatal(err)
	}
	return &pair{private, public, algorithm}
}

// sign signs as the algorithm says.
func (p *pair) sign(message string) []byte {
	hash := map[string]crypto.Hash{"ES384": crypto.SHA384, "ES512": crypto.SHA512, "Ed25519": 0}
	h, other := hash[p.algorithm]
	if !other {
		h = crypto.SHA256
	}
	data, options := []byte(message), crypto.SignerOpts(h)
	if h != 0 {
		w := h.New()
		w.Write(data)
		data = w.Sum(nil)
	}
	if p.algorithm == "PS256" {
		options = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: h}
	}
	if key, ok := p.private.(*ecdsa.PrivateKey); ok {
		r, s, err := ecdsa.Sign(rand.Reader, key, data)
		if err != nil {
			panic(err)
		}
		return fixed(key.Curve, r, s)
	}
	sig, err := p.private.Sign(rand.Reader, data, options)
	if err != nil {
		panic(err) // a key made here signs with the algorithm chosen here
	}
	return sig
}

func fixed(curve elliptic.Curve, r, s *big.Int) []byte {
	half := (curve.Params().BitSize + 7) / 8
	return append(r.FillBytes(make([]byte, half)), s.FillBytes(make([]byte, half))...)
}

var algorithms = []string{"Ed25519", "ES256", "ES384", "ES512", "PS256", "RS256"}

func refused(t *testing.T, err error, reason attest.Reason) {
	t.Helper()
	if e, ok := errors.AsType[*attest.Error](err); !ok || e.Reason != reason {
		t.Errorf("error is %v, not a refusal for reason %s", err, reason)
	}
}

func TestEachAlgorithmVerifiesAndOnlyWithItsOwnKey(t *testing.T) {
	own := map[string][]string{"PS256": {"PS256", "RS256"}, "RS256": {"PS256", "RS256"}}
	for _, made := range algorithms {
		p := newPair(t, made)
		sig := p.sign(challenge)
		if err := p.public.Verify(made, []byte(challenge), sig); err != nil {
			t.Errorf("%s: %v", made, err)
		}
		for _, named := range algorithms {
			switch {
			case named == made:
			case len(own[made]) != 0 && (named == "PS256" || named == "RS256"): // both are algorithms of the key
				refused(t, p.public.Verify(named, []byte(challenge), sig), attest.ReasonSignature)
			default:
				refused(t, p.public.Verify(named, []byte(challenge), sig), attest.ReasonKey)
			}
		}
	}
}

func TestUnknownAlgorithmsAreRefused(t *testing.T) {
	p := newPair(t, "Ed25519")
	for _, name := range []string{"", "none", "EdDSA", "ed25519", "HS256", "ES256K", "PS384"} {
		refused(t, p.public.Verify(name, []byte(challenge), p.sign(challenge)), attest.ReasonUnsupported)
	}
}

func TestOtherMessageOrSignatureIsRefused(t *testing.T) {
	for _, algorithm := range algorithms {
		p := newPair(t, algorithm)
		sig := p.sign(challenge)
		refused(t, p.public.Verify(algorithm, []byte(challenge+"\n"), sig), attest.ReasonSignature)
		refused(t, p.public.Verify(algorithm, nil, p.sign("")), attest.ReasonChallenge)
		refused(t, newPair(t, algorithm).public.Verify(algorithm, []byte(challenge), sig), attest.ReasonSignature)
		for name, bad := range map[string][]byte{
			"nothing": nil, "one byte less": sig[1:], "one byte more": append([]byte{0}, sig...), "byte behind": append(sig[:len(sig):len(sig)], 0),
			"zeros": make([]byte, len(sig)), "changed": append([]byte{sig[0] ^ 1}, sig[1:]...),
		} {
			if err := p.public.Verify(algorithm, []byte(challenge), bad); err == nil {
				t.Errorf("%s: %s verifies", algorithm, name)
			}
		}
	}
}

// DER is the form of X.509; a verifier that took both would take one signature for two.
func TestECDSAIsNotTakenInDER(t *testing.T) {
	p := newPair(t, "ES256")
	sum := sha256.Sum256([]byte(challenge))
	der, err := p.private.Sign(rand.Reader, sum[:], crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	refused(t, p.public.Verify("ES256", []byte(challenge), der), attest.ReasonSignature)
}

func TestSaltOfPSSIsAsLongAsTheHash(t *testing.T) {
	p := newPair(t, "PS256")
	sum := sha256.Sum256([]byte(challenge))
	for _, salt := range []int{20, 31, 33, 64, rsa.PSSSaltLengthAuto} {
		sig, err := p.private.Sign(rand.Reader, sum[:], &rsa.PSSOptions{SaltLength: salt, Hash: crypto.SHA256})
		if err != nil {
			t.Fatal(err)
		}
		refused(t, p.public.Verify("PS256", []byte(challenge), sig), attest.ReasonSignature)
	}
}
