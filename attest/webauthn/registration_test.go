package webauthn_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/attest/webauthn"
)

func TestGoodRegistrationSaysWhatWasVouchedFor(t *testing.T) {
	for format, want := range map[string]webauthn.Registered{
		"":            {Format: "none", Type: webauthn.TypeNone},
		"self":        {Format: "packed", Type: webauthn.TypeSelf},
		"packed":      {Format: "packed", Type: webauthn.TypeBasic, Attested: true, AAGUID: "model"},
		"tpm":         {Format: "tpm", Type: webauthn.TypeAttCA, Attested: true, AAGUID: "model", Hardware: true},
		"android-key": {Format: "android-key", Type: webauthn.TypeBasic, Attested: true, AAGUID: "model", Hardware: true},
		"apple":       {Format: "apple", Type: webauthn.TypeAnonCA, Attested: true, AAGUID: "model", Hardware: true},
	} {
		t.Run(format, func(t *testing.T) {
			s := newScene(t, format)
			s.passkey.Flags |= attesttest.BackupEligible
			got := s.mustRegister(t, nil)
			if want.AAGUID != "" {
				want.AAGUID = uuid.UUID(s.passkey.AAGUID).String()
			}
			if got.Format != want.Format || got.Type != want.Type || got.Attested != want.Attested || got.AAGUID != want.AAGUID || got.Hardware != want.Hardware {
				t.Errorf("registered %+v", got)
			}
			if got.RPID != rpID || !bytes.Equal(got.CredentialID, s.passkey.ID) || got.SignCount != 1 || !got.UserVerified ||
				!got.BackupEligible || got.BackedUp || !slices.Equal(got.Transports, []string{"internal"}) {
				t.Errorf("registered %+v", got)
			}
		})
	}
}

func TestCredentialIDIsBounded(t *testing.T) {
	id := func(n int) func(*ceremony) {
		return func(c *ceremony) { c.ID = bytes.Repeat([]byte{7}, n) }
	}
	for _, n := range []int{1, 16, 1023} {
		newScene(t, "packed").mustRegister(t, id(n))
	}
	for _, n := range []int{0, 1024, 65535} {
		newScene(t, "packed").mustNotRegister(t, attest.ReasonMalformed, id(n))
	}
	newScene(t, "packed").mustNotRegister(t, attest.ReasonIdentity, func(c *ceremony) {
		c.Credential = func(o object) { o["id"], o["rawId"] = "AAAA", "AAAA" }
	})
}

func TestAttestationObjectIsReadStrictly(t *testing.T) {
	build := func(change func(pairs) []byte) func(*ceremony) { return func(c *ceremony) { c.Object = change } }
	with := func(name string, value any) func(*ceremony) {
		return build(func(p pairs) []byte { return attesttest.CBOR(p.With(name, value)) })
	}
	for _, tt := range []struct {
		name   string
		reason attest.Reason
		mutate func(*ceremony)
	}{
		{"no fmt", attest.ReasonMalformed, with("fmt", nil)},
		{"fmt in another case", attest.ReasonUnsupported, with("fmt", "Packed")},
		{"fmt and a space", attest.ReasonUnsupported, with("fmt", "packed ")},
		{"unknown fmt", attest.ReasonUnsupported, with("fmt", "example")},
		{"SafetyNet", attest.ReasonUnsupported, with("fmt", "android-safetynet")},
		{"compound", attest.ReasonUnsupported, with("fmt", "compound")},
		{"fmt that is null", attest.ReasonMalformed, with("fmt", attesttest.Raw{0xf6})},
		{"fmt of another kind", attest.ReasonMalformed, with("fmt", []byte("packed"))},
		{"no attStmt", attest.ReasonMalformed, with("attStmt", nil)},
		{"attStmt that is a list", attest.ReasonMalformed, with("attStmt", []any{})},
		{"attStmt that is null", attest.ReasonMalformed, with("attStmt", attesttest.Raw{0xf6})},
		{"attStmt that is undefined", attest.ReasonMalformed, with("attStmt", attesttest.Raw{0xf7})},
		{"deep attStmt", attest.ReasonMalformed, with("attStmt", attesttest.Raw(strings.Repeat("\x81", 10_000)+"\x00"))},
		{"attStmt of many members", attest.ReasonMalformed, with("attStmt", attesttest.Raw{0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})},
		{"no authData", attest.ReasonMalformed, with("authData", nil)},
		{"authData that is null", attest.ReasonMalformed, with("authData", attesttest.Raw{0xf6})},
		{"short authData", attest.ReasonMalformed, with("authData", make([]byte, 36))},
		{"authData of an assertion", attest.ReasonMalformed, with("authData", append(make([]byte, 32), 5, 0, 0, 0, 0))},
		{"member of no use", attest.ReasonMalformed, with("x", 1)},
		{"member in another case", attest.ReasonMalformed, with("FMT", "packed")},
		{"fmt twice", attest.ReasonMalformed, build(func(p pairs) []byte { return attesttest.CBOR(append(p, attesttest.Pair{"fmt", "none"})) })},
		{"bytes behind", attest.ReasonMalformed, build(func(p pairs) []byte { return append(attesttest.CBOR(p), 0) })},
		{"cut short", attest.ReasonMalformed, build(func(p pairs) []byte { b := attesttest.CBOR(p); return b[:len(b)-1] })},
		{"tagged", attest.ReasonMalformed, build(func(p pairs) []byte { return append([]byte{0xd9, 0xd9, 0xf7}, attesttest.CBOR(p)...) })},
		{"endless", attest.ReasonMalformed, build(func(p pairs) []byte { return slices.Concat([]byte{0xbf}, attesttest.CBOR(p)[1:], []byte{0xff}) })},
		{"nothing", attest.ReasonMalformed, build(func(pairs) []byte { return nil })},
		{"too large", attest.ReasonMalformed, build(func(pairs) []byte { return make([]byte, 1<<20) })},
		{"JSON", attest.ReasonMalformed, build(func(pairs) []byte { return []byte("{}") })},
	} {
		t.Run(tt.name, func(t *testing.T) { newScene(t, "packed").mustNotRegister(t, tt.reason, tt.mutate) })
	}
}

