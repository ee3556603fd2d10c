// Package tpm verifies what TPM 2.0 chips say: quotes of their PCRs, certifications of other keys, and the event logs behind the PCRs.
//
// At enrolment a certificate of the chip's maker vouches for its endorsement key (EK), the chip shows that an attestation key (AK) lives
// beside it (credential activation), and the AK certifies an application key, with which the device speaks for itself from then on. In a
// recovery the AK quotes the PCRs that are demanded, with the digest of the statement as qualifying data. The authenticator is
// stored under the name of the AK.
//
// All numbers of sections without a document are those of the TPM 2.0 Library, or of the PC Client Platform Firmware Profile for logs.
package tpm

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/certpath"
)

// Config says which chips count, and in which state their machines must be.
type Config struct {
	// Makers are the certificates that the certificate of an EK may lead to. Most chips hold only their own, so those with which
	// a maker issues belong here beside its root. With none, nobody enrols.
	Makers []*x509.Certificate

	// Denied are models that may not enrol, or beginnings of their names: "id:49465800" is a maker, "id:49465800 SLB9670"
	// one of its models, and with a version behind it one of its firmwares.
	Denied []string

	// Bank is the bank that is quoted: "sha256" (default), "sha384" or "sha512".
	Bank string

	// PCRs are the indices that a quote must be over, exactly. Default: 0 and 7, the firmware and Secure Boot.
	PCRs []int

	// Reference are values in hexadecimal, of which a PCR must have one. It may be left out for any PCR.
	Reference map[int][]string

	// SecureBoot demands an event log that shows Secure Boot to be on. It wants 7 among the PCRs.
	SecureBoot bool
}

// Format is [attest.MethodTPM].
type Format struct {
	makers []*certpath.Certificate
	denied []string
	demand Demand // without its challenge
}

var (
	_ attest.Enroller = (*Format)(nil)
	_ attest.Prompter = (*Format)(nil)
)

// New makes the format, or says what is wrong with the configuration.
func New(c Config) (*Format, error) {
	f := &Format{
		makers: certpath.NewAll(c.Makers), denied: c.Denied,
		demand: Demand{Bank: DefaultBank, PCRs: []int{0, secureBootPCR}},
	}
	if len(f.makers) != len(c.Makers) {
		return nil, errors.New("a certificate of a maker is not built as RFC 5280 demands")
	}
	if c.Bank != "" {
		var err error
		if f.demand.Bank, err = ParseBank(c.Bank); err != nil {
			return nil, err
		}
	}
	if !f.demand.Bank.strong() {
		return nil, fmt.Errorf("bank %s is too weak to be quoted", f.demand.Bank)
	}
	if len(c.PCRs) > 0 {
		f.demand.PCRs = slices.Compact(slices.Sorted(slices.Values(c.PCRs)))
	}
	for _, i := range f.demand.PCRs {
		if i < 0 || i >= registerCount {
			return nil, fmt.Errorf("PCR %d is not from 0 to %d", i, registerCount-1)
		}
	}
	if c.SecureBoot {
		if !slices.Contains(f.demand.PCRs, secureBootPCR) {
			return nil, errors.New("secure boot is shown by PCR 7, which is not among those to be quoted")
		}
		f.demand.SecureBoot = &c.SecureBoot
	}
	return f, f.readReference(c.Reference)
}

func (f *Format) readReference(texts map[int][]string) error {
	f.demand.Reference = make(map[int][][]byte)
	for i, list := range texts {
		if !slices.Contains(f.demand.PCRs, i) {
			return fmt.Errorf("PCR %d has reference values and is not among those to be quoted", i)
		}
		if len(list) == 0 {
			return fmt.Errorf("PCR %d has no reference value: leave it out, or name one", i)
		}
		for _, text := range list {
			value, err := f.demand.Bank.ParseRegister(text)
			if err != nil {
				return fmt.Errorf("a reference value of PCR %d %w", i, err)
			}
			f.demand.Reference[i] = append(f.demand.Reference[i], value)
		}
	}
	return nil
}

// Method is [attest.MethodTPM].
func (f *Format) Method() attest.Method { return attest.MethodTPM }

// quoteOptions tell a client what to quote.
type quoteOptions struct {
	Bank     string `json:"bank"`
	PCRs     []int  `json:"pcrs"`
	EventLog bool   `json:"event_log"` // must be sent; otherwise it may be
}

func (f *Format) options() quoteOptions {
	return quoteOptions{f.demand.Bank.String(), f.demand.PCRs, f.demand.SecureBoot != nil}
}

// Prompt says what to quote: {"bank":"sha256","pcrs":[0,7],"event_log":false}.
func (f *Format) Prompt(attest.Statement) ([]byte, error) { return json.Marshal(f.options()) }

// Locate returns the name of the AK. Nothing is verified.
func (f *Format) Locate(body []byte, _ string) ([]byte, error) {
	ev, err := parse(body)
	if err != nil {
		return nil, err
	}
	return ev.ak.name, nil
}

// Verify makes the checks in the order in which they are numbered.
func (f *Format) Verify(in attest.Input) (attest.Claims, error) {
	// 1. The Evidence has exactly the members it should have, each in its one form.
	ev, err := parse(in.Body)
	if err != nil {
		return attest.Claims{}, err
	}
	// 2. There is something to quote.
	if len(in.Challenge) == 0 {
		return attest.Claims{}, attest.Refuse(attest.ReasonChallenge, "no challenge")
	}
	// 3. The AK that was enrolled, and not the one that was sent, has quoted the demanded PCRs for this challenge.
	ref, err := reference(in.Bound, ev.ak)
	if err != nil {
		return attest.Claims{}, err
	}
	state, err := ev.quote.verifyWith(ref.ak, f.demandFor(in.Challenge))
	if err != nil {
		return attest.Claims{}, err
	}
	c := attest.Claims{Handle: ref.ak.name, Model: ref.model, HolderKey: ref.isHolder(in.Holder)}
	c.Counter, c.Signals = ref.compare(state, in.Bound.Counter)
	return c, nil
}

// demandFor is what a quote must be for a text, whose SHA-256 is the qualifying data: chips take no more than a digest.
func (f *Format) demandFor(text []byte) Demand {
	sum := sha256.Sum256(text)
	d := f.demand
	d.Challenge = sum[:]
	return d
}
