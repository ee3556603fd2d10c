package secret

import (
	"errors"
	"strconv"

	"github.com/regrant/regrant/attest"
)

// setSize is how many codes a set has.
const setSize = 10

// Begin asks for nothing: the gateway makes the codes.
func (f *Codes) Begin(_ attest.Enrolling, body []byte) (attest.Prompt, error) {
	if err := decode(body, maxCodeBody, &struct{}{}); err != nil {
		return attest.Prompt{}, err
	}
	return attest.Prompt{Options: []byte("{}")}, nil
}

// Finish makes a set of ten codes. An error that is no refusal says that there is no good randomness; no code exists then.
func (f *Codes) Finish(e attest.Enrolling, _, body []byte) (attest.Enrolled, error) {
	if err := decode(body, maxCodeBody, &struct{}{}); err != nil {
		return attest.Enrolled{}, err
	}
	set := attest.Enrolled{Detail: map[string]string{"codes": strconv.Itoa(setSize)}}
	seen := map[string]bool{}
	for range setSize {
		handle, text, err := f.Replace(e)
		if err != nil {
			return attest.Enrolled{}, err
		}
		if seen[string(handle.Value)] { // ten codes never meet unless randomness repeats itself
			return attest.Enrolled{}, errors.New("randomness repeats itself")
		}
		seen[string(handle.Value)] = true
		set.Handles = append(set.Handles, handle)
		set.Shown = append(set.Shown, text)
	}
	return set, nil
}

// Replace makes one code, such as the one that takes the place of a code that was used (SP 800-63B-4 section 4.2.1.1).
func (f *Codes) Replace(e attest.Enrolling) (handle attest.Handle, shown string, err error) {
	c, err := newCode(e.Random)
	if err != nil {
		return attest.Handle{}, "", err
	}
	salt, err := draw(e.Random, saltSize)
	if err != nil {
		return attest.Handle{}, "", err
	}
	selector, err := f.handle(c)
	if err != nil {
		return attest.Handle{}, "", err
	}
	verifier, err := f.verifier(c, salt)
	if err != nil {
		return attest.Handle{}, "", err
	}
	reference := codeReference{Algorithm: codeAlgorithm, Salt: salt, Verifier: verifier}
	return attest.Handle{Value: selector, Reference: reference.encode(), OneTime: true}, c.text(), nil
}
