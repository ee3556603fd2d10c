package recoverykey

import (
	"github.com/go-json-experiment/json"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/strongkey"
	"github.com/regrant/regrant/internal/strictjson"
)

// Begin returns the text to be signed: whoever enrols a key shows that they hold it.
func (f *Format) Begin(e attest.Enrolling, body []byte) (attest.Prompt, error) {
	if err := strictjson.Decode(body, &struct{}{}); err != nil {
		return attest.Prompt{}, attest.Refuse(attest.ReasonMalformed, "%v", err)
	}
	options, err := json.Marshal(struct {
		Text string `json:"text"`
	}{attest.EnrolmentText(e, f.Method())})
	return attest.Prompt{Options: options}, err
}

// Finish takes a public key, as JWK or as DID, and the text signed with it; the method may be named, as in what [ParseProof] returns. The
// algorithm that is used now is the only one that the key may be used with from then on.
func (f *Format) Finish(e attest.Enrolling, _, body []byte) (attest.Enrolled, error) {
	m := message{Method: string(f.Method())}
	if err := strictjson.Decode(body, &m); err != nil {
		return attest.Enrolled{}, attest.Refuse(attest.ReasonMalformed, "%v", err)
	}
	if m.Method != string(f.Method()) {
		return attest.Enrolled{}, attest.Refuse(attest.ReasonMalformed, "method is not %s", f.Method())
	}
	ev, err := m.parse()
	if err != nil {
		return attest.Enrolled{}, err
	}
	if err := strongkey.CheckNew(ev.key.public); err != nil {
		return attest.Enrolled{}, err
	}
	if err := ev.key.Verify(ev.algorithm, []byte(attest.EnrolmentText(e, f.Method())), ev.signature); err != nil {
		return attest.Enrolled{}, err
	}
	stored, err := ev.key.reference(ev.algorithm)
	if err != nil {
		return attest.Enrolled{}, err
	}
	return attest.Enrolled{
		Handles: []attest.Handle{{Value: ev.key.Handle(), Reference: stored}},
		Detail:  map[string]string{"key_fingerprint": b64.EncodeToString(ev.key.Handle()), "algorithm": ev.algorithm},
	}, nil
}
