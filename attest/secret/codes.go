package secret

import (
	"crypto/hmac"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/strictjson"
)

const maxCodeBody = 2 << 10 // bytes; a code of which each character is written as an escape has less

// Codes is [attest.MethodRecoveryCode].
type Codes struct{ hash KeyedHash }

var (
	_ attest.Enroller = (*Codes)(nil)
	_ attest.Replacer = (*Codes)(nil)
)

// NewCodes makes the format.
func NewCodes(hash KeyedHash) *Codes { return &Codes{hash} }

// Method is [attest.MethodRecoveryCode].
func (f *Codes) Method() attest.Method { return attest.MethodRecoveryCode }

// Locate returns the hash of the selector.
func (f *Codes) Locate(body []byte, _ string) ([]byte, error) {
	c, err := parseCodeEvidence(body)
	if err != nil {
		return nil, err
	}
	return f.handle(c)
}

// Verify makes the checks in the order in which they are numbered.
func (f *Codes) Verify(in attest.Input) (attest.Claims, error) {
	// 1. It is a code without a typo. Whoever guesses can compute the check characters too: this only keeps mistakes from being
	// counted.
	c, err := parseCodeEvidence(in.Body)
	if err != nil {
		return attest.Claims{}, err
	}
	// 2. The selector is that of the code that is bound. If it is not, all the work is done with a decoy.
	handle, err := f.handle(c)
	if err != nil {
		return attest.Claims{}, err
	}
	known := in.Bound.Authenticator != "" && hmac.Equal(handle, in.Bound.Handle)
	reference := codeDecoy
	if known {
		reference = in.Bound.Reference
	}
	stored, err := parseCodeReference(reference)
	if err != nil {
		return attest.Claims{}, err
	}
	// 3. The verifier is that of the code that is bound.
	verifier, err := f.verifier(c, stored.Salt)
	if err != nil {
		return attest.Claims{}, err
	}
	right := hmac.Equal(verifier, stored.Verifier)
	switch {
	case !known:
		return attest.Claims{}, attest.Refuse(attest.ReasonIdentity, "no such code")
	case !right:
		return attest.Claims{}, attest.WrongGuess("the verifier of the code is wrong")
	}
	return attest.Claims{Handle: handle}, nil
}

// handle hashes the selector. The key is for whoever reads the store: without it he finds no selector whose guesses he could use up.
func (f *Codes) handle(c code) ([]byte, error) {
	return f.hash.sum("recovery-code selector", []byte(c.selector))
}

// verifier hashes the selector too, so that no record can stand in for another.
func (f *Codes) verifier(c code, salt []byte) ([]byte, error) {
	return f.hash.sum("recovery-code verifier", salt, []byte(c.selector), []byte(c.verifier))
}

func parseCodeEvidence(body []byte) (code, error) {
	var m struct {
		Method string `json:"method"`
		Code   string `json:"code"`
	}
	if err := decode(body, maxCodeBody, &m); err != nil {
		return code{}, err
	}
	if m.Method != string(attest.MethodRecoveryCode) {
		return code{}, attest.Refuse(attest.ReasonMalformed, "method is not %s", attest.MethodRecoveryCode)
	}
	c, err := parseCode(m.Code)
	if err != nil {
		return code{}, attest.Refuse(attest.ReasonMalformed, "%v", err)
	}
	return c, nil
}

// codeAlgorithm names how verifiers are hashed.
const codeAlgorithm = "hmac-sha256"

// codeReference is what is stored of a code.
type codeReference struct {
	Algorithm string `json:"alg"`
	Salt      []byte `json:"salt"`
	Verifier  []byte `json:"verifier"`
}

// codeDecoy stands in for a code that does not exist. No verifier hashes to it that anybody knows of.
var codeDecoy = codeReference{Algorithm: codeAlgorithm, Salt: make([]byte, saltSize), Verifier: make([]byte, 32)}.encode()

func (r codeReference) encode() []byte {
	b, _ := json.Marshal(r) // strings and bytes always have a form
	return b
}

// parseCodeReference reads what Finish made. An error is no refusal: the store cannot be read.
func parseCodeReference(b []byte) (codeReference, error) {
	var r codeReference
	if err := strictjson.Decode(b, &r); err != nil {
		return codeReference{}, fmt.Errorf("reading a stored recovery code: %w", err)
	}
	if r.Algorithm != codeAlgorithm {
		return codeReference{}, errors.New("reading a stored recovery code: its algorithm is not known")
	}
	return r, nil
}
