package attesttest

import (
	"bytes"
	"encoding/asn1"
)

// Integer encodes an INTEGER in DER, as those below do what they are called after.
func Integer(n int) []byte { return must(n) }

// Enumerated encodes an ENUMERATED.
func Enumerated(n int) []byte { return must(asn1.Enumerated(n)) }

// Octets encodes an OCTET STRING.
func Octets(b []byte) []byte { return must(append([]byte{}, b...)) }

// Set encodes a SET OF INTEGER, in the order given.
func Set(members ...int) []byte {
	var content []byte
	for _, n := range members {
		content = append(content, Integer(n)...)
	}
	return must(asn1.RawValue{Tag: asn1.TagSet, IsCompound: true, Bytes: content})
}

// Sequence encodes a SEQUENCE of what is already encoded.
func Sequence(members ...[]byte) []byte {
	return must(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: bytes.Join(members, nil)})
}

// Null encodes NULL.
func Null() []byte { return []byte{5, 0} }

func must(value any) []byte {
	der, err := asn1.Marshal(value)
	if err != nil {
		panic(err) // what tests write down always marshals
	}
	return der
}
