package webauthn_test

import (
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/attest/webauthn"
)

func TestU2FStatementIsJudged(t *testing.T) {
	good := keys(t)
	refuseAll(t, "fido-u2f", slices.Concat(common, []refusal{
		{"two certificates", attest.ReasonMalformed, chain(func(x []any) []any { return append(x, x[0]) })},
		{"algorithm", attest.ReasonMalformed, member("alg", -7)},
		{"key of another curve", attest.ReasonKey, func(a *attesttest.Attester) { a.Key = good["P-384"] }},
		{"key of another type", attest.ReasonKey, func(a *attesttest.Attester) { a.Key = good["RSA"] }},
	}))
	for name, key := range good {
		if name == "P-256" {
			continue
		}
		s := newScene(t, "fido-u2f")
		s.passkey = attesttest.NewPasskeyWith(key, rpID)
		s.registration.Algorithms = everyAlgorithm
		s.mustNotRegister(t, attest.ReasonKey, nil)
	}
}

// Section 8.6: the client could have written them.
func TestWhatU2FDoesNotSignCountsForNothing(t *testing.T) {
	for name, mutate := range map[string]func(*ceremony){
		"verification":    func(c *ceremony) { c.Flags |= attesttest.UserVerified },
		"eligible":        func(c *ceremony) { c.Flags |= attesttest.BackupEligible },
		"backed up":       func(c *ceremony) { c.Flags |= attesttest.BackupEligible | attesttest.BackedUp },
		"counter":         func(c *ceremony) { c.Count = 1<<32 - 1 },
		"model":           func(c *ceremony) { c.AAGUID = slices.Repeat([]byte{7}, 16) },
		"extensions":      func(c *ceremony) { c.Extensions = attesttest.CBOR(pairs{{"credProtect", 3}}) },
		"nothing of that": func(c *ceremony) { c.AAGUID, c.Count = make([]byte, 16), 0 },
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, "fido-u2f")
			s.passkey.Flags = attesttest.UserPresent
			got := s.mustRegister(t, mutate)
			if got.UserVerified || got.BackupEligible || got.BackedUp || got.SignCount != 0 || got.AAGUID != "" || got.Hardware || !got.Attested {
				t.Errorf("registered %+v", got)
			}
		})
	}
}

func TestU2FNeverVerifiesItsUser(t *testing.T) {
	s := newScene(t, "fido-u2f")
	s.mustRegister(t, nil) // says that it did
	s.registration.UnverifiedUser = false
	s.mustNotRegister(t, attest.ReasonPresence, nil)
	s.registration.UnverifiedUser = true
	s.mustNotRegister(t, attest.ReasonPresence, func(c *ceremony) { c.Flags &^= attesttest.UserPresent })
	s.mustNotRegister(t, attest.ReasonMalformed, func(c *ceremony) { c.Flags |= attesttest.BackedUp })
}

// Metadata and lists of models do not believe an AAGUID that nobody signed.
func TestU2FPassesForNoModel(t *testing.T) {
	f := newFIDO(t)
	f.registration.Roots = roots(f.root)
	if got := f.mustRegister(t, nil); !got.Known || got.AAGUID != uuid.UUID(f.passkey.AAGUID).String() {
		t.Errorf("registered %+v", got)
	}
	f.attester.Format, f.registration.UnverifiedUser = "fido-u2f", true
	if got := f.mustRegister(t, nil); got.Known || got.AAGUID != "" || got.Hardware {
		t.Errorf("registered %+v", got)
	}
	f.know(t, attesttest.MetadataEntry(f.passkey.AAGUID, f.root.Certificate, report("REVOKED", "2026-02-01")))
	f.mustRegister(t, nil) // nor against it
}

// People bind only what verifies its user.
func TestU2FIsNotEnrolled(t *testing.T) {
	ca := attesttest.NewCA(t)
	f := newFormat(t, func(c *webauthn.Config) { c.Attestation = webauthn.Attestation{Roots: roots(ca)} })
	for format, reason := range map[string]attest.Reason{"packed": "", "fido-u2f": attest.ReasonPresence} {
		p := attesttest.NewPasskey(t, rpID)
		e := enrolling(p)
		done, err := f.Finish(e, nil, finish(p.Create(t, e.Challenge[:], origin, attesttest.Attester{Format: format, CA: ca}, nil)))
		if reason == "" {
			if err != nil || len(done.Handles) != 1 {
				t.Errorf("%s: %+v, %v", format, done, err)
			}
			continue
		}
		if mustRefuse(t, nil, err, reason); done.Handles != nil {
			t.Errorf("%s: enrolled", format)
		}
	}
}
