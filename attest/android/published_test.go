package android

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"io"
	"testing"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/attest/certpath"
)

// publicOnly is a key whose private half is elsewhere.
type publicOnly struct{ crypto.PublicKey }

func (k publicOnly) Public() crypto.PublicKey                                { return k.PublicKey }
func (publicOnly) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) { panic("no private key") }

func TestKeysThatEverybodyHasAreKnown(t *testing.T) {
	ca := attesttest.NewCA(t)
	for name, point := range map[string]string{
		"root":     "04ee5d5ec7e1c0db6d03a67ee6b61bec4d6a5d6a682e0fff7f490e7d771f44226dbdb1affa16cbc7adc577d2569caab7b02d54015d3e432b2a8ed74eec487541a4",
		"below it": "04eb9e79f8426359accb2a914c8986cc70ad90669382a9732613feaccbf821274c2174974a2afea5b94d7f66d4e065106635bc53b7a0a3a671583edb3e11ae1014",
	} {
		raw, err := hex.DecodeString(point)
		if err != nil {
			t.Fatal(err)
		}
		key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), raw)
		if err != nil {
			t.Fatal(err)
		}
		c, err := certpath.New(ca.IntermediateWithKey(t, publicOnly{key}, nil).Certificate)
		if err != nil || !isPublished(c) {
			t.Errorf("%s: not known, %v", name, err)
		}
	}
	if c, err := certpath.New(ca.Certificate); err != nil || isPublished(c) {
		t.Errorf("a fresh key is taken for one that is published, %v", err)
	}
}

// Whoever configures a published key as a root must not be attested to by everybody.
func TestChainWithAPublishedKeyIsRefused(t *testing.T) {
	challenge := []byte("challenge")
	phone := attesttest.NewFactory(t, nil)
	leaf := phone.AndroidKey(t, attesttest.NewKeyDescription(300, challenge), nil)
	chain := certpath.NewAll([]*x509.Certificate{
		leaf.Certificate, phone.Key.Certificate, phone.Intermediate.Certificate, phone.Root.Certificate,
	})
	p := Policy{Roots: chain[3:], Now: attesttest.NotBefore, Status: &Status{}}
	if _, err := p.Verify(chain, challenge); err != nil {
		t.Fatal(err)
	}
	known := published
	defer func() { published = known }()
	for _, c := range chain {
		spki := c.SPKI()
		published = []string{hex.EncodeToString(spki[:])}
		_, err := p.Verify(chain, challenge)
		if refused, ok := errors.AsType[*attest.Error](err); !ok || refused.Reason != attest.ReasonUntrusted {
			t.Errorf("error %v, %v's key is published", err, c.X509.Subject)
		}
	}
}
