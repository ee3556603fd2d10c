package webauthn_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/attest/webauthn"
)

func TestPromptIsTheSameForEveryAccount(t *testing.T) {
	r := newRecovery(t)
	text, err := r.format.Prompt(r.statement)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(r.statement.Text()))
	if got["challenge"] != encode(sum[:]) || got["rpId"] != rpID || got["userVerification"] != "required" || got["timeout"] != 300_000.0 {
		t.Errorf("options %s", text)
	}
	if ids, _ := json.Marshal(got["rpIds"]); string(ids) != `["example.org","example.net"]` || len(got) != 5 {
		t.Errorf("options %s", text)
	}
}

func TestNewPasskeyIsAskedForAsRecoveryNeedsIt(t *testing.T) {
	p := attesttest.NewPasskey(t, rpID)
	e := enrolling(p)
	e.Bound = [][]byte{webauthn.Handle(rpID, []byte{1, 2, 3}), webauthn.Handle("example.net", []byte{4}), {5}}
	prompt, err := newFormat(t, nil).Begin(e, []byte("{}"))
	if err != nil || prompt.Keep != nil {
		t.Fatal(err)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, prompt.Options); err != nil {
		t.Fatal(err)
	}
	want := `{"rp":{"name":"Example","id":"example.org"},"user":{"name":"alice@example.com","displayName":"alice@example.com","id":"` + encode(p.UserHandle) +
		`"},"challenge":"` + encode(e.Challenge[:]) + `","pubKeyCredParams":[{"type":"public-key","alg":-8},{"type":"public-key","alg":-7},` +
		`{"type":"public-key","alg":-257}],"timeout":300000,"excludeCredentials":[{"type":"public-key","id":"AQID"}],` +
		`"authenticatorSelection":{"requireResidentKey":true,"residentKey":"required","userVerification":"required"},"attestation":"none"}`
	if compact.String() != want {
		t.Errorf("options\n%s\n%s", compact.String(), want)
	}
	attesting := newFormat(t, func(c *webauthn.Config) { c.Attestation.Demand = webauthn.Verified })
	if prompt, err := attesting.Begin(e, nil); err != nil || !bytes.Contains(prompt.Options, []byte(`"attestation":"direct"`)) {
		t.Errorf("options %s, %v", prompt.Options, err)
	}
}

func TestRegistrationOfAnotherCeremonyEnrolsNothing(t *testing.T) {
	f := newFormat(t, nil)
	p := attesttest.NewPasskey(t, rpID)
	e := enrolling(p)
	create := func(mutate func(*ceremony)) []byte {
		return finish(p.Create(t, e.Challenge[:], origin, attesttest.Attester{}, mutate))
	}
	for name, tt := range map[string]struct {
		body   []byte
		reason attest.Reason
	}{
		"another challenge": {create(client("challenge", "AAAA")), attest.ReasonChallenge},
		"no verification":   {create(func(c *ceremony) { c.Flags = attesttest.UserPresent }), attest.ReasonPresence},
		"an assertion":      {finish(p.Get(e.Challenge[:], origin, nil)), attest.ReasonPurpose},
		"nothing":           {[]byte("{}"), attest.ReasonMalformed},
		"no object":         {[]byte("x"), attest.ReasonMalformed},
		"another member":    {[]byte(`{"x":1}`), attest.ReasonMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			done, err := f.Finish(e, nil, tt.body)
			if mustRefuse(t, nil, err, tt.reason); done.Handles != nil {
				t.Error("something was enrolled")
			}
		})
	}
	// New passkeys are for the first RP ID alone.
	p.RPID = "example.net"
	_, err := f.Finish(e, nil, create(nil))
	mustRefuse(t, nil, err, attest.ReasonPurpose)
}

// only hardware that a maker vouches for, and whose keys stay there, is called so.
func TestOnlyAttestedHardwareIsNonExportable(t *testing.T) {
	for _, tt := range []struct {
		format   string
		eligible bool
		want     bool
	}{{"tpm", false, true}, {"tpm", true, false}, {"android-key", false, true}, {"packed", false, false}, {"", false, false}} {
		ca := attesttest.NewCA(t)
		p := attesttest.NewPasskey(t, rpID)
		if tt.eligible {
			p.Flags |= attesttest.BackupEligible
		}
		f := newFormat(t, func(c *webauthn.Config) { c.Attestation.Roots = roots(ca) })
		e := enrolling(p)
		done, err := f.Finish(e, nil, finish(p.Create(t, e.Challenge[:], origin, attesttest.Attester{Format: tt.format, CA: ca}, nil)))
		if err != nil {
			t.Fatal(err)
		}
		attested := tt.format != ""
		if done.NonExportable != tt.want || done.Attested != attested || attested != (done.Model == uuid.UUID(p.AAGUID).String()) {
			t.Errorf("%s: %+v", tt.format, done)
		}
	}
}

