package revocation

import (
	"crypto"
	"crypto/rand"
	"crypto/subtle"
	"encoding/asn1"
	"errors"

	"golang.org/x/crypto/cryptobyte"
	tags "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/regrant/regrant/attest/certpath"
)

// Request is an OCSP request about one certificate.
type Request struct {
	DER   []byte // what is sent as application/ocsp-request
	nonce []byte
}

// nonceSize is what RFC 9654 section 2.1 recommends, in bytes.
const nonceSize = 32

// NewRequest makes a request with a fresh nonce (RFC 6960 section 4.1, RFC 9654). The certificate is named by SHA-1, which every responder knows.
func NewRequest(c, issuer *certpath.Certificate) (*Request, error) {
	id, ok := identify(crypto.SHA1, c, issuer)
	if !ok {
		return nil, errors.New("the issuer's key cannot be read")
	}
	r := &Request{nonce: make([]byte, nonceSize)}
	rand.Read(r.nonce) // never fails: crypto/rand ends the program instead
	var b cryptobyte.Builder
	b.AddASN1(tags.SEQUENCE, func(b *cryptobyte.Builder) { // OCSPRequest
		b.AddASN1(tags.SEQUENCE, func(b *cryptobyte.Builder) { // tbsRequest
			b.AddASN1(tags.SEQUENCE, func(b *cryptobyte.Builder) { // requestList
				b.AddASN1(tags.SEQUENCE, id.add)
			})
			b.AddASN1(explicit(2), r.addNonce) // requestExtensions
		})
	})
	var err error
	r.DER, err = b.Bytes()
	return r, err
}

// add writes the one member of a Request.
func (id certID) add(b *cryptobyte.Builder) {
	b.AddASN1(tags.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(tags.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}) // SHA-1
			b.AddASN1NULL()
		})
		b.AddASN1OctetString(id.issuerName)
		b.AddASN1OctetString(id.issuerKey)
		b.AddASN1(tags.INTEGER, func(b *cryptobyte.Builder) { b.AddBytes(id.serialContent) })
	})
}

func (r *Request) addNonce(b *cryptobyte.Builder) {
	b.AddASN1(tags.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(tags.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 2})
			b.AddASN1(tags.OCTET_STRING, func(b *cryptobyte.Builder) { b.AddASN1OctetString(r.nonce) })
		})
	})
}

// Answered tells whether the response may be the answer to this request: an error if it carries another nonce. Many responders sign
// in advance and carry none; those are held to their times alone (RFC 6960 section 4.4.1).
func (r *Request) Answered(response *Response) error {
	if response.nonce != nil && subtle.ConstantTimeCompare(response.nonce, r.nonce) != 1 {
		return errors.New("OCSP response carries another nonce")
	}
	return nil
}
