package revocation

import (
	"crypto/x509"
	"errors"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/regrant/regrant/attest/certpath"
)

const (
	// MaxResponse is how long an OCSP response may be, in bytes of DER.
	MaxResponse = 256 << 10

	maxSingle    = 256 // certificates in one response
	maxResponder = 8   // certificates that a responder sends along
)

var errOCSP = errors.New("not an OCSP response that answers")

// Response is a successful OCSP response (RFC 6960 section 4.2). It is parsed; whether it says anything is for a [Policy] to judge.
type Response struct {
	responderName *certpath.Name // one of the two is there
	responderKey  []byte         // SHA-1 of the key
	producedAt    time.Time
	singles       []single
	nonce         []byte
	useless       string // why it can be used for nothing, if so

	certificates []*certpath.Certificate
	algorithm    x509.SignatureAlgorithm
	tbs          []byte
	signature    []byte
	signedBy     signers
}

// NextUpdate is by when the responder will know newer of everything in the response; zero if it does not say.
func (r *Response) NextUpdate() time.Time {
	var first time.Time
	for _, s := range r.singles {
		if s.nextUpdate.IsZero() {
			return time.Time{}
		}
		if first.IsZero() || s.nextUpdate.Before(first) {
			first = s.nextUpdate
		}
	}
	return first
}

// oidBasic is id-pkix-ocsp-basic, 1.3.6.1.5.5.7.48.1.1, the content of its DER; that of the nonce ends in 2.
const oidBasic = "\x2b\x06\x01\x05\x05\x07\x30\x01\x01"

// ParseResponse reads one OCSP response in DER. A response that only says that there is no answer is an error.
func ParseResponse(der []byte) (*Response, error) {
	if len(der) > MaxResponse {
		return nil, errors.New("OCSP response is too large")
	}
	var outer, wrapped, inside, oid, basic cryptobyte.String
	var status int
	s := cryptobyte.String(append([]byte(nil), der...))
	if !s.ReadASN1(&outer, asn1.SEQUENCE) || !s.Empty() || !outer.ReadASN1Enum(&status) || status != 0 ||
		!outer.ReadASN1(&wrapped, explicit(0)) || !outer.Empty() ||
		!wrapped.ReadASN1(&inside, asn1.SEQUENCE) || !wrapped.Empty() ||
		!inside.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) || string(oid) != oidBasic ||
		!inside.ReadASN1(&basic, asn1.OCTET_STRING) || !inside.Empty() {
		return nil, errOCSP
	}
	return parseBasic(basic)
}

// parseBasic reads a BasicOCSPResponse (section 4.2.1).
func parseBasic(s cryptobyte.String) (*Response, error) {
	var in, element, tbs, bits cryptobyte.String
	if !s.ReadASN1(&in, asn1.SEQUENCE) || !s.Empty() || !in.ReadASN1Element(&element, asn1.SEQUENCE) {
		return nil, errOCSP
	}
	r := &Response{tbs: element}
	var ok bool
	if _, r.algorithm, ok = readAlgorithm(&in); !ok || !in.ReadASN1(&bits, asn1.BIT_STRING) || len(bits) == 0 || bits[0] != 0 {
		return nil, errOCSP
	}
	r.signature = bits[1:]
	if err := r.readCertificates(&in); err != nil {
		return nil, err
	}
	if !in.Empty() || !element.ReadASN1(&tbs, asn1.SEQUENCE) {
		return nil, errOCSP
	}
	if err := r.parse(tbs); err != nil {
		return nil, err
	}
	return r, nil
}

// readCertificates keeps the certificates that are well formed: one of them may be that of the signer.
func (r *Response) readCertificates(s *cryptobyte.String) error {
	list, _, ok := readTaggedList(s, explicit(0))
	if !ok {
		return errOCSP
	}
	for n := 0; !list.Empty(); n++ {
		var der cryptobyte.String
		if n == maxResponder || !list.ReadASN1Element(&der, asn1.SEQUENCE) {
			return errOCSP
		}
		if c, err := certpath.Parse(der); err == nil {
			r.certificates = append(r.certificates, c)
		}
	}
	return nil
}

// parse reads ResponseData.
func (r *Response) parse(s cryptobyte.String) error {
	var version, list cryptobyte.String
	var there bool
	if !s.ReadOptionalASN1(&version, &there, explicit(0)) || there && string(version) != "\x02\x01\x00" { // v1 alone exists
		return errOCSP
	}
	if err := r.readResponder(&s); err != nil {
		return err
	}
	var ok bool
	if !s.PeekASN1Tag(asn1.GeneralizedTime) {
		return errOCSP
	}
	if r.producedAt, ok = certpath.ReadTime(&s); !ok || !s.ReadASN1(&list, asn1.SEQUENCE) {
		return errOCSP
	}
	for !list.Empty() {
		one, err := readSingle(&list)
		if err != nil || len(r.singles) == maxSingle {
			return errOCSP
		}
		r.singles = append(r.singles, one)
	}
	return r.readExtensions(s)
}

func (r *Response) readResponder(s *cryptobyte.String) error {
	var id cryptobyte.String
	var tag asn1.Tag
	if !s.ReadAnyASN1(&id, &tag) {
		return errOCSP
	}
	switch tag {
	case explicit(1):
		name, err := certpath.ParseName(id)
		r.responderName = &name
		return err
	case explicit(2):
		var key cryptobyte.String
		if !id.ReadASN1(&key, asn1.OCTET_STRING) || !id.Empty() {
			return errOCSP
		}
		r.responderKey = key
		return nil
	}
	return errOCSP
}

// readExtensions is section 4.4 for the response as a whole: what is left of its data.
func (r *Response) readExtensions(s cryptobyte.String) error {
	extensions, ok := readTaggedExtensions(&s, explicit(1))
	if !ok || !s.Empty() {
		return errOCSP
	}
	for _, e := range extensions {
		switch {
		case e.id == "1.3.6.1.5.5.7.48.1.2": // nonce
			var nonce cryptobyte.String
			if !e.value.ReadASN1(&nonce, asn1.OCTET_STRING) || !e.value.Empty() || len(nonce) < 1 || len(nonce) > 128 {
				return errOCSP
			}
			r.nonce = nonce
		case e.critical:
			r.useless = "has an unknown critical extension"
		}
	}
	return nil
}
