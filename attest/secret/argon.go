package secret

import (
	"encoding/json"
	"errors"
	"fmt"

	"golang.org/x/crypto/argon2"

	"github.com/regrant/regrant/internal/strictjson"
)

// argonAlgorithm is Argon2id, version 0x13, whose tag goes through the keyed hash.
const argonAlgorithm = "argon2id+hmac-sha256"

const argonTag = 32 // bytes

// cost is what one Argon2id hash takes.
type cost struct {
	Time    uint32 `json:"time"`
	Memory  uint32 `json:"memory"` // KiB
	Threads uint8  `json:"threads"`
}

// costNow is the second choice of RFC 9106 section 4, for machines that hash for many.
var costNow = cost{Time: 3, Memory: 64 << 10, Threads: 4}

// costMost is more than any version has used. What is stored beyond it would take the machine down.
var costMost = cost{Time: 8, Memory: 256 << 10, Threads: 8}

func (c cost) possible() bool {
	return c.Time >= 1 && c.Time <= costMost.Time && c.Threads >= 1 && c.Threads <= costMost.Threads &&
		c.Memory >= 8*uint32(c.Threads) && c.Memory <= costMost.Memory
}

// hash is Argon2id of p. It takes [cost.Memory] until the garbage collector comes by.
func (c cost) hash(p passphrase, salt []byte) []byte {
	return argon2.IDKey([]byte(p), salt, c.Time, c.Memory, c.Threads, argonTag)
}

// passphraseReference is what is stored of a passphrase. The cost is stored too, so that it can be raised for those that come later.
type passphraseReference struct {
	Algorithm string `json:"alg"`
	cost
	Salt     []byte `json:"salt"`
	Verifier []byte `json:"verifier"`
}

// passphraseDecoy stands in where no passphrase is bound. It costs what a new one costs.
var passphraseDecoy = passphraseReference{
	Algorithm: argonAlgorithm, cost: costNow, Salt: make([]byte, saltSize), Verifier: make([]byte, 32),
}.encode()

func (r passphraseReference) encode() []byte {
	b, _ := json.Marshal(r) // numbers, strings and bytes always have a form
	return b
}

// parsePassphraseReference reads what Finish made. An error is no refusal: the store cannot be read.
func parsePassphraseReference(b []byte) (passphraseReference, error) {
	var r passphraseReference
	if err := strictjson.Decode(b, &r); err != nil {
		return passphraseReference{}, fmt.Errorf("reading a stored passphrase: %w", err)
	}
	if r.Algorithm != argonAlgorithm || !r.possible() {
		return passphraseReference{}, errors.New("reading a stored passphrase: its algorithm or cost is not known")
	}
	return r, nil
}
