package revocation

import (
	"encoding/asn1"

	"golang.org/x/crypto/cryptobyte"
	tags "golang.org/x/crypto/cryptobyte/asn1"
)

type extension struct {
	id       string // dotted
	critical bool
	value    cryptobyte.String
}

// readExtensions reads the content of Extensions: at least one, none twice.
func readExtensions(list cryptobyte.String) ([]extension, bool) {
	var extensions []extension
	seen := make(map[string]bool)
	for !list.Empty() {
		var one cryptobyte.String
		var id asn1.ObjectIdentifier
		var e extension
		if !list.ReadASN1(&one, tags.SEQUENCE) || !one.ReadASN1ObjectIdentifier(&id) ||
			one.PeekASN1Tag(tags.BOOLEAN) && !one.ReadASN1Boolean(&e.critical) ||
			!one.ReadASN1(&e.value, tags.OCTET_STRING) || !one.Empty() {
			return nil, false
		}
		e.id = id.String()
		if seen[e.id] {
			return nil, false
		}
		seen[e.id] = true
		extensions = append(extensions, e)
	}
	return extensions, len(extensions) > 0
}

func implicit(n uint8) tags.Tag { return tags.Tag(n).ContextSpecific() }

func explicit(n uint8) tags.Tag { return tags.Tag(n).ContextSpecific().Constructed() }
