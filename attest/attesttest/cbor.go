package attesttest

import (
	"encoding/binary"
	"fmt"
)

// Pairs is a CBOR map whose members stand in the order of the list, twice if they are in it twice.
type Pairs []Pair

// Pair is a member of a CBOR map: key and value.
type Pair [2]any

// Raw is CBOR that is encoded already.
type Raw []byte

// With returns the pairs with another value for a key, or without it where value is nil.
func (p Pairs) With(key, value any) Pairs {
	var out Pairs
	found := false
	for _, one := range p {
		if one[0] != key {
			out = append(out, one)
		} else if found = true; value != nil {
			out = append(out, Pair{key, value})
		}
	}
	if !found && value != nil {
		out = append(out, Pair{key, value})
	}
	return out
}

// Value returns the value of a key.
func (p Pairs) Value(key any) any {
	for _, one := range p {
		if one[0] == key {
			return one[1]
		}
	}
	return nil
}

// CBOR encodes integers, bytes, text, booleans, lists, [Pairs] and [Raw] (RFC 8949), each in its shortest form.
func CBOR(v any) []byte {
	switch v := v.(type) {
	case int:
		if v < 0 {
			return head(1, uint64(-1-v))
		}
		return head(0, uint64(v))
	case []byte:
		return append(head(2, uint64(len(v))), v...)
	case string:
		return append(head(3, uint64(len(v))), v...)
	case []any:
		out := head(4, uint64(len(v)))
		for _, one := range v {
			out = append(out, CBOR(one)...)
		}
		return out
	case Pairs:
		out := head(5, uint64(len(v)))
		for _, one := range v {
			out = append(append(out, CBOR(one[0])...), CBOR(one[1])...)
		}
		return out
	case bool:
		if v {
			return []byte{0xf5}
		}
		return []byte{0xf4}
	case Raw:
		return v
	}
	panic(fmt.Sprintf("no CBOR for %T", v))
}

func head(major byte, n uint64) []byte {
	major <<= 5
	switch {
	case n < 24:
		return []byte{major | byte(n)}
	case n < 1<<8:
		return []byte{major | 24, byte(n)}
	case n < 1<<16:
		return binary.BigEndian.AppendUint16([]byte{major | 25}, uint16(n))
	default:
		return append([]byte{major | 26}, binary.BigEndian.AppendUint64(nil, n)[4:]...)
	}
}
