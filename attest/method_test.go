package attest_test

import (
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
)

func TestEachMethodHasItsClassAndAge(t *testing.T) {
	for method, want := range map[attest.Method]struct {
		class     attest.Class
		age       time.Duration
		guessable bool
	}{
		attest.MethodPasskey:           {attest.ClassMultiFactorCryptographic, 300 * time.Second, false},
		attest.MethodDeviceCertificate: {attest.ClassSingleFactorCryptographic, 300 * time.Second, false},
		attest.MethodTPM:               {attest.ClassSingleFactorCryptographic, 300 * time.Second, false},
		attest.MethodSSHKey:            {attest.ClassSingleFactorCryptographic, 900 * time.Second, false},
		attest.MethodRecoveryKey:       {attest.ClassSingleFactorCryptographic, 900 * time.Second, false},
		attest.MethodRecoveryCode:      {attest.ClassSavedCode, 900 * time.Second, false},
		attest.MethodPassphrase:        {attest.ClassPassword, 900 * time.Second, true},
		"of-a-guest":                   {attest.ClassAlternative, 300 * time.Second, true},
		"":                             {attest.ClassAlternative, 300 * time.Second, true},
	} {
		if method.Class() != want.class || method.MaxAge() != want.age || method.Guessable() != want.guessable {
			t.Errorf("%q is %s, %v, %v", method, method.Class(), method.MaxAge(), method.Guessable())
		}
	}
}

// voucher is a format that claims whatever it is told to.
type voucher struct {
	method attest.Method
	claims attest.Claims
}

func (v voucher) Method() attest.Method                      { return v.method }
func (v voucher) Locate([]byte, string) ([]byte, error)      { return []byte("handle"), nil }
func (v voucher) Verify(attest.Input) (attest.Claims, error) { return v.claims, nil }

// Each row claims everything at once but what the row takes away.
func TestRelayResistanceIsGivenByMethodAndClaimTogether(t *testing.T) {
	const origin, certificate = "https://id.example.com", "certificate"
	for _, c := range []struct {
		name     string
		method   attest.Method
		claims   attest.Claims
		claimant attest.Claimant
		want     bool
	}{
		{"passkey at the issuer", attest.MethodPasskey, attest.Claims{Origin: origin, UserVerified: true}, attest.Claimant{Browser: true}, true},
		{"passkey at another origin", attest.MethodPasskey, attest.Claims{Origin: "https://login.example.com", UserVerified: true}, attest.Claimant{Browser: true}, false},
		{"passkey that names no origin", attest.MethodPasskey, attest.Claims{UserVerified: true}, attest.Claimant{Browser: true}, false},
		{"passkey for a program", attest.MethodPasskey, attest.Claims{Origin: origin, UserVerified: true}, attest.Claimant{}, false},
		{"passkey without verification", attest.MethodPasskey, attest.Claims{Origin: origin}, attest.Claimant{Browser: true}, false},
		{"passkey that claims the holder's key", attest.MethodPasskey, attest.Claims{HolderKey: true}, attest.Claimant{}, false},
		{"device key that is the holder's", attest.MethodDeviceCertificate, attest.Claims{HolderKey: true}, attest.Claimant{}, true},
		{"device key of somebody else", attest.MethodDeviceCertificate, attest.Claims{}, attest.Claimant{}, false},
		{
			"device certificate of the connection", attest.MethodDeviceCertificate,
			attest.Claims{Connection: true, CertificateSHA256: []byte(certificate)},
			attest.Claimant{Browser: true, Connection: []byte(certificate)},
			true,
		},
		{
			"another certificate than the connection's", attest.MethodDeviceCertificate,
			attest.Claims{Connection: true, CertificateSHA256: []byte("another")},
			attest.Claimant{Connection: []byte(certificate)},
			false,
		},
		{
			"the connection's certificate that is not named", attest.MethodDeviceCertificate,
			attest.Claims{CertificateSHA256: []byte(certificate)},
			attest.Claimant{Connection: []byte(certificate)},
			false,
		},
		{"a certificate named without a connection", attest.MethodDeviceCertificate, attest.Claims{Connection: true}, attest.Claimant{}, false},
		{"TPM key that is the holder's", attest.MethodTPM, attest.Claims{HolderKey: true}, attest.Claimant{}, true},
		{"TPM key of somebody else", attest.MethodTPM, attest.Claims{}, attest.Claimant{}, false},
		{"SSH key", attest.MethodSSHKey, everything(), attest.Claimant{Browser: true}, false},
		{"recovery key", attest.MethodRecoveryKey, everything(), attest.Claimant{Browser: true}, false},
		{"recovery code", attest.MethodRecoveryCode, everything(), attest.Claimant{Browser: true}, false},
		{"passphrase", attest.MethodPassphrase, everything(), attest.Claimant{Browser: true}, false},
		{"a guest's", "of-a-guest", everything(), attest.Claimant{Browser: true}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(t)
			c.claims.Handle = []byte("handle")
			verifier, err := attest.NewVerifier(voucher{c.method, c.claims})
			if err != nil {
				t.Fatal(err)
			}
			r, err := verifier.Appraise(s.statement, attest.Evidence{Method: c.method}, c.claimant,
				attest.Binding{Authenticator: "a", Handle: []byte("handle")}, s.now)
			if err != nil || r.RelayResistant() != c.want {
				t.Errorf("relay-resistant %v, %v", r.RelayResistant(), err)
			}
		})
	}
}

func everything() attest.Claims {
	return attest.Claims{Origin: "https://id.example.com", UserVerified: true, HolderKey: true, Connection: true}
}
