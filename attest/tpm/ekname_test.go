package tpm

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"strings"
	"testing"

	"github.com/regrant/regrant/attest/attesttest"
)

// FuzzModel reads the alternative names of a certificate of an endorsement key: three words, all of which stand there, or none.
func FuzzModel(f *testing.F) {
	f.Add(attesttest.TPMName("id:494E5443", "SLB9670", "id:0007").Value)
	f.Add(attesttest.TPMName("id:494E5443", "with a space", "id:0007").Value)
	f.Fuzz(func(t *testing.T, value []byte) {
		model, err := modelOf(&x509.Certificate{Extensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Value: value}}})
		if err != nil {
			if model != "" {
				t.Errorf("model %q beside %v", model, err)
			}
			return
		}
		words := strings.Split(model, " ")
		if len(words) != 3 {
			t.Errorf("model %q", model)
		}
		for _, word := range words {
			if word == "" || !bytes.Contains(value, []byte(word)) {
				t.Errorf("model %q", model)
			}
		}
	})
}
