package webauthn

import (
	"crypto/x509"
	"encoding/base64"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/certpath"
)

const (
	// MetadataHost is whom the certificate that signs FIDO's metadata is for.
	MetadataHost = "mds.fidoalliance.org"

	// MaxStale is how long after its next update was due metadata is still believed.
	MaxStale = 30 * 24 * time.Hour

	maxBlob = 64 << 20 // characters; the one of today has 10 million
)

// Metadata is a verified BLOB of the FIDO Metadata Service 3.1: what is known of models of authenticators.
type Metadata struct {
	Number     int64     // it grows with each BLOB
	NextUpdate time.Time // when the next one is due

	models map[uuid.UUID]*Entry
	keys   map[string]*Entry // of U2F authenticators, by the identifier of the attestation key
}

// ParseMetadata verifies a BLOB (section 3.2): a JWT signed with a key for [MetadataHost] that has a path to one of the roots.
func ParseMetadata(blob string, roots []*certpath.Certificate, now time.Time) (*Metadata, error) {
	if len(blob) > maxBlob {
		return nil, attest.Refuse(attest.ReasonMalformed, "metadata is too large")
	}
	payload, err := verifyBlob(strings.TrimSpace(blob), roots, now)
	if err != nil {
		return nil, err
	}
	var text struct {
		Number     int64   `json:"no"`
		NextUpdate string  `json:"nextUpdate"`
		Entries    []entry `json:"entries"`
	}
	if err := json.Unmarshal(payload, &text); err != nil {
		return nil, attest.Refuse(attest.ReasonMalformed, "metadata is not built as it must be")
	}
	next, err := time.Parse(time.DateOnly, text.NextUpdate)
	if err != nil || text.Number <= 0 {
		return nil, attest.Refuse(attest.ReasonMalformed, "metadata has no number or no date of its next update")
	}
	m := &Metadata{Number: text.Number, NextUpdate: next, models: make(map[uuid.UUID]*Entry), keys: make(map[string]*Entry)}
	for _, e := range text.Entries {
		m.add(e)
	}
	return m, nil
}

// Replaces tells whether m may take the place of old: its number is higher (section 3.2 step 5). Whoever can write the file cannot bring back what
// was said before a model was found to be broken.
func (m *Metadata) Replaces(old *Metadata) bool { return old == nil || m.Number > old.Number }

// Stale tells whether the next update is so long overdue that nothing is known any more.
func (m *Metadata) Stale(now time.Time) bool { return now.After(m.NextUpdate.Add(MaxStale)) }

// add files an entry under what names it. Of UAF authenticators, which have neither, nothing is kept.
func (m *Metadata) add(e entry) {
	parsed := e.parse()
	if id, err := uuid.Parse(e.AAGUID); err == nil && id != uuid.Nil {
		m.models[id] = parsed
	}
	for _, key := range e.Keys {
		m.keys[strings.ToLower(key)] = parsed
	}
}

// entry finds what is known of the model that a statement comes from, or nil. U2F has no AAGUID; there the certificate's key names the model.
func (m *Metadata) entry(aaguid []byte, s statement) *Entry {
	if m != nil && s.unsigned {
		return m.keys[keyIdentifier(s.chain[0])]
	}
	return m.model(uuid.UUID(aaguid))
}

// model finds what is known of a model by its AAGUID, or nil.
func (m *Metadata) model(aaguid uuid.UUID) *Entry {
	if m == nil {
		return nil
	}
	return m.models[aaguid]
}

// entry is one of the payload. Only what is judged is read; a new word in another member must not cost us the entry.
type entry struct {
	AAGUID    string   `json:"aaguid"`
	Keys      []string `json:"attestationCertificateKeyIdentifiers"`
	Statement struct {
		Roots      []string `json:"attestationRootCertificates"`
		Protection []string `json:"keyProtection"`
	} `json:"metadataStatement"`
	Reports []report `json:"statusReports"`
}

func (e entry) parse() *Entry {
	return &Entry{roots: readCertificates(e.Statement.Roots), protection: e.Statement.Protection, reports: e.Reports}
}

// readCertificates reads DER in base64, with the line breaks that some makers put in, and passes over what is no certificate: it anchors nothing.
func readCertificates(texts []string) []*certpath.Certificate {
	var found []*certpath.Certificate
	for _, text := range texts {
		der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
		if err != nil {
			continue
		}
		if c, err := x509.ParseCertificate(der); err == nil {
			found = append(found, certpath.NewAll([]*x509.Certificate{c})...)
		}
	}
	return found
}
