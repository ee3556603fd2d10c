package sshsig

import (
	"github.com/go-json-experiment/json"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/strongkey"
	"github.com/regrant/regrant/internal/strictjson"
)

// options is what the client needs for signing.
type options struct {
	Text      string `json:"text,omitempty"` // at an enrolment; else the statement is signed
	Namespace string `json:"namespace"`
}

func (f *Format) options(text string) ([]byte, error) {
	return json.Marshal(options{text, f.namespace})
}

// Begin returns the text to be signed: whoever enrols a key shows that they hold it.
func (f *Format) Begin(e attest.Enrolling, body []byte) (attest.Prompt, error) {
	if err := strictjson.Decode(body, &struct{}{}); err != nil {
		return attest.Prompt{}, attest.Refuse(attest.ReasonMalformed, "%v", err)
	}
	o, err := f.options(attest.EnrolmentText(e, f.Method()))
	return attest.Prompt{Options: o}, err
}

// Finish takes a public key, a line as ssh-keygen writes it, and the text signed with it.
func (f *Format) Finish(e attest.Enrolling, _, body []byte) (attest.Enrolled, error) {
	var m struct {
		PublicKey string `json:"public_key"`
		Signature string `json:"signature"`
	}
	if err := strictjson.Decode(body, &m); err != nil {
		return attest.Enrolled{}, attest.Refuse(attest.ReasonMalformed, "%v", err)
	}
	key, err := ParseKey(m.PublicKey)
	if err != nil {
		return attest.Enrolled{}, err
	}
	if err := strongkey.CheckNew(key.public); err != nil {
		return attest.Enrolled{}, err
	}
	s, err := Parse(m.Signature)
	if err != nil {
		return attest.Enrolled{}, err
	}
	got, err := s.Verify([]byte(attest.EnrolmentText(e, f.Method())), Expected{
		Key: key, Namespace: f.namespace, Verification: f.verification,
	})
	if err != nil {
		return attest.Enrolled{}, err
	}
	stored, err := key.reference()
	if err != nil {
		return attest.Enrolled{}, err
	}
	return attest.Enrolled{
		Handles: []attest.Handle{{Value: key.Handle(), Reference: stored, Counter: got.Counter}},
		Detail:  map[string]string{"key_fingerprint": key.Fingerprint(), "algorithm": key.kind},
	}, nil
}