func TestModelsAreAcceptedByList(t *testing.T) {
	ca, service := attesttest.NewCA(t), attesttest.NewCA(t)
	p := attesttest.NewPasskey(t, rpID)
	own, other := uuid.UUID(p.AAGUID).String(), uuid.NewString()
	parse := func(entries ...any) func() *webauthn.Metadata {
		m, err := webauthn.ParseMetadata(service.Metadata(t, entries, nil, nil), roots(service), now)
		if err != nil {
			t.Fatal(err)
		}
		return func() *webauthn.Metadata { return m }
	}
	known, unknown := parse(attesttest.MetadataEntry(p.AAGUID, ca.Certificate)), parse()
	for _, tt := range []struct {
		name     string
		models   webauthn.Models
		metadata func() *webauthn.Metadata
		good     bool
	}{
		{"no lists", webauthn.Models{}, nil, true},
		{"allowed", webauthn.Models{Allowed: []string{own}}, nil, true},
		{"another is allowed", webauthn.Models{Allowed: []string{other}}, known, false},
		{"denied", webauthn.Models{Denied: []string{own}}, known, false},
		{"denied and allowed", webauthn.Models{Allowed: []string{own}, Denied: []string{own}}, known, false},
		{"another is denied", webauthn.Models{Denied: []string{other}}, known, true},
		{"known", webauthn.Models{}, known, true},
		{"unknown", webauthn.Models{}, unknown, false},
		{"unknown and allowed", webauthn.Models{Allowed: []string{own}}, unknown, true},
		{"unknown where that is accepted", webauthn.Models{Unknown: true}, unknown, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFormat(t, func(c *webauthn.Config) {
				c.Attestation = webauthn.Attestation{Roots: roots(ca)}
				c.Models, c.Metadata = tt.models, tt.metadata
			})
			e := enrolling(p)
			done, err := f.Finish(e, nil, finish(p.Create(t, e.Challenge[:], origin, attesttest.Attester{Format: "packed", CA: ca}, nil)))
			if tt.good && err != nil {
				t.Error(err)
			}
			if !tt.good {
				mustRefuse(t, nil, err, attest.ReasonPolicy)
			}
			if tt.good != (len(done.Handles) == 1) {
				t.Errorf("enrolled %+v", done)
			}
		})
	}
}

func TestConfigurationThatCannotBeKeptIsRefused(t *testing.T) {
	for name, mutate := range map[string]func(*webauthn.Config){
		"no RP ID":                   func(c *webauthn.Config) { c.RPIDs = nil },
		"public suffix":              func(c *webauthn.Config) { c.RPIDs = append(c.RPIDs, "co.uk") },
		"no origin":                  func(c *webauthn.Config) { c.Origins = nil },
		"origin without TLS":         func(c *webauthn.Config) { c.Origins = []string{"http://example.org"} },
		"unknown algorithm":          func(c *webauthn.Config) { c.Algorithms = []webauthn.Algorithm{-65535} },
		"attestation by nobody":      func(c *webauthn.Config) { c.Attestation = webauthn.Attestation{} },
		"list that is not kept":      func(c *webauthn.Config) { c.Models.Denied = []string{uuid.NewString()} },
		"AAGUID of nobody":           func(c *webauthn.Config) { c.Models.Allowed = []string{uuid.Nil.String()} },
		"AAGUID in another spelling": func(c *webauthn.Config) { c.Models.Allowed = []string{"F1D0F1D0-0000-4000-8000-000000000001"} },
	} {
		c := webauthn.Config{RPIDs: []string{rpID}, Origins: []string{origin}, Attestation: webauthn.Attestation{Demand: webauthn.Any}}
		if mutate(&c); c.Models.Allowed != nil {
			c.Attestation = webauthn.Attestation{Roots: roots(attesttest.NewCA(t))}
		}
		if _, err := webauthn.New(c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// what is stored is public, and names its algorithm.
func TestReferenceHoldsWhatLaterProofsNeed(t *testing.T) {
	r := newRecovery(t)
	var got map[string]any
	if err := json.Unmarshal(r.bound.Reference, &got); err != nil {
		t.Fatal(err)
	}
	for _, member := range []string{"rp_id", "public_key", "algorithm", "user_handle", "backup_eligible", "user_verified", "attested", "attestation_format"} {
		if _, ok := got[member]; !ok {
			t.Errorf("no %s in %s", member, r.bound.Reference)
		}
	}
	if !slices.Equal(r.bound.Handle, webauthn.Handle(rpID, r.passkey.ID)) {
		t.Errorf("handle %x", r.bound.Handle)
	}
}
