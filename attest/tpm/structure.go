package tpm

import (
	"bytes"
	"errors"

	gotpm "github.com/google/go-tpm/tpm2"
)

// maxStructure is how long one structure may be, in bytes: the longest is the public area of an RSA key.
const maxStructure = 4 << 10

var errStructure = errors.New("not a TPM structure of this kind, or more than that")

// structure is what the library can read and write.
type structure[T any] interface {
	*T
	gotpm.Unmarshallable
}

// decode reads one structure of TPM 2.0 Part 2. The library stops where the structure ends and forgives unusual spellings; writing
// it again refuses both, so that the name of a key is computed over what was read.
func decode[T gotpm.Marshallable, P structure[T]](data []byte) (*T, error) {
	if len(data) > maxStructure {
		return nil, errStructure
	}
	v, err := gotpm.Unmarshal[T, P](data)
	if err != nil || !bytes.Equal(gotpm.Marshal(*v), data) {
		return nil, errStructure
	}
	return v, nil
}

// unsized takes the size off a TPM2B_PUBLIC, and returns a TPMT_PUBLIC as it is. No TPMT_PUBLIC reads as both: it would have to be
// as short as the number of its type.
func unsized(public []byte) []byte {
	if len(public) > 2 && int(public[0])<<8|int(public[1]) == len(public)-2 {
		return public[2:]
	}
	return public
}
