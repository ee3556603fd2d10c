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

// readTaggedExtensions reads Extensions under an explicit tag: none if the tag is not there.
func readTaggedExtensions(s *cryptobyte.String, tag tags.Tag) ([]extension, bool) {
	list, there, ok := readTaggedList(s, tag)
	if !there {
		return nil, ok
	}
	return readExtensions(list)
}

// readTaggedList reads the content of a SEQUENCE OF under an explicit tag, if it is there.
func readTaggedList(s *cryptobyte.String, tag tags.Tag) (list cryptobyte.String, there, ok bool) {
	var outer cryptobyte.String
	if !s.ReadOptionalASN1(&outer, &there, tag) {
		return nil, false, false
	}
	if !there {
		return nil, false, true
	}
	ok = outer.ReadASN1(&list, tags.SEQUENCE) && outer.Empty()
	return list, ok, ok
}

func implicit(n uint8) tags.Tag { return tags.Tag(n).ContextSpecific() }

func explicit(n uint8) tags.Tag { return tags.Tag(n).ContextSpecific().Constructed() }
