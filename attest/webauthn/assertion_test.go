package webauthn_test

import (
	"testing"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/attesttest"
)

func TestGoodAssertionSaysWhatWasSigned(t *testing.T) {
	s := newScene(t, "")
	s.passkey.Flags |= attesttest.BackupEligible | attesttest.BackedUp
	s.store(s.passkey)
	got := s.mustAssert(t, nil)
	if string(got.CredentialID) != string(s.passkey.ID) || string(got.UserHandle) != string(s.passkey.UserHandle) ||
		got.SignCount != 1 || got.WentBack || !got.UserVerified || !got.BackedUp {
		t.Errorf("asserted %+v", got)
	}
}

func TestAssertionIsThatOfTheStoredCredential(t *testing.T) {
	other := attesttest.NewKey(t)
	for _, tt := range []struct {
		name   string
		reason attest.Reason
		mutate func(*ceremony)
	}{
		{"another key", attest.ReasonSignature, func(c *ceremony) { c.Sign = other }},
		{"another signature", attest.ReasonSignature, func(c *ceremony) { c.Response = func(o object) { o["signature"] = "MAYCAQECAQE" } }},
		{"no signature", attest.ReasonSignature, func(c *ceremony) { c.Response = func(o object) { o["signature"] = nil } }},
		{"signature and a byte", attest.ReasonSignature, func(c *ceremony) {
			c.Response = func(o object) { o["signature"] = encode(append(decode(o["signature"]), 0)) }
		}},
		{"other client data", attest.ReasonSignature, func(c *ceremony) {
			c.Response = func(o object) { o["clientDataJSON"] = encode(append(decode(o["clientDataJSON"]), ' ')) }
		}},
		{"other authenticator data", attest.ReasonSignature, func(c *ceremony) {
			c.Response = func(o object) {
				data := decode(o["authenticatorData"])
				data[36]++
				o["authenticatorData"] = encode(data)
			}
		}},
		{"another id", attest.ReasonIdentity, func(c *ceremony) { c.Credential = func(o object) { o["id"], o["rawId"] = "AAAA", "AAAA" } }},
		{"another user", attest.ReasonIdentity, func(c *ceremony) { c.Response = func(o object) { o["userHandle"] = "AAAA" } }},
		{"now eligible", attest.ReasonIdentity, func(c *ceremony) { c.Flags |= attesttest.BackupEligible }},
		{"data of a registration", attest.ReasonMalformed, func(c *ceremony) { c.Flags |= 1 << 6; c.Tail = make([]byte, 100) }},
	} {
		t.Run(tt.name, func(t *testing.T) { newScene(t, "").mustNotAssert(t, tt.reason, tt.mutate) })
	}
	s := newScene(t, "")
	s.passkey.Flags |= attesttest.BackupEligible
	s.store(s.passkey)
	s.mustAssert(t, nil)
	s.mustNotAssert(t, attest.ReasonIdentity, func(c *ceremony) { c.Flags &^= attesttest.BackupEligible })
}

func TestUserHandleMayBeMissing(t *testing.T) {
	newScene(t, "").mustAssert(t, func(c *ceremony) { c.Response = func(o object) { o["userHandle"] = nil } })
	newScene(t, "").mustAssert(t, func(c *ceremony) { c.Response = func(o object) { delete(o, "userHandle") } })
}

func TestEmptyUserHandleIsNotOneThatIsMissing(t *testing.T) {
	empty := func(c *ceremony) { c.Response = func(o object) { o["userHandle"] = "" } }
	s := newScene(t, "")
	s.mustNotAssert(t, attest.ReasonIdentity, empty)
	s.assertion.Stored.UserHandle = nil // not compared
	s.mustAssert(t, empty)
}

// WebAuthn section 6.1.1, and what an authenticator that stopped to count or shares a key is taken for.
func TestCounterMustGrowUnlessItIsNotUsed(t *testing.T) {
	const backedUp = attesttest.BackupEligible | attesttest.BackedUp
	for _, tt := range []struct {
		name        string
		stored, now uint32
		flags       byte
		refused     bool
		wentBack    bool
	}{
		{"grows", 4, 5, 0, false, false},
		{"grows much", 4, 1<<32 - 1, 0, false, false},
		{"stands still", 5, 5, 0, true, true},
		{"goes back", 5, 4, 0, true, true},
		{"never used", 0, 0, 0, false, false},
		{"begins", 0, 1, 0, false, false},
		{"ends", 5, 0, 0, false, true},
		{"goes back, backed up", 5, 4, backedUp, false, true},
		{"goes back, could be backed up", 5, 4, attesttest.BackupEligible, true, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newScene(t, "")
			s.passkey.Flags |= tt.flags
			s.store(s.passkey)
			s.assertion.Stored.SignCount = &tt.stored
			count := func(c *ceremony) { c.Count = tt.now }
			if tt.refused {
				s.mustNotAssert(t, attest.ReasonCounter, count)
			} else if got := s.mustAssert(t, count); got.WentBack != tt.wentBack || got.SignCount != tt.now {
				t.Errorf("asserted %+v", got)
			}
		})
	}
}

func TestAssertionIsVerifiedWithTheAlgorithmOfTheKey(t *testing.T) {
	for name, key := range keys(t) {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, "")
			s.passkey = attesttest.NewPasskeyWith(key, rpID)
			s.store(s.passkey)
			s.mustAssert(t, nil)
			s.passkey.Count = 0
			s.mustNotAssert(t, attest.ReasonSignature, func(c *ceremony) {
				c.Response = func(o object) { o["clientDataJSON"] = encode(append(decode(o["clientDataJSON"]), ' ')) }
			})
		})
	}
	s := newScene(t, "")
	rsa := keys(t)["RSA"]
	s.passkey = attesttest.NewPasskeyWith(rsa, rpID) // signs as RS256
	s.store(s.passkey)
	s.assertion.Stored.PublicKey = attesttest.CBOR(s.passkey.COSE().With(3, -37))
	s.mustNotAssert(t, attest.ReasonSignature, nil)
	s.passkey.Algorithm = -37
	s.mustAssert(t, nil)
}

func TestStoredKeyMustBeGood(t *testing.T) {
	for name, tt := range badKeys(t) {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, "")
			s.passkey = attesttest.NewPasskeyWith(tt.key, rpID)
			s.store(s.passkey)
			s.assertion.Stored.PublicKey = tt.cose(s.passkey.COSE())
			s.mustNotAssert(t, tt.reason, nil)
		})
	}
	s := newScene(t, "")
	s.assertion.Stored.PublicKey = nil
	s.mustNotAssert(t, attest.ReasonMalformed, nil)
}

func TestWhatIsNotStoredIsNotCompared(t *testing.T) {
	s := newScene(t, "")
	s.assertion.Stored.ID, s.assertion.Stored.UserHandle, s.assertion.Stored.BackupEligible, s.assertion.Stored.SignCount = nil, nil, nil, nil
	s.mustAssert(t, func(c *ceremony) {
		c.Flags |= attesttest.BackupEligible
		c.Count = 0
		c.Credential = func(o object) { o["id"], o["rawId"] = "AAAA", "AAAA" }
	})
}
