package tpmclient

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	goattest "github.com/google/go-attestation/attest"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/strictjson"
)

// Base64 is bytes that JSON carries as base64url without padding.
type Base64 []byte

// MarshalText writes the text.
func (b Base64) MarshalText() ([]byte, error) {
	return []byte(base64.RawURLEncoding.EncodeToString(b)), nil
}

// UnmarshalText reads the text.
func (b *Base64) UnmarshalText(text []byte) error {
	data, err := base64.RawURLEncoding.DecodeString(string(text))
	*b = data
	return err
}

// keys are a device's keys, the application key with the word of the attestation key for it.
type keys struct {
	AK        Base64 `json:"ak_public"`
	Key       Base64 `json:"key_public"`
	Attest    Base64 `json:"key_attest"`
	Signature Base64 `json:"key_signature"`
}

func (d *Device) keys() keys {
	c := d.key.CertificationParameters()
	return keys{d.ak.AttestationParameters().Public, c.Public, c.CreateAttestation, c.CreateSignature}
}

// Offer is the JSON object that begins an enrolment: the maker's certificate, the attestation key, and the key that it certified.
func (d *Device) Offer() ([]byte, error) {
	ek, err := d.endorsement()
	if err != nil {
		return nil, err
	}
	return json.Marshal(struct {
		Certificates []Base64 `json:"ek_certificates"`
		keys
	}{[]Base64{ek.Certificate.Raw}, d.keys()})
}

func (d *Device) endorsement() (*goattest.EK, error) {
	eks, err := d.tpm.tpm.EKCertificates()
	if err != nil {
		return nil, fmt.Errorf("reading the certificates of the TPM's maker: %w", err)
	}
	if len(eks) == 0 {
		return nil, errors.New("this TPM holds no certificate of its maker")
	}
	return &eks[0], nil
}

// selection is what a gateway wants quoted.
type selection struct {
	Bank     string `json:"bank"`
	PCRs     []int  `json:"pcrs"`
	EventLog bool   `json:"event_log"`
}

// ErrOtherText means that the gateway wants the TPM to speak for something other than this enrolment.
var ErrOtherText = errors.New("the gateway wants another text quoted than that of this enrolment")

// Answer is the JSON object that ends an enrolment, made of what the gateway answered to the offer. The TPM quotes a text of the
// gateway's: it must be that of an enrolment with issuer for the account, so that it is not the statement of somebody's recovery; the error is [ErrOtherText] if it is not.
func (d *Device) Answer(options []byte, issuer, account string) ([]byte, error) {
	var o struct {
		Credential Base64    `json:"credential"`
		Secret     Base64    `json:"encrypted_secret"`
		Text       string    `json:"text"`
		Quote      selection `json:"quote"`
	}
	if err := strictjson.Decode(options, &o); err != nil {
		return nil, fmt.Errorf("what the gateway wants of the TPM: %w", err)
	}
	if !isEnrolment(o.Text, issuer, account) {
		return nil, ErrOtherText
	}
	ek, err := d.endorsement()
	if err != nil {
		return nil, err
	}
	secret, err := d.ak.ActivateCredentialWithEK(d.tpm.tpm, goattest.EncryptedCredential{Credential: o.Credential, Secret: o.Secret}, *ek)
	if err != nil {
		return nil, fmt.Errorf("activating the credential: %w", err)
	}
	q, err := d.quote(o.Text, o.Quote)
	if err != nil {
		return nil, err
	}
	return json.Marshal(answer{secret, q}) //nolint:gosec // the secret is made to be brought back
}

// answer is what ends an enrolment.
type answer struct {
	Secret Base64 `json:"secret"`
	quote
}

// isEnrolment tells whether text is an [attest.EnrolmentText], whatever its challenge.
func isEnrolment(text, issuer, account string) bool {
	empty := attest.EnrolmentText(attest.Enrolling{Issuer: issuer, Name: account}, attest.MethodTPM)
	const sized = len("challenge: ") + 43 + len("\n") // of 32 bytes
	return len(text) == len(empty) && strings.HasPrefix(text, empty[:len(empty)-sized])
}

// Evidence is the JSON object that proves a recovery: a quote for the statement of what the gateway wants quoted.
func (d *Device) Evidence(statement string, options []byte) ([]byte, error) {
	var want selection
	if err := strictjson.Decode(options, &want); err != nil {
		return nil, fmt.Errorf("what the gateway wants quoted: %w", err)
	}
	q, err := d.quote(statement, want)
	if err != nil {
		return nil, err
	}
	return json.Marshal(struct {
		Method attest.Method `json:"method"`
		AK     Base64        `json:"ak_public"`
		quote
	}{attest.MethodTPM, d.ak.AttestationParameters().Public, q})
}

// quote is a quote and what it is over.
type quote struct {
	Quote     Base64            `json:"quote"`
	Signature Base64            `json:"signature"`
	PCRs      map[string]string `json:"pcrs"`
	EventLog  Base64            `json:"event_log,omitempty"`
}

var banks = map[string]goattest.HashAlg{
	"sha256": goattest.HashSHA256, "sha384": goattest.HashSHA384, "sha512": goattest.HashSHA512,
}

// attempts at a quote: a PCR may change between it and the reading of the values.
const attempts = 3

func (d *Device) quote(text string, want selection) (quote, error) {
	bank, known := banks[want.Bank]
	if !known {
		return quote{}, fmt.Errorf("the gateway wants a bank quoted that this program does not know")
	}
	public, err := goattest.ParseAKPublic(d.ak.AttestationParameters().Public)
	if err != nil {
		return quote{}, fmt.Errorf("reading the attestation key: %w", err)
	}
	sum := sha256.Sum256([]byte(text))
	for range attempts {
		q, err := d.ak.QuotePCRs(d.tpm.tpm, sum[:], bank, want.PCRs)
		if err != nil {
			return quote{}, fmt.Errorf("quoting: %w", err)
		}
		values, err := d.values(bank, want.PCRs)
		if err != nil {
			return quote{}, err
		}
		if public.Verify(*q, values, sum[:]) == nil {
			out := quote{Quote: q.Quote, Signature: q.Signature, PCRs: make(map[string]string)}
			for _, v := range values {
				out.PCRs[strconv.Itoa(v.Index)] = hex.EncodeToString(v.Digest)
			}
			if want.EventLog {
				if out.EventLog, err = os.ReadFile(d.tpm.log); err != nil {
					return quote{}, fmt.Errorf("the gateway wants to know what the firmware measured: %w", err)
				}
			}
			return out, nil
		}
	}
	return quote{}, errors.New("the TPM's registers do not stay the same")
}

func (d *Device) values(bank goattest.HashAlg, indices []int) ([]goattest.PCR, error) {
	all, err := d.tpm.tpm.PCRs(bank)
	if err != nil {
		return nil, fmt.Errorf("reading the TPM's registers: %w", err)
	}
	var values []goattest.PCR
	for _, i := range indices {
		if i < 0 || i >= len(all) {
			return nil, errors.New("the gateway wants a register quoted that there is not")
		}
		values = append(values, all[i])
	}
	return values, nil
}