func TestOrderOfMembersIsFree(t *testing.T) {
	newScene(t, "packed").mustRegister(t, func(c *ceremony) {
		c.Object = func(p pairs) []byte { slices.Reverse(p); return attesttest.CBOR(p) }
	})
}

// what is said must be true, and what must be vouched for is not taken on its own word.
func TestAttestationIsWorthWhatIsDemanded(t *testing.T) {
	stranger := attesttest.NewCA(t)
	for _, tt := range []struct {
		name   string
		format string
		demand webauthn.Demand
		roots  []*attesttest.CA // nil: its own
		reason attest.Reason    // "": accepted
	}{
		{"none", "", webauthn.Required, nil, attest.ReasonUntrusted},
		{"none", "", webauthn.Verified, nil, attest.ReasonUntrusted},
		{"none", "", webauthn.Any, nil, ""},
		{"self", "self", webauthn.Required, nil, attest.ReasonUntrusted},
		{"self", "self", webauthn.Verified, nil, attest.ReasonUntrusted},
		{"self", "self", webauthn.Any, nil, ""},
		{"chain", "packed", webauthn.Required, nil, ""},
		{"chain to another root", "packed", webauthn.Required, []*attesttest.CA{stranger}, attest.ReasonUntrusted},
		{"chain to no root", "packed", webauthn.Required, []*attesttest.CA{}, attest.ReasonUntrusted},
		{"chain to no root", "packed", webauthn.Verified, []*attesttest.CA{}, ""},
		{"chain to no root", "packed", webauthn.Any, []*attesttest.CA{}, ""},
	} {
		t.Run(tt.name+"/"+tt.format, func(t *testing.T) {
			s := newScene(t, tt.format)
			s.registration.Demand = tt.demand
			if tt.roots != nil {
				s.registration.Roots = roots(tt.roots...)
			}
			if tt.reason != "" {
				s.mustNotRegister(t, tt.reason, nil)
			} else if got := s.mustRegister(t, nil); got.Attested != (tt.demand == webauthn.Required) || got.Attested != (got.AAGUID != "") {
				t.Errorf("registered %+v", got)
			}
		})
	}
}

// without attestation an AAGUID is a word like any other.
func TestModelIsClaimedOnlyWhereItIsAttested(t *testing.T) {
	for _, format := range []string{"", "self", "fido-u2f"} {
		if got := newScene(t, format).mustRegister(t, nil); got.AAGUID != "" {
			t.Errorf("%s: model %s", format, got.AAGUID)
		}
	}
	zero := newScene(t, "packed")
	zero.passkey.AAGUID = make([]byte, 16)
	if got := zero.mustRegister(t, nil); got.AAGUID != "" || !got.Attested {
		t.Errorf("registered %+v", got)
	}
}
