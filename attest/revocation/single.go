package revocation

import (
	"bytes"
	"crypto"
	_ "crypto/sha1" //nolint:gosec // names a key and a name here; nothing is signed with it
	_ "crypto/sha256"
	_ "crypto/sha512"
	"encoding/hex"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/regrant/regrant/attest/certpath"
)

// single is what a response says about one certificate (RFC 6960 section 4.2.1, SingleResponse).
type single struct {
	id         certID
	status     Status
	thisUpdate time.Time
	nextUpdate time.Time // zero: absent
	useless    bool      // has an unknown critical extension
}

// certID names a certificate (section 4.1.1).
type certID struct {
	hash          crypto.Hash
	issuerName    []byte // hash of its DER, as it stands in the certificate
	issuerKey     []byte // hash of the BIT STRING's content
	serialContent []byte // of its DER
}

// certIDHashes are the hashes by the content of their AlgorithmIdentifier, with and without parameters. SHA-1 is what nearly all clients send and does no
// harm: the issuer is known, and a collision helps nobody.
var certIDHashes = map[string]crypto.Hash{
	"06052b0e03021a":             crypto.SHA1,
	"06052b0e03021a0500":         crypto.SHA1,
	"0609608648016503040201":     crypto.SHA256,
	"06096086480165030402010500": crypto.SHA256,
	"0609608648016503040202":     crypto.SHA384,
	"06096086480165030402020500": crypto.SHA384,
	"0609608648016503040203":     crypto.SHA512,
	"06096086480165030402030500": crypto.SHA512,
}

func readSingle(list *cryptobyte.String) (single, error) {
	var s, status cryptobyte.String
	var tag asn1.Tag
	var one single
	var ok bool
	if !list.ReadASN1(&s, asn1.SEQUENCE) || !readCertID(&s, &one.id) || !s.ReadAnyASN1(&status, &tag) {
		return one, errOCSP
	}
	switch tag { // CertStatus; what is inside revoked does not matter
	case implicit(0):
		one.status = Good
		if !status.Empty() {
			return one, errOCSP
		}
	case explicit(1):
		one.status = Revoked
	case implicit(2):
		one.status = Unknown
	default:
		return one, errOCSP
	}
	if !s.PeekASN1Tag(asn1.GeneralizedTime) {
		return one, errOCSP
	}
	if one.thisUpdate, ok = certpath.ReadTime(&s); !ok {
		return one, errOCSP
	}
	if s.PeekASN1Tag(explicit(0)) {
		var next cryptobyte.String
		if !s.ReadASN1(&next, explicit(0)) || !next.PeekASN1Tag(asn1.GeneralizedTime) {
			return one, errOCSP
		}
		if one.nextUpdate, ok = certpath.ReadTime(&next); !ok || !next.Empty() {
			return one, errOCSP
		}
	}
	return one, one.readExtensions(s)
}

func readCertID(s *cryptobyte.String, id *certID) bool {
	var in, algorithm cryptobyte.String
	if !s.ReadASN1(&in, asn1.SEQUENCE) || !in.ReadASN1(&algorithm, asn1.SEQUENCE) {
		return false
	}
	id.hash = certIDHashes[hex.EncodeToString(algorithm)] // zero: matches no certificate
	return in.ReadASN1((*cryptobyte.String)(&id.issuerName), asn1.OCTET_STRING) &&
		in.ReadASN1((*cryptobyte.String)(&id.issuerKey), asn1.OCTET_STRING) &&
		in.ReadASN1((*cryptobyte.String)(&id.serialContent), asn1.INTEGER) && in.Empty()
}

// readExtensions is section 4.4 for one certificate: what is left of its data.
func (one *single) readExtensions(s cryptobyte.String) error {
	extensions, ok := readTaggedExtensions(&s, explicit(1))
	if !ok || !s.Empty() {
		return errOCSP
	}
	const signedTimestamps = "1.3.6.1.4.1.11129.2.4.5" // RFC 6962 section 3.3: says nothing about revocation
	for _, e := range extensions {
		one.useless = one.useless || e.critical && e.id != signedTimestamps
	}
	return nil
}

// matches tells whether the response is about that certificate of that issuer.
func (id certID) matches(c, issuer *certpath.Certificate) bool {
	if id.hash == 0 {
		return false
	}
	want, ok := identify(id.hash, c, issuer)
	return ok && bytes.Equal(id.issuerName, want.issuerName) && bytes.Equal(id.issuerKey, want.issuerKey) &&
		bytes.Equal(id.serialContent, want.serialContent)
}

func identify(h crypto.Hash, c, issuer *certpath.Certificate) (certID, bool) {
	key, ok := keyBits(issuer)
	return certID{h, sum(h, c.X509.RawIssuer), sum(h, key), serialContent(c)}, ok
}

func sum(h crypto.Hash, data []byte) []byte {
	w := h.New()
	w.Write(data)
	return w.Sum(nil)
}

// keyBits is the content of the subjectPublicKey BIT STRING without its count of unused bits.
func keyBits(c *certpath.Certificate) ([]byte, bool) {
	var in, bits cryptobyte.String
	s := cryptobyte.String(c.X509.RawSubjectPublicKeyInfo)
	if !s.ReadASN1(&in, asn1.SEQUENCE) || !in.SkipASN1(asn1.SEQUENCE) || !in.ReadASN1(&bits, asn1.BIT_STRING) || len(bits) == 0 {
		return nil, false
	}
	return bits[1:], true
}

// serialContent is the serial number as the content of a DER INTEGER.
func serialContent(c *certpath.Certificate) []byte {
	var b cryptobyte.Builder
	b.AddASN1BigInt(c.Serial())
	var content cryptobyte.String
	integer := cryptobyte.String(b.BytesOrPanic()) // a number of any size can be written
	integer.ReadASN1(&content, asn1.INTEGER)
	return content
}
