package tpm

import (
	"crypto/ecdsa"
	"crypto/subtle"
	"crypto/x509"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/strictjson"
)

// Finish takes what only the chip could answer, and a quote by the AK over the enrolment text. The chip is bound under two
// handles: the name of the AK, and the hash of the EK, so that no two devices are made of one chip.
func (f *Format) Finish(e attest.Enrolling, keep, body []byte) (attest.Enrolled, error) {
	var k kept
	if err := strictjson.Decode(keep, &k); err != nil {
		return attest.Enrolled{}, err
	}
	if len(k.Secret) != secretSize {
		return attest.Enrolled{}, errStored
	}
	// 1. The AK lives in the chip with the EK.
	finish := k.activated
	if k.Challenge {
		finish = k.solved
	}
	members, err := finish(body)
	if err != nil {
		return attest.Enrolled{}, err
	}
	// 2. It agrees to being bound to this account, on a machine in the demanded state.
	quote, err := members.parse()
	if err != nil {
		return attest.Enrolled{}, err
	}
	quote.AK = k.AK
	state, err := quote.Verify(f.demandFor([]byte(attest.EnrolmentText(e, attest.MethodTPM))))
	if err != nil {
		return attest.Enrolled{}, err
	}
	return k.enrolled(state)
}

// activated checks the secret of the credential, which no other chip could read.
func (k *kept) activated(body []byte) (*quoteMembers, error) {
	var m struct {
		Secret string `json:"secret"`
		quoteMembers
	}
	if err := strictjson.Decode(body, &m); err != nil {
		return nil, attest.Refuse(attest.ReasonMalformed, "%v", err)
	}
	secret, err := decodeBytes("secret", m.Secret, secretSize)
	if err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare(secret, k.Secret) != 1 {
		return nil, attest.Refuse(attest.ReasonIdentity, "the chip of this endorsement key did not activate the credential")
	}
	return &m.quoteMembers, nil
}

func (k *kept) enrolled(s State) (attest.Enrolled, error) {
	ak, err := parseAK(k.AK)
	if err != nil {
		return attest.Enrolled{}, err
	}
	public, err := x509.ParsePKIXPublicKey(k.Key)
	if err != nil {
		return attest.Enrolled{}, err
	}
	p256, _ := public.(*ecdsa.PublicKey)
	b := binding{ak, p256, k.Key, k.Model, s.ResetCount, s.RestartCount, s.Firmware}
	text, err := b.encode()
	if err != nil {
		return attest.Enrolled{}, err
	}
	return attest.Enrolled{
		Handles:       []attest.Handle{{Value: ak.name, Reference: text}, {Value: k.EK, Reference: text}},
		NonExportable: true, Attested: true, Model: k.Model, NotAfter: k.NotAfter,
		Detail: map[string]string{"key_fingerprint": attest.Fingerprint(k.Key)},
	}, nil
}
