package webauthn_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/attest/webauthn"
)

// recovery is one in which a passkey that was enrolled proves.
type recovery struct {
	format    *webauthn.Format
	verifier  *attest.Verifier
	passkey   *attesttest.Passkey
	statement attest.Statement
	bound     attest.Binding
}

func newFormat(t testing.TB, mutate func(*webauthn.Config)) *webauthn.Format {
	t.Helper()
	c := webauthn.Config{
		RPIDs: []string{rpID, "example.net"}, Name: "Example", Origins: []string{origin}, Attestation: webauthn.Attestation{Demand: webauthn.Any},
	}
	if mutate != nil {
		mutate(&c)
	}
	f, err := webauthn.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func newRecovery(t testing.TB) *recovery {
	t.Helper()
	account, err := attest.ParseIdentifier("alice@example.com")
	if err != nil {
		t.Fatal(err)
	}
	r := &recovery{format: newFormat(t, nil), passkey: attesttest.NewPasskey(t, rpID)}
	r.statement = attest.Statement{
		Issuer: origin, Account: account, Actions: []attest.Action{attest.ActionSignIn}, Recovery: attest.NewRecoveryID(),
		Holder: attest.HolderOfSecret([]byte("cookie")), Requested: now, Network: netip.MustParsePrefix("203.0.113.0/24"),
		Nonce: [32]byte{1}, Expires: now.Add(15 * time.Minute),
	}
	if r.verifier, err = attest.NewVerifier(r.format); err != nil {
		t.Fatal(err)
	}
	r.enrol(t)
	return r
}

// enrol binds the passkey.
func (r *recovery) enrol(t testing.TB) {
	t.Helper()
	e := enrolling(r.passkey)
	done, err := r.format.Finish(e, nil, finish(r.passkey.Create(t, e.Challenge[:], origin, attesttest.Attester{}, nil)))
	if err != nil {
		t.Fatal(err)
	}
	h := done.Handles[0]
	r.bound = attest.Binding{Authenticator: "one", Handle: h.Value, Reference: h.Reference, Counter: h.Counter, BackedUp: h.BackedUp}
}

func enrolling(p *attesttest.Passkey) attest.Enrolling {
	return attest.Enrolling{
		Issuer: origin, AccountID: "1", Name: "alice@example.com", UserHandle: p.UserHandle, Challenge: [32]byte{1, 2, 3}, Now: now,
	}
}

func finish(credential []byte) []byte {
	return slices.Concat([]byte(`{"label":"key","credential":`), credential, []byte("}"))
}

// evidence signs the statement.
func (r *recovery) evidence(mutate func(*ceremony)) attest.Evidence {
	sum := sha256.Sum256([]byte(r.statement.Text()))
	body := slices.Concat([]byte(`{"method":"passkey","credential":`), r.passkey.Get(sum[:], origin, mutate), []byte("}"))
	return attest.Evidence{Method: attest.MethodPasskey, Body: body}
}

func (r *recovery) appraise(ev attest.Evidence) (attest.Result, error) {
	return r.verifier.Appraise(r.statement, ev, attest.Claimant{Browser: true}, r.bound, now)
}

func TestPasskeyThatWasEnrolledRecovers(t *testing.T) {
	r := newRecovery(t)
	ev := r.evidence(nil)
	handle, err := r.verifier.Locate(ev, "")
	if err != nil || !bytes.Equal(handle, r.bound.Handle) {
		t.Fatalf("located %x, %v", handle, err)
	}
	got, err := r.appraise(ev)
	if err != nil {
		t.Fatal(err)
	}
	c := got.Claims()
	if !got.Valid() || !got.RelayResistant() || c.Origin != origin || c.Counter != 2 || !c.UserVerified || c.BackedUp || c.Model != "" || len(c.Signals) != 0 {
		t.Errorf("claims %+v", c)
	}
}

func TestPasskeyProvesForOneStatementOnly(t *testing.T) {
	r := newRecovery(t)
	ev := r.evidence(nil)
	r.statement.Nonce[0]++
	_, err := r.appraise(ev)
	mustRefuse(t, nil, err, attest.ReasonChallenge)
}

func TestWhatIsNotBoundIsVerifiedAllTheSame(t *testing.T) {
	r := newRecovery(t)
	r.bound = attest.Binding{}
	_, err := r.appraise(r.evidence(nil))
	mustRefuse(t, nil, err, attest.ReasonSignature)
	other := newRecovery(t)
	r.bound = other.bound
	_, err = r.appraise(r.evidence(nil))
	mustRefuse(t, nil, err, attest.ReasonSignature)
}

func TestPasskeyOfAnotherAccountOrSiteIsRefused(t *testing.T) {
	r := newRecovery(t)
	_, err := r.appraise(r.evidence(func(c *ceremony) { c.Response = func(o object) { o["userHandle"] = "AAAA" } }))
	mustRefuse(t, nil, err, attest.ReasonIdentity)
	_, err = r.appraise(r.evidence(func(c *ceremony) { c.Response = func(o object) { delete(o, "userHandle") } }))
	mustRefuse(t, nil, err, attest.ReasonIdentity)
	// The same credential id and key at the other RP ID is not what was bound.
	r.passkey.RPID = "example.net"
	_, err = r.appraise(r.evidence(nil))
	mustRefuse(t, nil, err, attest.ReasonIdentity)
	_, err = r.appraise(r.evidence(func(c *ceremony) { c.ClientData["origin"] = "https://example.net" }))
	mustRefuse(t, nil, err, attest.ReasonPurpose)
	_, err = r.appraise(r.evidence(func(c *ceremony) { c.Flags = attesttest.UserPresent }))
	mustRefuse(t, nil, err, attest.ReasonPresence)
}

// A passkey that can be discovered gives back the handle that it was made with, which has 1 to 64 bytes.
func TestUserHandleHasTheLengthOfOne(t *testing.T) {
	r := newRecovery(t)
	with := func(handle string) attest.Evidence {
		return r.evidence(func(c *ceremony) { c.Response = func(o object) { o["userHandle"] = handle } })
	}
	for _, handle := range []string{"", encode(make([]byte, 65))} {
		_, err := r.verifier.Locate(with(handle), "")
		mustRefuse(t, nil, err, attest.ReasonMalformed)
		_, err = r.appraise(with(handle))
		mustRefuse(t, nil, err, attest.ReasonMalformed)
	}
	for _, n := range []int{1, 64} {
		r.passkey.UserHandle = make([]byte, n)
		r.enrol(t)
		if _, err := r.appraise(r.evidence(nil)); err != nil {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

// Passkeys that were made at another RP ID of the identity provider recover too.
func TestPasskeyOfAnyListedRPIDRecovers(t *testing.T) {
	r := newRecovery(t)
	r.passkey.RPID = "example.net"
	var ref map[string]any
	if err := json.Unmarshal(r.bound.Reference, &ref); err != nil {
		t.Fatal(err)
	}
	ref["rp_id"] = "example.net"
	r.bound.Reference, _ = json.Marshal(ref)
	r.bound.Handle = webauthn.Handle("example.net", r.passkey.ID)
	if _, err := r.appraise(r.evidence(nil)); err != nil {
		t.Error(err)
	}
}

func TestCounterNeverSinksAndIsASignal(t *testing.T) {
	r := newRecovery(t)
	r.bound.Counter = 9
	_, err := r.appraise(r.evidence(nil))
	mustRefuse(t, nil, err, attest.ReasonCounter)
	got, err := r.appraise(r.evidence(func(c *ceremony) { c.Count = 0 }))
	if c := got.Claims(); err != nil || c.Counter != 9 || !slices.Equal(c.Signals, []attest.Signal{attest.SignalCounter}) {
		t.Errorf("claims %+v, %v", c, err)
	}
}

func TestPasskeyThatBecomesBackedUpIsASignal(t *testing.T) {
	r := newRecovery(t)
	r.passkey.Flags |= attesttest.BackupEligible
	r.enrol(t)
	r.passkey.Flags |= attesttest.BackedUp
	got, err := r.appraise(r.evidence(nil))
	if c := got.Claims(); err != nil || !c.BackedUp || !slices.Equal(c.Signals, []attest.Signal{attest.SignalBackedUp}) {
		t.Errorf("claims %+v, %v", c, err)
	}
	r.bound.BackedUp = true
	if got, err := r.appraise(r.evidence(nil)); err != nil || len(got.Claims().Signals) != 0 {
		t.Errorf("claims %+v, %v", got.Claims(), err)
	}
}

func TestEvidenceOfAPasskeyIsReadStrictly(t *testing.T) {
	r := newRecovery(t)
	credential := r.passkey.Get([]byte("x"), origin, nil)
	for _, body := range []string{
		"", "{}", "null", "[]", `{"method":"passkey"}`, `{"method":"tpm","credential":` + string(credential) + `}`, `{"credential":` + string(credential) + `}`,
		`{"method":"passkey","credential":null}`, `{"method":"passkey","credential":{}}`, `{"method":"passkey","credential":{},"credential":{}}`,
		`{"method":"passkey","credential":` + string(credential) + `,"x":1}`, `{"Method":"passkey","credential":` + string(credential) + `}`,
	} {
		if _, err := r.format.Locate([]byte(body), ""); err == nil {
			t.Errorf("located %s", body)
		} else {
			mustRefuse(t, nil, err, attest.ReasonMalformed)
		}
		_, err := r.format.Verify(attest.Input{Body: []byte(body), Challenge: challenge, Now: now})
		mustRefuse(t, nil, err, attest.ReasonMalformed)
	}
	_, err := r.format.Verify(attest.Input{Body: r.evidence(nil).Body, Now: now})
	mustRefuse(t, nil, err, attest.ReasonChallenge)
}

// What the store lost is no fault of the evidence.
func TestBrokenReferenceIsNoRefusal(t *testing.T) {
	r := newRecovery(t)
	r.bound.Reference = []byte("x")
	_, err := r.appraise(r.evidence(nil))
	if _, refused := errors.AsType[*attest.Error](err); err == nil || refused {
		t.Errorf("error %v", err)
	}
}
