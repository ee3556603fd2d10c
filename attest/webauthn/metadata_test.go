package webauthn_test

import (
	"crypto/ecdsa"
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/attest/webauthn"
)

// fido is a scene in which nothing but metadata vouches for the authenticator.
type fido struct {
	*scene
	service *attesttest.CA
}

func newFIDO(t testing.TB, reports ...map[string]any) *fido {
	t.Helper()
	f := &fido{newScene(t, "packed"), attesttest.NewCA(t)}
	f.registration.Roots = nil
	f.know(t, attesttest.MetadataEntry(f.passkey.AAGUID, f.root.Certificate, reports...))
	return f
}

// know puts metadata with these entries in force.
func (f *fido) know(t testing.TB, entries ...any) {
	t.Helper()
	m, err := webauthn.ParseMetadata(f.service.Metadata(t, entries, nil, nil), roots(f.service), now)
	if err != nil {
		t.Fatal(err)
	}
	f.registration.Metadata = m
}

func TestMetadataVouchesForItsModels(t *testing.T) {
	f := newFIDO(t)
	if got := f.mustRegister(t, nil); !got.Attested || !got.Known || !got.Hardware || got.AAGUID == "" {
		t.Errorf("registered %+v", got)
	}
	f.know(t, attesttest.MetadataEntry(f.passkey.AAGUID, attesttest.NewCA(t).Certificate))
	f.mustNotRegister(t, attest.ReasonUntrusted, nil) // another root than that of the model
	f.know(t, attesttest.MetadataEntry(make([]byte, 16), f.root.Certificate))
	f.mustNotRegister(t, attest.ReasonUntrusted, nil) // the root of another model
	f.know(t)
	f.mustNotRegister(t, attest.ReasonUntrusted, nil)
	f.registration.Roots = roots(f.root)
	if got := f.mustRegister(t, nil); got.Known || got.Hardware { // the operator's own root says nothing about hardware
		t.Errorf("registered %+v", got)
	}
}

func TestMetadataFindsU2FAuthenticatorsByTheirKey(t *testing.T) {
	f := newFIDO(t)
	f.attester.Format, f.registration.UnverifiedUser = "fido-u2f", true
	f.mustNotRegister(t, attest.ReasonUntrusted, nil) // U2F does not sign the AAGUID
	key := attesttest.NewKey(t)
	f.attester.Key = key
	f.know(t, attesttest.U2FEntry(key.Public().(*ecdsa.PublicKey), f.root.Certificate))
	if got := f.mustRegister(t, nil); !got.Attested || !got.Known || got.AAGUID != "" || got.Hardware {
		t.Errorf("registered %+v", got)
	}
	f.know(t, attesttest.U2FEntry(key.Public().(*ecdsa.PublicKey), f.root.Certificate, object{"status": "REVOKED", "effectiveDate": "2026-01-01"}))
	f.mustNotRegister(t, attest.ReasonRevoked, nil)
}

func report(status, date string) map[string]any {
	r := object{"status": status}
	if date != "" {
		r["effectiveDate"] = date
	}
	return r
}

// the latest report counts.
func TestStatusOfTheModelCounts(t *testing.T) {
	for _, status := range []string{
		"REVOKED", "ATTESTATION_KEY_COMPROMISE", "USER_VERIFICATION_BYPASS", "USER_KEY_REMOTE_COMPROMISE", "USER_KEY_PHYSICAL_COMPROMISE",
	} {
		t.Run(status, func(t *testing.T) {
			for _, tt := range []struct {
				name    string
				reports []map[string]any
				good    bool
			}{
				{"alone", []map[string]any{report(status, "2026-02-01")}, false},
				{"without a date", []map[string]any{report(status, ""), report("FIDO_CERTIFIED", "2026-03-01")}, false},
				{"with a broken date", []map[string]any{report(status, "soon")}, false},
				{"after certification", []map[string]any{report("FIDO_CERTIFIED_L1", "2026-01-01"), report(status, "2026-02-01")}, false},
				{"in another order", []map[string]any{report(status, "2026-02-01"), report("FIDO_CERTIFIED_L1", "2026-01-01")}, false},
				{"on the day of certification", []map[string]any{report(status, "2026-02-01"), report("FIDO_CERTIFIED", "2026-02-01")}, false},
				{"before an update", []map[string]any{report(status, "2026-02-01"), report("UPDATE_AVAILABLE", "2026-03-01")}, false},
				{"before certification", []map[string]any{report(status, "2026-02-01"), report("FIDO_CERTIFIED_L2", "2026-03-01")}, true},
				{"tomorrow", []map[string]any{report(status, "2026-11-22")}, true},
			} {
				f := newFIDO(t, tt.reports...)
				if tt.good {
					f.mustRegister(t, nil)
					continue
				}
				f.mustNotRegister(t, attest.ReasonRevoked, nil)
				f.registration.Roots, f.registration.Demand = roots(f.root), webauthn.Any // nobody else vouches for it either
				f.mustNotRegister(t, attest.ReasonRevoked, nil)
			}
		})
	}
	newFIDO(t, report("NOT_FIDO_CERTIFIED", "2026-02-01"), report("UPDATE_AVAILABLE", "2026-02-01")).mustRegister(t, nil)
}

