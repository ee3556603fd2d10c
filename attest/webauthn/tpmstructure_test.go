package webauthn_test

import (
	"crypto/ecdsa"
	"slices"
	"testing"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/attesttest"
)

// rewritten changes the octets of a member of the statement.
func rewritten(name string, change func([]byte) []byte) func(*attesttest.Attester) {
	return func(a *attesttest.Attester) {
		a.Statement = func(p pairs) pairs { return p.With(name, change(slices.Clone(p.Value(name).([]byte)))) }
	}
}

// Where what stands in the public area of a key on P-256 without policy and scheme.
const (
	areaType, areaAttributes, areaPolicy, areaSymmetric, areaScheme, areaCurve, areaKDF, areaX, areaY = 0, 4, 8, 10, 12, 14, 16, 18, 52
)

func TestStructuresOfTheTPMAreReadStrictly(t *testing.T) {
	number := func(at int, n byte) func([]byte) []byte {
		return func(b []byte) []byte { b[at], b[at+1] = 0, n; return b }
	}
	longX := func(b []byte) []byte { return slices.Concat(b[:areaX], []byte{0, 33, 0}, b[areaX+2:]) }
	cut := func(b []byte) []byte { return b[:len(b)-1] }
	longer := func(b []byte) []byte { return append(b, 0) }
	for name, change := range map[string]func([]byte) []byte{
		"cut short":             cut,
		"bytes behind":          longer,
		"key of another type":   number(areaType, 0x08), // TPM_ALG_KEYEDHASH
		"type of RSA":           number(areaType, 0x01),
		"symmetric algorithm":   number(areaSymmetric, 0x06),
		"scheme for secrets":    number(areaScheme, 0x15), // TPM_ALG_RSAES
		"scheme without hash":   number(areaScheme, 0x18),
		"unknown curve":         number(areaCurve, 0x01),
		"another curve":         number(areaCurve, 0x04),
		"key derivation":        number(areaKDF, 0x07),
		"policy beyond all":     number(areaPolicy, 0xff),
		"long coordinate":       longX,
		"point off the curve":   func(b []byte) []byte { b[len(b)-1] ^= 1; return b },
		"empty coordinate":      func(b []byte) []byte { return append(b[:areaY], 0, 0) },
		"attributes and no key": func(b []byte) []byte { return b[:areaPolicy] },
	} {
		refuseAll(t, "tpm", []refusal{{"pubArea/" + name, attest.ReasonMalformed, rewritten("pubArea", change)}})
	}
	for name, change := range map[string]func([]byte) []byte{"cut short": cut, "bytes behind": longer, "head alone": func(b []byte) []byte { return b[:20] }} {
		refuseAll(t, "tpm", []refusal{{"certInfo/" + name, attest.ReasonMalformed, rewritten("certInfo", change)}})
	}
}

func TestKeyOfATPMMayHavePolicyAndScheme(t *testing.T) {
	s := newScene(t, "tpm")
	s.attester.TPM = func(st *attesttest.TPMStatement) {
		area := attesttest.TPMPublic(s.passkey.Key.Public(), st.NameAlg, st.Attributes)
		st.PubArea = slices.Concat(area[:areaPolicy], []byte{0, 32}, make([]byte, 32), area[areaSymmetric:areaScheme], []byte{0, 0x18, 0, 0x0b}, area[areaCurve:])
	}
	if !s.mustRegister(t, nil).Hardware {
		t.Error("not said to stay in hardware")
	}
}

// As some TPMs write a coordinate that begins with zero.
func TestZeroInFrontOfACoordinateMayBeLeftOut(t *testing.T) {
	s := newScene(t, "tpm")
	for {
		s.passkey = attesttest.NewPasskey(t, rpID)
		if point, err := s.passkey.Key.Public().(*ecdsa.PublicKey).Bytes(); err != nil || point[1] == 0 {
			break
		}
	}
	s.mustRegister(t, nil)
	s.attester.TPM = func(st *attesttest.TPMStatement) {
		area := attesttest.TPMPublic(s.passkey.Key.Public(), st.NameAlg, st.Attributes)
		st.PubArea = slices.Concat(area[:areaX], []byte{0, 31}, area[areaX+3:])
	}
	s.mustRegister(t, nil)
}

func TestModulusOfATPMHasTheLengthThatIsSaid(t *testing.T) {
	s := newScene(t, "tpm")
	s.passkey = attesttest.NewPasskeyWith(rsaKey(t, 2048), rpID)
	s.mustRegister(t, nil)
	rewritten("pubArea", func(b []byte) []byte { b[areaCurve]++; return b })(&s.attester)
	s.mustNotRegister(t, attest.ReasonMalformed, nil)
}
