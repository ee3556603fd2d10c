package attest_test

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/android"
	"github.com/regrant/regrant/attest/apple"
	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/attest/attesttest/wallet"
	"github.com/regrant/regrant/attest/certpath"
	"github.com/regrant/regrant/attest/devicecert"
	"github.com/regrant/regrant/attest/tpm"
	"github.com/regrant/regrant/attest/tpm/tpmtest"
	"github.com/regrant/regrant/attest/webauthn"
)

var now = time.Date(2026, 11, 21, 20, 20, 0, 0, time.UTC)

// certificateRaces: a leaf below an issuing CA below the anchor. The chain alone is in DER; the evidence of a recovery is in PEM.
func certificateRaces(t testing.TB) []race {
	t.Helper()
	root := attesttest.NewCA(t)
	issuing := root.Intermediate(t, nil)
	device := issuing.Device(t, nil)
	anchors := []*x509.Certificate{root.Certificate}
	trusted := certpath.NewAll(anchors)
	format := devicecert.New(devicecert.Config{Anchors: func() []*x509.Certificate { return anchors }})
	body := device.Evidence(string(text))
	path := links(device.Certificate, issuing.Certificate, root.Certificate)
	return []race{
		{"x509-chain", func() error {
			leaf, err := certpath.Parse(device.Certificate.Raw)
			if err != nil {
				return err
			}
			above, err := certpath.Parse(issuing.Certificate.Raw)
			if err != nil {
				return err
			}
			_, err = certpath.Find(leaf, []*certpath.Certificate{above}, certpath.Options{Anchors: trusted, Now: now})
			return err
		}, verifying(path...)},
		{"x509-signature", func() error {
			_, err := format.Verify(attest.Input{Body: body, Challenge: text, Now: now})
			return err
		}, verifying(append(path, signed(t, device.Key, text))...)},
	}
}

// registrationRaces: the attestation is signed, and a root has signed the certificate of its key. Apple's attestation is a certificate of the
// new key itself, and comes with that of its CA.
func registrationRaces(t testing.TB) (all []race) {
	t.Helper()
	for _, format := range []string{"packed", "tpm", "android-key", "apple"} {
		root := attesttest.NewCA(t)
		maker := root
		if format == "apple" {
			maker = root.Intermediate(t, nil)
		}
		passkeys, err := webauthn.New(webauthn.Config{
			RPIDs: []string{wallet.RPID}, Origins: []string{wallet.Origin},
			Attestation: webauthn.Attestation{Roots: certpath.NewAll([]*x509.Certificate{root.Certificate})},
		})
		if err != nil {
			t.Fatal(err)
		}
		e := attest.Enrolling{Now: now}
		made := attesttest.NewPasskey(t, wallet.RPID).Create(t, e.Challenge[:], wallet.Origin, attesttest.Attester{Format: format, CA: maker}, nil)
		body, err := json.Marshal(map[string]any{"credential": json.RawMessage(made)})
		if err != nil {
			t.Fatal(err)
		}
		bare := append(links(root.Device(t, nil).Certificate, root.Certificate), signed(t, attesttest.NewKey(t), text[:200]))
		if format == "apple" {
			bare = links(maker.Device(t, nil).Certificate, maker.Certificate, root.Certificate)
		}
		all = append(all, race{"webauthn-registration " + format, func() error {
			_, err := passkeys.Finish(e, nil, body)
			return err
		}, verifying(bare...)})
	}
	return all
}

func (s *site) chipRaces(t testing.TB) []race {
	t.Helper()
	ak, key := tpmtest.NewAK(t), tpmtest.NewApplicationKey(t)
	sum := sha256.Sum256(text)
	a := ak.Certify(key, sum[:], nil)
	certification := tpm.Certification{AK: ak.Area(), Key: key.Area(), Attest: a.Attest, Signature: a.Signature}
	return []race{
		{"tpm-quote", s.proves(t, wallet.NewChip(t, s.maker)), verifying(signed(t, attesttest.NewKey(t), text[:150]))},
		{"tpm-certify", func() error {
			_, err := certification.Verify(sum[:])
			return err
		}, verifying(signed(t, ak.Private, a.Attest))},
	}
}

func phoneRaces(t testing.TB) []race {
	t.Helper()
	phone := attesttest.NewFactory(t, nil)
	key := phone.AndroidKey(t, attesttest.NewKeyDescription(300, text[:32]), nil)
	status, err := android.ParseStatus([]byte(`{"entries":{}}`))
	if err != nil {
		t.Fatal(err)
	}
	google := android.Policy{Now: now, Roots: certpath.NewAll([]*x509.Certificate{phone.Root.Certificate}), Status: status}
	root := attesttest.NewCA(t)
	above := root.Intermediate(t, nil)
	mac := above.AppleDevice(t, attesttest.NewApple(text[:32]), nil)
	maker := apple.Policy{Now: now, Roots: certpath.NewAll([]*x509.Certificate{root.Certificate})}
	return []race{
		{"android-key", attesting(t, google.Attest, key.Chain), verifying(links(key.Certificate, phone.Key.Certificate, phone.Intermediate.Certificate, phone.Root.Certificate)...)},
		{"apple-device", attesting(t, maker.Attest, mac.Chain), verifying(links(mac.Certificate, above.Certificate, root.Certificate)...)},
	}
}

func attesting(t testing.TB, judge func([][]byte, []byte) (attest.Attested, error), chain []string) func() error {
	t.Helper()
	var certificates [][]byte
	for _, text := range chain {
		certificates = append(certificates, attesttest.FromPEM(t, text).Raw)
	}
	return func() error {
		_, err := judge(certificates, text[:32])
		return err
	}
}
