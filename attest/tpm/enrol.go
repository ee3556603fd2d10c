package tpm

import (
	"encoding/json"
	"io"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/strictjson"
)

// kept is what Begin leaves for Finish. Whoever could read it could answer without the chip.
type kept struct {
	Secret    []byte    `json:"secret"`
	Challenge bool      `json:"ek_challenge,omitempty"` // the secret is the key of an EK challenge; the two members below are yet to come
	AK        []byte    `json:"ak_public,omitempty"`
	Key       []byte    `json:"key_spki,omitempty"`
	EK        []byte    `json:"ek_sha256"`
	Model     string    `json:"model"`
	NotAfter  time.Time `json:"not_after"`
}

// Begin takes the certificates of the EK, the AK, and the application key that it certified, and answers with a credential that only
// the chip which holds both EK and AK can open, and with what to quote for [attest.EnrolmentText]. If only the certificates come, it answers
// with an EK challenge instead: then the other keys come with the end.
func (f *Format) Begin(e attest.Enrolling, body []byte) (attest.Prompt, error) {
	ev, err := parseOffer(body)
	if err != nil {
		return attest.Prompt{}, err
	}
	ek, err := f.endorsed(ev.endorsement, e.Now)
	if err != nil {
		return attest.Prompt{}, err
	}
	k := kept{EK: ek.handle, Model: ek.model, NotAfter: ek.notAfter}
	o := offered{Text: attest.EnrolmentText(e, attest.MethodTPM), Quote: f.options()}
	if ev.certification == nil {
		err = k.challenge(ek, &o)
	} else {
		err = k.credential(e.Random, ek, *ev.certification, &o)
	}
	if err != nil {
		return attest.Prompt{}, err
	}
	options, err := json.Marshal(o) //nolint:gosec // the secret is encrypted to the chip
	if err != nil {
		return attest.Prompt{}, err
	}
	keep, err := json.Marshal(k) //nolint:gosec // the caller seals it
	return attest.Prompt{Options: options, Keep: keep}, err
}

// credential asks the chip to show that the AK lives beside the EK. The AK has vouched for the application key already.
func (k *kept) credential(random io.Reader, ek *endorsement, c Certification, o *offered) error {
	ak, err := parseAK(c.AK)
	if err != nil {
		return err
	}
	app, err := c.Verify(nil)
	if err != nil {
		return err
	}
	k.Secret, k.AK, k.Key = make([]byte, secretSize), ak.area, app.SPKI
	if _, err := io.ReadFull(random, k.Secret); err != nil {
		return err
	}
	sealed, err := makeCredential(random, ek.public, ak.name, k.Secret)
	if err != nil {
		return err
	}
	o.Credential, o.Secret = encodeBytes(sealed.Blob), encodeBytes(sealed.Secret)
	return nil
}

// offered is what a client gets from Begin.
type offered struct {
	Credential string       `json:"credential,omitempty"`       // TPM2B_ID_OBJECT
	Secret     string       `json:"encrypted_secret,omitempty"` // TPM2B_ENCRYPTED_SECRET
	Challenge  *ekChallenge `json:"ek_challenge,omitempty"`
	Text       string       `json:"text"` // its SHA-256 is the qualifying data of the quote
	Quote      quoteOptions `json:"quote"`
}

// offer is what a client says first. Nothing in it is verified.
type offer struct {
	endorsement   [][]byte       // DER
	certification *Certification // nil: the sender asks for an EK challenge
}

func parseOffer(body []byte) (*offer, error) {
	var m struct {
		Endorsement []string `json:"ek_certificates"`
		keyMembers
	}
	if err := strictjson.Decode(body, &m); err != nil {
		return nil, attest.Refuse(attest.ReasonMalformed, "%v", err)
	}
	if len(m.Endorsement) > maxCertificates {
		return nil, attest.Refuse(attest.ReasonMalformed, "too many certificates")
	}
	var o offer
	for _, text := range m.Endorsement {
		der, err := decodeBytes("ek_certificates", text, maxCertificate)
		if err != nil {
			return nil, err
		}
		o.endorsement = append(o.endorsement, der)
	}
	if m.keyMembers == (keyMembers{}) {
		return &o, nil
	}
	c, err := m.parse()
	o.certification = &c
	return &o, err
}

// keyMembers are the keys of a device: the AK, and the application key that it certified.
type keyMembers struct {
	AK        string `json:"ak_public"`
	Key       string `json:"key_public"`
	Attest    string `json:"key_attest"`
	Signature string `json:"key_signature"`
}

func (m *keyMembers) parse() (c Certification, err error) {
	for _, member := range []struct {
		name, text string
		into       *[]byte
	}{
		{"ak_public", m.AK, &c.AK}, {"key_public", m.Key, &c.Key}, {"key_attest", m.Attest, &c.Attest}, {"key_signature", m.Signature, &c.Signature},
	} {
		if *member.into, err = decodeBytes(member.name, member.text, maxStructure); err != nil {
			return c, err
		}
	}
	return c, nil
}
