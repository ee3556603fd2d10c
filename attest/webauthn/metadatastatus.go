package webauthn

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // RFC 5280 names keys so; nothing rests on it
	"crypto/sha256"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/certpath"
)

// Entry is what FIDO's metadata says about one model. Nil: nothing.
type Entry struct {
	roots      []*certpath.Certificate
	protection []string
	reports    []report
}

// report is a StatusReport (section 3.1.4).
type report struct {
	Status      string `json:"status"`
	Effective   string `json:"effectiveDate"`
	Certificate string `json:"certificate"` // the one that it is about; "": all of the model
	Batch       string `json:"batchCertificate"`
}

// broken are the statuses of models whose proofs say nothing, because others than the owner can make them.
var broken = []string{
	"REVOKED", "ATTESTATION_KEY_COMPROMISE", "USER_VERIFICATION_BYPASS", "USER_KEY_REMOTE_COMPROMISE", "USER_KEY_PHYSICAL_COMPROMISE",
}

// anchors are what a chain of this model may end at. Metadata that is overdue vouches for nobody: what was found out since is not in it.
func (e *Entry) anchors(m *Metadata, now time.Time) []*certpath.Certificate {
	if e == nil || m.Stale(now) {
		return nil
	}
	return e.roots
}

// acceptable refuses a model that is broken.
func (e *Entry) acceptable(path fingerprints, now time.Time) error {
	if e == nil {
		return nil
	}
	if status := e.status(path, now); slices.Contains(broken, status) {
		return attest.Refuse(attest.ReasonRevoked, "authenticators of this model have status %s", status)
	}
	return nil
}

// status is that of the latest report which says how good the model is; of several on one day, a bad one. A bad one without a date holds as long as
// it stands there. That there is a newer firmware does not say that this authenticator has it.
func (e *Entry) status(path fingerprints, now time.Time) string {
	var status, date string
	for _, r := range e.reports {
		bad := slices.Contains(broken, r.Status)
		if !bad && !strings.HasPrefix(r.Status, "FIDO_CERTIFIED") || !r.inForce(now) || !r.concerns(path) {
			continue
		}
		if bad && r.Effective == "" {
			return r.Status
		}
		if r.Effective > date || r.Effective == date && bad {
			status, date = r.Status, r.Effective
		}
	}
	return status
}

// inForce tells whether a report counts already. One without a date, or with one that cannot be read, does.
func (r report) inForce(now time.Time) bool {
	date, err := time.Parse(time.DateOnly, r.Effective)
	return err != nil || !now.Before(date)
}

// concerns tells whether a report is about the model as a whole, or about a certificate of this path. One about a certificate that cannot be
// read is about all.
func (r report) concerns(path fingerprints) bool {
	about := readCertificates([]string{r.Certificate, r.Batch})
	return len(about) == 0 || slices.ContainsFunc(fingerprintsOf(about), path.has)
}

// fingerprints name certificates by the SHA-256 of their DER.
type fingerprints [][]byte

func fingerprintsOf(certificates []*certpath.Certificate) fingerprints {
	var all fingerprints
	for _, c := range certificates {
		sum := sha256.Sum256(c.X509.Raw)
		all = append(all, sum[:])
	}
	return all
}

func (f fingerprints) has(one []byte) bool {
	return slices.ContainsFunc(f, func(other []byte) bool { return bytes.Equal(one, other) })
}

// keepsKeys tells whether the model keeps keys where they cannot be taken out (FIDO registry section 3.2).
func (e *Entry) keepsKeys() bool {
	return e != nil && len(e.protection) > 0 && !slices.Contains(e.protection, "software") &&
		slices.ContainsFunc(e.protection, func(p string) bool { return p == "hardware" || p == "tee" || p == "secure_element" })
}

// keyIdentifier is that of a certified key by RFC 5280 section 4.2.1.2 method 1, in hexadecimal.
func keyIdentifier(c *certpath.Certificate) string {
	var info struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	if _, err := asn1.Unmarshal(c.X509.RawSubjectPublicKeyInfo, &info); err != nil {
		return ""
	}
	sum := sha1.Sum(info.Key.Bytes) //nolint:gosec // as above
	return hex.EncodeToString(sum[:])
}
