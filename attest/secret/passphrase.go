package secret

import (
	"crypto/hmac"
	"errors"
	"fmt"

	"github.com/regrant/regrant/attest"
)

// PassphraseConfig says what a [Passphrase] stands on. Both are required.
type PassphraseConfig struct {
	Hash KeyedHash

	// Slots runs work once there is room for it, or gives an error and does not run it. One hash takes 64 MiB and, on four
	// processors, a tenth of a second: how many run at once and how many wait is the host's to bound.
	Slots func(work func()) error
}

// Passphrase is [attest.MethodPassphrase]. An account has at most one.
type Passphrase struct{ config PassphraseConfig }

var _ attest.Enroller = (*Passphrase)(nil)

// NewPassphrase makes the format.
func NewPassphrase(c PassphraseConfig) *Passphrase { return &Passphrase{c} }

// Method is [attest.MethodPassphrase].
func (f *Passphrase) Method() attest.Method { return attest.MethodPassphrase }

// Locate returns the hash of account. A passphrase has no selector, so without an account that another proof has found there is nothing to look up.
func (f *Passphrase) Locate(body []byte, account string) ([]byte, error) {
	if _, err := parsePassphraseEvidence(body); err != nil {
		return nil, err
	}
	if account == "" {
		return nil, attest.Refuse(attest.ReasonPolicy, "a passphrase counts only after another proof")
	}
	return f.handle(account)
}

// Verify makes the checks in the order in which they are numbered.
func (f *Passphrase) Verify(in attest.Input) (attest.Claims, error) {
	// 1. It is a passphrase that somebody could have.
	p, err := parsePassphraseEvidence(in.Body)
	if err != nil {
		return attest.Claims{}, err
	}
	// 2. The account has one. If it has not, all the work is done with a decoy.
	known := in.Bound.Authenticator != ""
	reference := passphraseDecoy
	if known {
		reference = in.Bound.Reference
	}
	stored, err := parsePassphraseReference(reference)
	if err != nil {
		return attest.Claims{}, err
	}
	// 3. It is this one.
	verifier, err := f.verifier(p, in.Bound.Handle, stored)
	if err != nil {
		return attest.Claims{}, err
	}
	right := hmac.Equal(verifier, stored.Verifier)
	switch {
	case !known:
		return attest.Claims{}, attest.Refuse(attest.ReasonIdentity, "the account has no passphrase")
	case !right:
		return attest.Claims{}, attest.WrongGuess("the passphrase is wrong")
	}
	return attest.Claims{Handle: in.Bound.Handle}, nil
}

// Begin tells how long a passphrase is.
func (f *Passphrase) Begin(_ attest.Enrolling, body []byte) (attest.Prompt, error) {
	if err := decode(body, maxPassphraseBody, &struct{}{}); err != nil {
		return attest.Prompt{}, err
	}
	return attest.Prompt{Options: fmt.Appendf(nil, `{"min_length":%d,"max_length":%d}`, MinPassphrase, MaxPassphrase)}, nil
}

// Finish takes the passphrase that the person chose. It is refused with [attest.ReasonPolicy] if it is easy to guess. Its handle is that of
// the account's earlier one, which it takes the place of.
func (f *Passphrase) Finish(e attest.Enrolling, _, body []byte) (attest.Enrolled, error) {
	var m struct {
		Passphrase string `json:"passphrase"`
	}
	if err := decode(body, maxPassphraseBody, &m); err != nil {
		return attest.Enrolled{}, err
	}
	p, err := parsePassphrase(m.Passphrase)
	if err != nil {
		return attest.Enrolled{}, err
	}
	handle, err := f.handle(e.AccountID)
	if err != nil {
		return attest.Enrolled{}, err
	}
	strong := false
	if err := f.config.run(func() { strong = isStrong(p, e.Name, e.Issuer) }); err != nil {
		return attest.Enrolled{}, err
	}
	if !strong {
		return attest.Enrolled{}, attest.Refuse(attest.ReasonPolicy, "the passphrase is easy to guess")
	}
	return f.enrol(e, p, handle)
}

func (f *Passphrase) enrol(e attest.Enrolling, p passphrase, handle []byte) (attest.Enrolled, error) {
	salt, err := draw(e.Random, saltSize)
	if err != nil {
		return attest.Enrolled{}, err
	}
	stored := passphraseReference{Algorithm: argonAlgorithm, cost: costNow, Salt: salt}
	if stored.Verifier, err = f.verifier(p, handle, stored); err != nil {
		return attest.Enrolled{}, err
	}
	return attest.Enrolled{Handles: []attest.Handle{{Value: handle, Reference: stored.encode()}}}, nil
}

// handle names the one passphrase of an account.
func (f *Passphrase) handle(account string) ([]byte, error) {
	if account == "" {
		return nil, errors.New("a passphrase of no account")
	}
	return f.config.Hash.sum("passphrase account", []byte(account))
}

// verifier hashes the handle too, so that the record of one account cannot stand in for another's.
func (f *Passphrase) verifier(p passphrase, handle []byte, r passphraseReference) ([]byte, error) {
	var tag []byte
	if err := f.config.run(func() { tag = r.hash(p, r.Salt) }); err != nil {
		return nil, err
	}
	return f.config.Hash.sum("passphrase verifier", handle, r.Salt, tag)
}

// run runs work in a slot. Work that did not run is an error, whatever the host says.
func (c PassphraseConfig) run(work func()) error {
	if c.Slots == nil {
		return errors.New("passphrases have no slots to be hashed in")
	}
	ran := false
	if err := c.Slots(func() { work(); ran = true }); err != nil {
		return fmt.Errorf("waiting for a slot: %w", err)
	}
	if !ran {
		return errors.New("a slot was given and not used")
	}
	return nil
}

func parsePassphraseEvidence(body []byte) (passphrase, error) {
	var m struct {
		Method     string `json:"method"`
		Passphrase string `json:"passphrase"`
	}
	if err := decode(body, maxPassphraseBody, &m); err != nil {
		return "", err
	}
	if m.Method != string(attest.MethodPassphrase) {
		return "", attest.Refuse(attest.ReasonMalformed, "method is not %s", attest.MethodPassphrase)
	}
	return parsePassphrase(m.Passphrase)
}
