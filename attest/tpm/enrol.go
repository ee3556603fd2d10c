package tpm

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"io"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/strictjson"
)

// kept is what Begin leaves for Finish. Whoever could read it could answer without the chip.
type kept struct {
	Secret   []byte    `json:"secret"`
	AK       []byte    `json:"ak_public"`
	Key      []byte    `json:"key_spki"`
	EK       []byte    `json:"ek_sha256"`
	Model    string    `json:"model"`
	NotAfter time.Time `json:"not_after"`
}

// Begin takes the certificates of the EK, the AK, and the application key that it certified, and answers with a credential that only
// the chip which holds both EK and AK can open, and with what to quote for [attest.EnrolmentText].
func (f *Format) Begin(e attest.Enrolling, body []byte) (attest.Prompt, error) {
	// 1. Every key is what it should be: the EK by its maker's word, the application key by the AK's.
	ev, err := parseOffer(body)
	if err != nil {
		return attest.Prompt{}, err
	}
	ek, err := f.endorsed(ev.endorsement, e.Now)
	if err != nil {
		return attest.Prompt{}, err
	}
	ak, err := parseAK(ev.certification.AK)
	if err != nil {
		return attest.Prompt{}, err
	}
	app, err := ev.certification.Verify(nil)
	if err != nil {
		return attest.Prompt{}, err
	}
	// 2. Whether the AK lives beside the EK, the chip itself has to show.
	secret := make([]byte, secretSize)
	if _, err := io.ReadFull(e.Random, secret); err != nil {
		return attest.Prompt{}, err
	}
	sealed, err := makeCredential(e.Random, ek.public, ak.name, secret)
	if err != nil {
		return attest.Prompt{}, err
	}
	options, err := json.Marshal(offered{
		Credential: encodeBytes(sealed.Blob), Secret: encodeBytes(sealed.Secret),
		Text: attest.EnrolmentText(e, attest.MethodTPM), Quote: f.options(),
	})
	if err != nil {
		return attest.Prompt{}, err
	}
	keep, err := json.Marshal(kept{secret, ak.area, app.SPKI, ek.handle, ek.model, ek.notAfter}) //nolint:gosec // the caller seals it
	return attest.Prompt{Options: options, Keep: keep}, err
}

// offered is what a client gets from Begin.
type offered struct {
	Credential string       `json:"credential"`       // TPM2B_ID_OBJECT
	Secret     string       `json:"encrypted_secret"` // TPM2B_ENCRYPTED_SECRET
	Text       string       `json:"text"`             // its SHA-256 is the qualifying data of the quote
	Quote      quoteOptions `json:"quote"`
}

// offer is what a client says first. Nothing in it is verified.
type offer struct {
	endorsement   [][]byte // DER
	certification Certification
}

func parseOffer(body []byte) (*offer, error) {
	var m struct {
		Endorsement []string `json:"ek_certificates"`
		AK          string   `json:"ak_public"`
		Key         string   `json:"key_public"`
		Attest      string   `json:"key_attest"`
		Signature   string   `json:"key_signature"`
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
	for _, member := range []struct {
		name, text string
		into       *[]byte
	}{
		{"ak_public", m.AK, &o.certification.AK},
		{"key_public", m.Key, &o.certification.Key},
		{"key_attest", m.Attest, &o.certification.Attest},
		{"key_signature", m.Signature, &o.certification.Signature},
	} {
		var err error
		if *member.into, err = decodeBytes(member.name, member.text, maxStructure); err != nil {
			return nil, err
		}
	}
	return &o, nil
}

// Finish takes the secret that the chip has read, and a quote by the AK over the enrolment text. The chip is bound under two
// handles: the name of the AK, and the hash of the EK, so that no two devices are made of one chip.
func (f *Format) Finish(e attest.Enrolling, keep, body []byte) (attest.Enrolled, error) {
	var k kept
	if err := strictjson.Decode(keep, &k); err != nil {
		return attest.Enrolled{}, err
	}
	var m struct {
		Secret string `json:"secret"`
		quoteMembers
	}
	if err := strictjson.Decode(body, &m); err != nil {
		return attest.Enrolled{}, attest.Refuse(attest.ReasonMalformed, "%v", err)
	}
	secret, err := decodeBytes("secret", m.Secret, secretSize)
	if err != nil {
		return attest.Enrolled{}, err
	}
	// 1. The AK lives in the chip with the EK: no other could read the secret.
	if len(k.Secret) != secretSize || subtle.ConstantTimeCompare(secret, k.Secret) != 1 {
		return attest.Enrolled{}, attest.Refuse(attest.ReasonIdentity, "the chip of this endorsement key did not activate the credential")
	}
	// 2. It agrees to being bound to this account, on a machine in the demanded state.
	quote, err := m.parse()
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
	fingerprint := sha256.Sum256(k.Key)
	return attest.Enrolled{
		Handles:       []attest.Handle{{Value: ak.name, Reference: text}, {Value: k.EK, Reference: text}},
		NonExportable: true, Attested: true, Model: k.Model, NotAfter: k.NotAfter,
		Detail: map[string]string{"key_fingerprint": hex.EncodeToString(fingerprint[:])},
	}, nil
}
