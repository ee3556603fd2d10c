package webauthn

import (
	"encoding/base64"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"golang.org/x/crypto/cryptobyte"
	tags "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/certpath"
)

var errBlob = attest.Refuse(attest.ReasonMalformed, "metadata is not a JWT as it must be")

// verifyBlob returns the payload of a BLOB that was signed by whom it must be. Another header than these three members is not looked at: no
// address in it is called.
func verifyBlob(blob string, roots []*certpath.Certificate, now time.Time) ([]byte, error) {
	head, rest, _ := strings.Cut(blob, ".")
	body, sig, _ := strings.Cut(rest, ".")
	headText, err1 := base64.RawURLEncoding.DecodeString(head)
	payload, err2 := base64.RawURLEncoding.DecodeString(body)
	signature, err3 := base64.RawURLEncoding.DecodeString(sig)
	if err1 != nil || err2 != nil || err3 != nil {
		return nil, errBlob
	}
	var header struct {
		Algorithm string   `json:"alg"`
		Chain     []string `json:"x5c"`
		Critical  []string `json:"crit"`
	}
	if err := json.Unmarshal(headText, &header); err != nil || len(header.Critical) > 0 {
		return nil, errBlob
	}
	chain := readCertificates(header.Chain)
	if n := len(chain); n < 1 || n > maxCertificates || n != len(header.Chain) {
		return nil, errBlob
	}
	if err := metadataSigner(chain, roots, now); err != nil {
		return nil, err
	}
	message := blob[:len(head)+1+len(body)]
	return payload, checkJWS(chain[0], header.Algorithm, []byte(message), signature)
}

// metadataSigner demands a path from a certificate for [MetadataHost]: the roots of FIDO's CA issue to others too.
func metadataSigner(chain, roots []*certpath.Certificate, now time.Time) error {
	leaf := chain[0]
	if _, err := certpath.Find(leaf, chain[1:], certpath.Options{Anchors: roots, Now: now}); err != nil {
		return err
	}
	if !slices.Contains(leaf.X509.DNSNames, MetadataHost) || leaf.IsCA() || !leaf.MaySignData() {
		return attest.Refuse(attest.ReasonPurpose, "metadata is signed by another than %s", MetadataHost)
	}
	return nil
}

// checkJWS verifies ES256 or RS256. The signature of ES256 has two numbers side by side (RFC 7518 section 3.4).
func checkJWS(c *certpath.Certificate, algorithm string, message, sig []byte) error {
	switch algorithm {
	case "RS256":
	case "ES256":
		if len(sig) != 64 {
			return attest.Refuse(attest.ReasonSignature, "signature does not verify")
		}
		var b cryptobyte.Builder
		b.AddASN1(tags.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1BigInt(new(big.Int).SetBytes(sig[:32]))
			b.AddASN1BigInt(new(big.Int).SetBytes(sig[32:]))
		})
		sig = b.BytesOrPanic()
	default:
		return attest.Refuse(attest.ReasonUnsupported, "metadata is signed with another algorithm than ES256 and RS256")
	}
	return c.CheckSignature(algorithm, message, sig)
}
