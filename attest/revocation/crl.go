package revocation

import (
	"bytes"
	"crypto/x509"
	"errors"
	"math/big"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/regrant/regrant/attest/certpath"
)

// MaxCRL is how long a CRL may be, in bytes of DER.
const MaxCRL = 16 << 20

var errCRL = errors.New("not a certificate revocation list")

// CRL is a certificate revocation list (RFC 5280 section 5). It is parsed; whether it says anything is for a [Policy] to judge.
type CRL struct {
	issuer     certpath.Name
	thisUpdate time.Time
	nextUpdate time.Time // zero: absent
	scope      scope
	revoked    map[string]bool // content octets of serial numbers
	useless    string          // why it can be used for nothing, if so

	algorithm x509.SignatureAlgorithm
	tbs       []byte
	signature []byte
	signedBy  signers
	extended  bool // has extensions
	entries   bool // has extensions of entries
	number    *big.Int
}

// NextUpdate is by when the issuer will have made another one; zero if it does not say.
func (l *CRL) NextUpdate() time.Time { return l.nextUpdate }

// ThisUpdate is when the issuer made it.
func (l *CRL) ThisUpdate() time.Time { return l.thisUpdate }

// Issuer is in whose name it is.
func (l *CRL) Issuer() certpath.Name { return l.issuer }

// SignedBy tells whether c has the name of the issuer, a key that signed the list, and may sign lists. Whether c is trusted, it does not tell.
func (l *CRL) SignedBy(c *certpath.Certificate) bool { return c.Subject.Equal(l.issuer) && l.by(c) }

// ParseCRL reads one CRL in DER.
func ParseCRL(der []byte) (*CRL, error) {
	if len(der) > MaxCRL {
		return nil, errors.New("CRL is too large")
	}
	var outer, element, tbs, bits cryptobyte.String
	s := cryptobyte.String(bytes.Clone(der))
	if !s.ReadASN1(&outer, asn1.SEQUENCE) || !s.Empty() || !outer.ReadASN1Element(&element, asn1.SEQUENCE) {
		return nil, errCRL
	}
	algorithm, known, ok := readAlgorithm(&outer)
	if !ok || !outer.ReadASN1(&bits, asn1.BIT_STRING) || !outer.Empty() || len(bits) == 0 || bits[0] != 0 {
		return nil, errCRL
	}
	l := &CRL{algorithm: known, tbs: element, signature: bits[1:], scope: scope{reasons: allReasons}, revoked: make(map[string]bool)}
	if !element.ReadASN1(&tbs, asn1.SEQUENCE) {
		return nil, errCRL
	}
	if err := l.parse(tbs, algorithm); err != nil {
		return nil, err
	}
	return l, nil
}

// parse reads a TBSCertList, whose fields come in this order (section 5.1).
func (l *CRL) parse(s cryptobyte.String, algorithm []byte) error {
	version := int64(0)
	if s.PeekASN1Tag(asn1.INTEGER) && (!s.ReadASN1Integer(&version) || version != 1) {
		return errCRL
	}
	signature, _, ok := readAlgorithm(&s)
	if !ok || !bytes.Equal(signature, algorithm) { // section 5.1.1.2
		return errCRL
	}
	var issuer cryptobyte.String
	var err error
	if !s.ReadASN1Element(&issuer, asn1.SEQUENCE) {
		return errCRL
	}
	if l.issuer, err = certpath.ParseName(issuer); err != nil {
		return err
	}
	if l.thisUpdate, ok = certpath.ReadTime(&s); !ok {
		return errCRL
	}
	if s.PeekASN1Tag(asn1.UTCTime) || s.PeekASN1Tag(asn1.GeneralizedTime) {
		if l.nextUpdate, ok = certpath.ReadTime(&s); !ok {
			return errCRL
		}
	}
	if err := l.parseEntries(&s); err != nil {
		return err
	}
	if err := l.parseExtensions(&s); err != nil {
		return err
	}
	if version == 0 && (l.extended || l.entries) || !s.Empty() {
		return errCRL
	}
	return nil
}

func (l *CRL) parseEntries(s *cryptobyte.String) error {
	var list cryptobyte.String
	var there bool
	if !s.ReadOptionalASN1(&list, &there, asn1.SEQUENCE) || there && list.Empty() {
		return errCRL
	}
	for !list.Empty() {
		var entry, serial, extensions cryptobyte.String
		var extended bool
		if !list.ReadASN1(&entry, asn1.SEQUENCE) || !entry.ReadASN1(&serial, asn1.INTEGER) || !shortest(serial) {
			return errCRL
		}
		_, ok := certpath.ReadTime(&entry)
		if !ok || !entry.ReadOptionalASN1(&extensions, &extended, asn1.SEQUENCE) || !entry.Empty() {
			return errCRL
		}
		l.revoked[string(serial)] = true
		if extended {
			if err := l.parseEntryExtensions(extensions); err != nil {
				return err
			}
		}
	}
	return nil
}

// shortest tells whether an INTEGER is encoded as DER demands. In another spelling a serial number would not be found.
func shortest(n cryptobyte.String) bool {
	return len(n) == 1 || len(n) > 1 && !(n[0] == 0 && n[1]&0x80 == 0) && !(n[0] == 0xff && n[1]&0x80 != 0)
}

// parseEntryExtensions is section 5.3. The reason does not matter: certificateHold is revoked too. An entry about another issuer's
// certificate, or with a critical extension that is not known, spoils the whole list.
func (l *CRL) parseEntryExtensions(s cryptobyte.String) error {
	l.entries = true
	extensions, ok := readExtensions(s)
	if !ok {
		return errCRL
	}
	for _, e := range extensions {
		switch e.id {
		case "2.5.29.21", "2.5.29.24": // reasonCode, invalidityDate
		case "2.5.29.29":
			l.useless = "is an indirect CRL"
		default:
			l.spoil(e)
		}
	}
	return nil
}

func (l *CRL) spoil(e extension) {
	if e.critical {
		l.useless = "has an unknown critical extension"
	}
}

// parseExtensions is section 5.2.
func (l *CRL) parseExtensions(s *cryptobyte.String) error {
	extensions, ok := readTaggedExtensions(s, explicit(0))
	if !ok {
		return errCRL
	}
	l.extended = len(extensions) > 0
	for _, e := range extensions {
		if err := l.parseExtension(e); err != nil {
			return err
		}
	}
	return nil
}

func (l *CRL) parseExtension(e extension) (err error) {
	switch e.id {
	case "2.5.29.20": // cRLNumber
		l.number = new(big.Int)
		if !e.value.ReadASN1Integer(l.number) || !e.value.Empty() || l.number.Sign() < 0 {
			return errCRL
		}
		l.spoil(e) // section 5.2.3: never critical
	case "2.5.29.27": // deltaCRLIndicator
		l.useless = "is a delta CRL"
	case "2.5.29.28": // issuingDistributionPoint
		if l.scope, err = parseScope(e.value, l.issuer); err != nil {
			return err
		}
		if l.scope.indirect {
			l.useless = "is an indirect CRL"
		}
	case "2.5.29.35": // authorityKeyIdentifier only says where to look
	default:
		l.spoil(e)
	}
	return nil
}
