package tpm_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"testing"

	gotpm "github.com/google/go-tpm/tpm2"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/tpm"
	"github.com/regrant/regrant/attest/tpm/tpmtest"
)

func certified(t testing.TB, ak, key *tpmtest.Key, mutate func(*gotpm.TPMSAttest, *gotpm.TPMSCertifyInfo)) tpm.Certification {
	t.Helper()
	a := ak.Certify(key, challenge, mutate)
	return tpm.Certification{AK: ak.Area(), Key: key.Area(), Attest: a.Attest, Signature: a.Signature}
}

func TestCertifiedKeyIsNamed(t *testing.T) {
	ak, key := tpmtest.NewAK(t), tpmtest.NewApplicationKey(t)
	c := certified(t, ak, key, nil)
	for _, asked := range [][]byte{challenge, nil} {
		got, err := c.Verify(asked)
		if err != nil {
			t.Fatal(err)
		}
		der, err := x509.MarshalPKIXPublicKey(key.Private.Public())
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.Name, key.Name()) || !bytes.Equal(got.SPKI, der) || got.SPKISHA256 != sha256.Sum256(der) {
			t.Errorf("%+v", got)
		}
	}
	c.AK, c.Key = ak.Sized(), key.Sized()
	if _, err := c.Verify(challenge); err != nil {
		t.Error(err)
	}
}

// a key that was brought into the TPM, or that can leave it, is as good as one in a file.
func TestCertificationOfAKeyThatIsNotTheTPMsOwnIsRefused(t *testing.T) {
	for name, mutate := range map[string]func(*gotpm.TPMAObject){
		"fixedTPM":            func(a *gotpm.TPMAObject) { a.FixedTPM = false },
		"fixedParent":         func(a *gotpm.TPMAObject) { a.FixedParent = false },
		"sensitiveDataOrigin": func(a *gotpm.TPMAObject) { a.SensitiveDataOrigin = false },
		"sign":                func(a *gotpm.TPMAObject) { a.SignEncrypt = false },
		"restricted":          func(a *gotpm.TPMAObject) { a.Restricted = true },
	} {
		t.Run(name, func(t *testing.T) {
			key := tpmtest.NewApplicationKey(t)
			mutate(&key.Public.ObjectAttributes)
			_, err := certified(t, tpmtest.NewAK(t), key, nil).Verify(challenge)
			refused(t, err, attest.ReasonKey)
		})
	}
}

func TestCertificationThatIsNotGoodIsRefused(t *testing.T) {
	ak, key := tpmtest.NewAK(t), tpmtest.NewApplicationKey(t)
	good := certified(t, ak, key, nil)
	loose := tpmtest.NewAK(t)
	loose.Public.ObjectAttributes.Restricted = false
	quote := ak.Quote(challenge, map[int][]byte{0: make([]byte, 32)}, nil)
	for name, tt := range map[string]struct {
		reason attest.Reason
		c      tpm.Certification
	}{
		"another key":   {attest.ReasonIdentity, tpm.Certification{AK: good.AK, Key: tpmtest.NewApplicationKey(t).Area(), Attest: good.Attest, Signature: good.Signature}},
		"another AK":    {attest.ReasonSignature, tpm.Certification{AK: tpmtest.NewAK(t).Area(), Key: good.Key, Attest: good.Attest, Signature: good.Signature}},
		"no AK":         {attest.ReasonKey, certified(t, loose, key, nil)},
		"a quote":       {attest.ReasonPurpose, tpm.Certification{AK: good.AK, Key: good.Key, Attest: quote.Attest, Signature: quote.Signature}},
		"magic":         {attest.ReasonPurpose, certified(t, ak, key, func(a *gotpm.TPMSAttest, _ *gotpm.TPMSCertifyInfo) { a.Magic = 0 })},
		"challenge":     {attest.ReasonChallenge, certified(t, ak, key, func(a *gotpm.TPMSAttest, _ *gotpm.TPMSCertifyInfo) { a.ExtraData.Buffer = nil })},
		"no name":       {attest.ReasonIdentity, certified(t, ak, key, func(_ *gotpm.TPMSAttest, c *gotpm.TPMSCertifyInfo) { c.Name.Buffer = nil })},
		"trailing byte": {attest.ReasonMalformed, tpm.Certification{AK: good.AK, Key: append(bytes.Clone(good.Key), 0), Attest: good.Attest, Signature: good.Signature}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := tt.c.Verify(challenge)
			refused(t, err, tt.reason)
			if got.Name != nil {
				t.Errorf("%+v came with the refusal", got)
			}
		})
	}
	_, err := good.Verify([]byte{})
	refused(t, err, attest.ReasonChallenge)
}
