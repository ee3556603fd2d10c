package tpm

import (
	"bytes"
	"crypto"
	_ "crypto/sha1" //nolint:gosec // of old event logs, which may be replayed and never quoted
	_ "crypto/sha256"
	_ "crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"

	goattest "github.com/google/go-attestation/attest"
	gotpm "github.com/google/go-tpm/tpm2"
)

// registerCount is how many PCRs a PC client has.
const registerCount = 24

// Bank is one of the hashes by which a TPM keeps its PCRs. Only [ParseBank] makes one.
type Bank struct {
	name      string
	algorithm gotpm.TPMAlgID
	inLog     goattest.HashAlg // the same, as the library for logs names it
	hash      crypto.Hash
}

// banks are those that are read, the strongest last.
var banks = []Bank{
	{"sha1", gotpm.TPMAlgSHA1, goattest.HashSHA1, crypto.SHA1},
	{"sha256", gotpm.TPMAlgSHA256, goattest.HashSHA256, crypto.SHA256},
	{"sha384", gotpm.TPMAlgSHA384, goattest.HashSHA384, crypto.SHA384},
	{"sha512", gotpm.TPMAlgSHA512, goattest.HashSHA512, crypto.SHA512},
}

// DefaultBank is SHA-256.
var DefaultBank = banks[1]

// ParseBank reads "sha1", "sha256", "sha384" or "sha512".
func ParseBank(name string) (Bank, error) {
	i := slices.IndexFunc(banks, func(b Bank) bool { return b.name == name })
	if i < 0 {
		return Bank{}, errors.New("bank is none of sha1, sha256, sha384, sha512")
	}
	return banks[i], nil
}

// String is the name that [ParseBank] reads.
func (b Bank) String() string { return b.name }

// strong tells whether a quote of this bank counts: SHA-1 has collisions.
func (b Bank) strong() bool { return b.hash.Size() >= crypto.SHA256.Size() }

// Registers are values of PCRs in one bank, by index.
type Registers map[int][]byte

// ParseRegisters reads values in hexadecimal by decimal index, each as long as the bank's hash.
func (b Bank) ParseRegisters(texts map[string]string) (Registers, error) {
	if len(texts) > registerCount {
		return nil, errors.New("more PCRs than there are")
	}
	values := make(Registers, len(texts))
	for name, text := range texts {
		i, err := strconv.Atoi(name)
		if err != nil || i < 0 || i >= registerCount || strconv.Itoa(i) != name {
			return nil, errors.New("a PCR's index is not a number from 0 to 23")
		}
		if values[i], err = b.ParseRegister(text); err != nil {
			return nil, fmt.Errorf("PCR %d %w", i, err)
		}
	}
	return values, nil
}

// ParseRegister reads one value in hexadecimal.
func (b Bank) ParseRegister(text string) ([]byte, error) {
	if len(text) != 2*b.hash.Size() {
		return nil, fmt.Errorf("is not as long as a value of bank %s", b)
	}
	value, err := hex.DecodeString(text)
	if err != nil {
		return nil, errors.New("is not hexadecimal")
	}
	return value, nil
}

// Format writes the values as [Bank.ParseRegisters] reads them.
func (r Registers) Format() map[string]string {
	texts := make(map[string]string, len(r))
	for i, value := range r {
		texts[strconv.Itoa(i)] = hex.EncodeToString(value)
	}
	return texts
}

// indices lists the PCRs in their order.
func (r Registers) indices() []int {
	list := make([]int, 0, len(r))
	for i := range registerCount {
		if _, ok := r[i]; ok {
			list = append(list, i)
		}
	}
	return list
}

// digest is what a quote says about the values: all of them, one after the other, hashed as the attestation key hashes.
func (r Registers) digest(h crypto.Hash) []byte {
	sum := h.New()
	for _, i := range r.indices() {
		sum.Write(r[i])
	}
	return sum.Sum(nil)
}

// reset is the value of a PCR that nothing was measured into (PC Client Platform TPM Profile section 4.6.2): those of a dynamic launch are all ones.
func (b Bank) reset(index int) []byte {
	value := make([]byte, b.hash.Size())
	if index >= 17 && index <= 22 {
		return bytes.Repeat([]byte{0xff}, len(value))
	}
	return value
}
