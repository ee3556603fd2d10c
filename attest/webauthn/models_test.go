package webauthn_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/attest/webauthn"
)

// later is a recovery with a passkey of an attested model, and what is said about the model after it was bound.
type later struct {
	*recovery
	maker, service *attesttest.CA
	models         webauthn.Models
	metadata       *webauthn.Metadata
}

func newLater(t testing.TB) *later {
	t.Helper()
	l := &later{recovery: newRecovery(t), maker: attesttest.NewCA(t), service: attesttest.NewCA(t)}
	l.reload(t)
	e := enrolling(l.passkey)
	done, err := l.format.Finish(e, nil, finish(l.passkey.Create(t, e.Challenge[:], origin, attesttest.Attester{Format: "packed", CA: l.maker}, nil)))
	if err != nil || done.Model == "" {
		t.Fatalf("enrolled %+v, %v", done, err)
	}
	l.bound.Handle, l.bound.Reference = done.Handles[0].Value, done.Handles[0].Reference
	return l
}

// reload puts the configuration in force.
func (l *later) reload(t testing.TB) {
	t.Helper()
	l.format = newFormat(t, func(c *webauthn.Config) {
		c.Attestation, c.Models = webauthn.Attestation{Roots: roots(l.maker)}, l.models
		c.Metadata = func() *webauthn.Metadata { return l.metadata }
	})
	var err error
	if l.verifier, err = attest.NewVerifier(l.format); err != nil {
		t.Fatal(err)
	}
}

// know puts metadata about a model in force, which was due for an update on 2026-12-01 or on the date named.
func (l *later) know(t testing.TB, aaguid []byte, due string, reports ...map[string]any) {
	t.Helper()
	blob := l.service.Metadata(t, []any{attesttest.MetadataEntry(aaguid, l.maker.Certificate, reports...)}, nil, func(b *attesttest.Blob) {
		if due != "" {
			b.Payload["nextUpdate"] = due
		}
	})
	var err error
	if l.metadata, err = webauthn.ParseMetadata(blob, roots(l.service), now); err != nil {
		t.Fatal(err)
	}
}

// change changes what is stored of the passkey.
func (l *later) change(t testing.TB, mutate func(object)) {
	t.Helper()
	var ref object
	if err := json.Unmarshal(l.bound.Reference, &ref); err != nil {
		t.Fatal(err)
	}
	mutate(ref)
	l.bound.Reference, _ = json.Marshal(ref)
}

func (l *later) mustRecover(t testing.TB) {
	t.Helper()
	if _, err := l.appraise(l.evidence(nil)); err != nil {
		t.Errorf("refused: %v", err)
	}
}

func (l *later) mustNotRecover(t testing.TB, reason attest.Reason) {
	t.Helper()
	_, err := l.appraise(l.evidence(nil))
	mustRefuse(t, nil, err, reason)
}

func TestModelThatIsDeniedLaterDoesNotRecover(t *testing.T) {
	l := newLater(t)
	l.models.Denied = []string{uuid.NewString()}
	l.reload(t)
	l.mustRecover(t)
	l.models.Denied = append(l.models.Denied, uuid.UUID(l.passkey.AAGUID).String())
	l.reload(t)
	l.mustNotRecover(t, attest.ReasonPolicy)
	_, err := l.appraise(l.evidence(nil))
	if refused, ok := errors.AsType[*attest.Error](err); !ok || !refused.Signed { // else its owner is not told who has the key
		t.Errorf("%v, want a refusal of what the key has signed", err)
	}
	l.change(t, func(ref object) { delete(ref, "aaguid") })
	l.mustRecover(t) // nobody vouched for the model
}

// The list of what is allowed is for new passkeys: a shorter one locks out no owner.
func TestModelThatIsAllowedNoLongerRecovers(t *testing.T) {
	l := newLater(t)
	l.models.Allowed = []string{uuid.NewString()}
	l.reload(t)
	l.mustRecover(t)
}

// what is found out after a passkey was bound counts.
func TestModelThatIsBrokenLaterDoesNotRecover(t *testing.T) {
	for _, status := range []string{
		"REVOKED", "ATTESTATION_KEY_COMPROMISE", "USER_VERIFICATION_BYPASS", "USER_KEY_REMOTE_COMPROMISE", "USER_KEY_PHYSICAL_COMPROMISE",
	} {
		t.Run(status, func(t *testing.T) {
			l := newLater(t)
			l.mustRecover(t)
			certified, broken := report("FIDO_CERTIFIED", "2026-01-01"), report(status, "2026-02-01")
			l.know(t, l.passkey.AAGUID, "", certified)
			l.mustRecover(t)
			l.know(t, make([]byte, 16), "", certified, broken)
			l.mustRecover(t)
			l.know(t, l.passkey.AAGUID, "", certified, broken)
			l.mustNotRecover(t, attest.ReasonRevoked)
			l.change(t, func(ref object) { delete(ref, "aaguid") })
			l.mustRecover(t) // nobody vouched for the model
		})
	}
}

// What is overdue still counts against a model, and locks out no other.
func TestStaleMetadataStillTellsOfBrokenModels(t *testing.T) {
	l := newLater(t)
	due := now.Add(-webauthn.MaxStale - 48*time.Hour).Format(time.DateOnly)
	l.know(t, l.passkey.AAGUID, due, report("FIDO_CERTIFIED", "2026-01-01"))
	if !l.metadata.Stale(now) {
		t.Fatal("metadata is not stale")
	}
	l.mustRecover(t)
	l.know(t, l.passkey.AAGUID, due, report("REVOKED", "2026-02-01"))
	l.mustNotRecover(t, attest.ReasonRevoked)
	l.metadata = new(webauthn.Metadata) // there never was a good one
	l.mustRecover(t)
}

func TestReportOnOneCertificateConcernsThePasskeysItVouchedFor(t *testing.T) {
	about := func(ca *attesttest.CA) map[string]any {
		r := report("USER_KEY_REMOTE_COMPROMISE", "2026-02-01")
		r["batchCertificate"] = base64.StdEncoding.EncodeToString(ca.Certificate.Raw)
		return r
	}
	l := newLater(t)
	l.know(t, l.passkey.AAGUID, "", about(attesttest.NewCA(t)))
	l.mustRecover(t)
	l.know(t, l.passkey.AAGUID, "", about(l.maker))
	l.mustNotRecover(t, attest.ReasonRevoked)
	l.change(t, func(ref object) { delete(ref, "attestation_path") })
	l.mustRecover(t) // bound before its certificates were kept
}

// Whoever has not the key does not learn that the model is broken.
func TestStatusIsToldToTheHolderOnly(t *testing.T) {
	l := newLater(t)
	l.know(t, l.passkey.AAGUID, "", report("REVOKED", "2026-02-01"))
	l.passkey.Key = attesttest.NewKey(t)
	l.mustNotRecover(t, attest.ReasonSignature)
}

// What the store lost is no fault of the evidence, and no reason to let it pass.
func TestStoredModelThatCannotBeReadIsNoRefusal(t *testing.T) {
	l := newLater(t)
	l.change(t, func(ref object) { ref["aaguid"] = "x" })
	_, err := l.appraise(l.evidence(nil))
	if _, refused := errors.AsType[*attest.Error](err); err == nil || refused {
		t.Errorf("error %v", err)
	}
}
