package attest

import (
	"crypto/sha256"
	"encoding/base32"
	"strings"
)

// Fingerprint is a public key (SubjectPublicKeyInfo, DER) as people compare it on two screens: 120 bits of its SHA-256 in six
// groups of Crockford's base 32, which has no letter that is easily misread. Whoever wants another key to look the same
// has to make 2^120 of them.
func Fingerprint(spki []byte) string {
	sum := sha256.Sum256(spki)
	text := base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").EncodeToString(sum[:15])
	groups := make([]string, 0, len(text)/4)
	for ; text != ""; text = text[4:] {
		groups = append(groups, text[:4])
	}
	return strings.Join(groups, "-")
}