func TestStatusOfOneCertificateConcernsItsChain(t *testing.T) {
	about := func(member string, ca *attesttest.CA) map[string]any {
		r := report("ATTESTATION_KEY_COMPROMISE", "2026-02-01")
		r[member] = strings.Join(strings.Split(attesttest.PEM(ca.Certificate), "\n")[1:len(strings.Split(attesttest.PEM(ca.Certificate), "\n"))-2], "\n")
		return r
	}
	for _, member := range []string{"certificate", "batchCertificate"} {
		f := newFIDO(t)
		entry := func(r map[string]any) map[string]any {
			return attesttest.MetadataEntry(f.passkey.AAGUID, f.root.Certificate, r)
		}
		f.know(t, entry(about(member, attesttest.NewCA(t))))
		f.mustRegister(t, nil)
		f.know(t, entry(about(member, f.root))) // not sent along, and yet on the path
		f.mustNotRegister(t, attest.ReasonRevoked, nil)
		broken := report("ATTESTATION_KEY_COMPROMISE", "2026-02-01")
		broken[member] = "x"
		f.know(t, entry(broken))
		f.mustNotRegister(t, attest.ReasonRevoked, nil)
	}
}

// what is long overdue vouches for nobody.
func TestStaleMetadataVouchesForNobody(t *testing.T) {
	f := newFIDO(t)
	due := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	f.registration.Now = due.Add(webauthn.MaxStale)
	f.mustRegister(t, nil)
	f.registration.Now = due.Add(webauthn.MaxStale + time.Second)
	f.mustNotRegister(t, attest.ReasonUntrusted, nil)
}

func TestMetadataIsThatOfFIDO(t *testing.T) {
	service := attesttest.NewCA(t)
	for _, tt := range []struct {
		name   string
		reason attest.Reason
		form   func(*x509.Certificate)
		mutate func(*attesttest.Blob)
	}{
		{"another host", attest.ReasonPurpose, func(c *x509.Certificate) { c.DNSNames = []string{"mds.example.org"} }, nil},
		{"host in the subject alone", attest.ReasonPurpose, func(c *x509.Certificate) { c.DNSNames = nil }, nil},
		{"expired", attest.ReasonExpired, func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Second) }, nil},
		{"CA", attest.ReasonPurpose, func(c *x509.Certificate) { c.IsCA = true; c.KeyUsage |= x509.KeyUsageCertSign }, nil},
		{"not for signing", attest.ReasonPurpose, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyAgreement }, nil},
		{"another key", attest.ReasonSignature, nil, func(b *attesttest.Blob) { b.Key = attesttest.NewKey(t) }},
		{"no algorithm", attest.ReasonUnsupported, nil, func(b *attesttest.Blob) { b.Header["alg"] = "none" }},
		{"HMAC", attest.ReasonUnsupported, nil, func(b *attesttest.Blob) { b.Header["alg"] = "HS256" }},
		{"another algorithm", attest.ReasonKey, nil, func(b *attesttest.Blob) { b.Header["alg"] = "RS256" }},
		{"no chain", attest.ReasonMalformed, nil, func(b *attesttest.Blob) { delete(b.Header, "x5c") }},
		{"address of a chain", attest.ReasonMalformed, nil, func(b *attesttest.Blob) { delete(b.Header, "x5c"); b.Header["x5u"] = "https://mds.fidoalliance.org/" }},
		{"broken chain", attest.ReasonMalformed, nil, func(b *attesttest.Blob) { b.Header["x5c"] = append(b.Header["x5c"].([]string), "x") }},
		{"critical member", attest.ReasonMalformed, nil, func(b *attesttest.Blob) { b.Header["crit"] = []string{"b64"} }},
		{"no number", attest.ReasonMalformed, nil, func(b *attesttest.Blob) { delete(b.Payload, "no") }},
		{"no next update", attest.ReasonMalformed, nil, func(b *attesttest.Blob) { delete(b.Payload, "nextUpdate") }},
		{"entries of another kind", attest.ReasonMalformed, nil, func(b *attesttest.Blob) { b.Payload["entries"] = 1 }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := webauthn.ParseMetadata(service.Metadata(t, nil, tt.form, tt.mutate), roots(service), now)
			mustRefuse(t, nil, err, tt.reason)
		})
	}
	good := service.Metadata(t, nil, nil, nil)
	if m, err := webauthn.ParseMetadata(" "+good+"\n", roots(service), now); err != nil || m.Number != 7 {
		t.Errorf("%+v, %v", m, err)
	}
	_, err := webauthn.ParseMetadata(good, roots(attesttest.NewCA(t)), now)
	mustRefuse(t, nil, err, attest.ReasonUntrusted)
	_, err = webauthn.ParseMetadata(good, nil, now)
	mustRefuse(t, nil, err, attest.ReasonUntrusted)
	for _, text := range []string{"", "..", good + ".x", good[:len(good)-4], strings.Replace(good, ".", ".e30", 1)} {
		if _, err := webauthn.ParseMetadata(text, roots(service), now); err == nil {
			t.Errorf("accepted %.20q", text)
		}
	}
}

// what is in force stays so until something newer is there that holds.
func TestOlderMetadataIsNotPutInForce(t *testing.T) {
	service := attesttest.NewCA(t)
	blob := func(no int) string {
		return service.Metadata(t, nil, nil, func(b *attesttest.Blob) { b.Payload["no"] = no })
	}
	var held webauthn.HeldMetadata
	for _, tt := range []struct {
		text  string
		good  bool
		force int64
	}{{blob(5), true, 5}, {blob(4), false, 5}, {blob(5), true, 5}, {"x", false, 5}, {blob(6), true, 6}} {
		if err := held.Update(tt.text, roots(service), now); (err == nil) != tt.good || held.Current().Number != tt.force {
			t.Errorf("%v, number %d in force", err, held.Current().Number)
		}
	}
}
