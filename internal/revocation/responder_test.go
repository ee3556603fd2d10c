package revocation

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509/pkix"
	"encoding/asn1"
	"io"
	"net/http"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"
)

// respond answers a request, after a test has changed what it says, which key signs, and which nonce it carries.
func (w *world) respond(change func(*ocsp.Response), key crypto.Signer, nonce func(asked []byte) []byte) http.HandlerFunc {
	return func(out http.ResponseWriter, r *http.Request) {
		asked, err := io.ReadAll(r.Body)
		request, parseErr := ocsp.ParseRequest(asked)
		if err != nil || parseErr != nil || r.Header.Get("Content-Type") != "application/ocsp-request" {
			w.t.Error("not an OCSP request:", err, parseErr)
			return
		}
		now := w.clock()
		template := ocsp.Response{
			Status: ocsp.Good, SerialNumber: request.SerialNumber, ThisUpdate: now.Add(-time.Hour), NextUpdate: now.Add(24 * time.Hour),
		}
		if change != nil {
			change(&template)
		}
		der, err := ocsp.CreateResponse(w.ca.Certificate, w.ca.Certificate, template, key)
		if err != nil {
			w.t.Error(err)
		}
		_, _ = out.Write(withNonce(w.t, der, nonce(nonceOf(w.t, asked)), key))
	}
}

func echoNonce(asked []byte) []byte { return asked }

func noNonce([]byte) []byte { return nil }

func anotherNonce([]byte) []byte { return bytes.Repeat([]byte{1}, 32) }

var oidNonce = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 2}

func nonceOf(t testing.TB, request []byte) (nonce []byte) {
	t.Helper()
	var r struct {
		TBS struct {
			List       []asn1.RawValue
			Extensions []pkix.Extension `asn1:"explicit,tag:2"`
		}
	}
	if _, err := asn1.Unmarshal(request, &r); err != nil || len(r.TBS.Extensions) != 1 || !r.TBS.Extensions[0].Id.Equal(oidNonce) {
		t.Errorf("a request without a nonce: %v", err)
		return nil
	}
	if _, err := asn1.Unmarshal(r.TBS.Extensions[0].Value, &nonce); err != nil || len(nonce) != 32 {
		t.Errorf("a nonce of %d bytes: %v", len(nonce), err)
	}
	return nonce
}

// withNonce adds a nonce to a response, which the library cannot, and signs it again with a P-256 key.
func withNonce(t testing.TB, der, nonce []byte, key crypto.Signer) []byte {
	t.Helper()
	if nonce == nil {
		return der
	}
	var outer struct {
		Status asn1.Enumerated
		Bytes  struct {
			Type  asn1.ObjectIdentifier
			Basic []byte
		} `asn1:"explicit,tag:0"`
	}
	var basic struct {
		TBS       asn1.RawValue
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}
	must(t, unmarshal(der, &outer))
	must(t, unmarshal(outer.Bytes.Basic, &basic))
	value := marshal(t, nonce)
	extensions := marshal(t, []pkix.Extension{{Id: oidNonce, Value: value}})
	tagged := marshal(t, asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 1, IsCompound: true, Bytes: extensions})
	tbs := marshal(t, asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: append(bytes.Clone(basic.TBS.Bytes), tagged...)})
	digest := sha256.Sum256(tbs)
	signature, err := key.Sign(rand.Reader, digest[:], crypto.SHA256)
	must(t, err)
	basic.TBS = asn1.RawValue{FullBytes: tbs}
	basic.Signature = asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)}
	outer.Bytes.Basic = marshal(t, basic)
	return marshal(t, outer)
}

func unmarshal(der []byte, into any) error {
	_, err := asn1.Unmarshal(der, into)
	return err
}

func marshal(t testing.TB, v any) []byte {
	t.Helper()
	der, err := asn1.Marshal(v)
	must(t, err)
	return der
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
