package appraise

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/tpm"
)

// quoteClaims is what a quote that holds says.
type quoteClaims struct {
	AKName     string            `json:"ak_name"` // hexadecimal, as TPM tools write it
	PCRs       map[string]string `json:"pcrs"`
	Resets     uint32            `json:"reset_count"`
	Restarts   uint32            `json:"restart_count"`
	Firmware   string            `json:"firmware_version"` // hexadecimal: JSON has no numbers of 64 bits
	SecureBoot *bool             `json:"secure_boot,omitempty"`
}

// tpmQuote is the format tpm-quote.
func tpmQuote(r *Request) (any, error) {
	var evidence struct {
		AK        *string           `json:"ak_public"`
		Quote     *string           `json:"quote"`
		Signature *string           `json:"signature"`
		PCRs      map[string]string `json:"pcrs"`
		EventLog  *string           `json:"event_log"`
	}
	if err := r.Evidence(&evidence); err != nil {
		return nil, err
	}
	if evidence.PCRs == nil || r.Challenge == nil {
		return nil, errMissing
	}
	demand, err := r.expectQuote()
	if err != nil {
		return nil, err
	}
	q := tpm.Quote{PCRs: evidence.PCRs}
	if err := readBlobs(
		blob{"ak_public", evidence.AK, &q.AK}, blob{"quote", evidence.Quote, &q.Attest}, blob{"signature", evidence.Signature, &q.Signature},
	); err != nil {
		return nil, err
	}
	if evidence.EventLog != nil {
		if q.EventLog, err = evidenceBytes("event_log", *evidence.EventLog); err != nil {
			return nil, err
		}
	}
	state, err := q.Verify(demand)
	if err != nil {
		return nil, err
	}
	return quoteClaims{
		fmt.Sprintf("%x", state.AKName), state.PCRs.Format(), state.ResetCount, state.RestartCount,
		fmt.Sprintf("%016x", state.Firmware), state.SecureBoot,
	}, nil
}

// expectQuote reads what is expected of a quote. What is left out is as strict as can be, where there is a strictest.
func (r *Request) expectQuote() (d tpm.Demand, err error) {
	var m struct {
		Bank       string              `json:"bank"`
		PCRs       []int               `json:"pcrs"`
		Reference  map[string][]string `json:"reference"`
		SecureBoot *bool               `json:"secure_boot"`
	}
	if err := r.Expect(&m); err != nil {
		return d, err
	}
	d = tpm.Demand{Challenge: r.Challenge, Bank: tpm.DefaultBank, PCRs: m.PCRs, SecureBoot: m.SecureBoot}
	if m.Bank != "" {
		if d.Bank, err = tpm.ParseBank(m.Bank); err != nil {
			return d, err
		}
	}
	d.Reference = make(map[int][][]byte)
	for name, texts := range m.Reference {
		i, err := strconv.Atoi(name)
		if err != nil || strconv.Itoa(i) != name {
			return d, errors.New("reference is not by the index of a PCR")
		}
		d.Reference[i] = nil
		for _, text := range texts {
			value, err := d.Bank.ParseRegister(text)
			if err != nil {
				return d, fmt.Errorf("reference of PCR %d %w", i, err)
			}
			d.Reference[i] = append(d.Reference[i], value)
		}
	}
	return d, nil
}

// tpmCertify is the format tpm-certify.
func tpmCertify(r *Request) (any, error) {
	if err := r.Expect(&struct{}{}); err != nil { // there is nothing to expect
		return nil, err
	}
	var evidence struct {
		AK        *string `json:"ak_public"`
		Key       *string `json:"key_public"`
		Attest    *string `json:"attest"`
		Signature *string `json:"signature"`
	}
	if err := r.Evidence(&evidence); err != nil {
		return nil, err
	}
	var c tpm.Certification
	if err := readBlobs(
		blob{"ak_public", evidence.AK, &c.AK}, blob{"key_public", evidence.Key, &c.Key},
		blob{"attest", evidence.Attest, &c.Attest}, blob{"signature", evidence.Signature, &c.Signature},
	); err != nil {
		return nil, err
	}
	certified, err := c.Verify(r.Challenge)
	if err != nil {
		return nil, err
	}
	return struct {
		Name string `json:"key_name"`
		SPKI string `json:"spki_sha256"`
	}{fmt.Sprintf("%x", certified.Name), encode(certified.SPKISHA256[:])}, nil
}

// tpmEventLog is the format tpm-event-log.
func tpmEventLog(r *Request) (any, error) {
	if err := r.Expect(&struct{}{}); err != nil { // there is nothing to expect
		return nil, err
	}
	var evidence struct {
		EventLog *string                      `json:"event_log"`
		PCRs     map[string]map[string]string `json:"pcrs"`
	}
	if err := r.Evidence(&evidence); err != nil {
		return nil, err
	}
	var log []byte
	if err := readBlobs(blob{"event_log", evidence.EventLog, &log}); err != nil {
		return nil, err
	}
	if evidence.PCRs == nil {
		return nil, errMissing
	}
	values := make(map[tpm.Bank]tpm.Registers)
	for name, texts := range evidence.PCRs {
		bank, err := tpm.ParseBank(name)
		if err != nil {
			return nil, attest.Refuse(attest.ReasonUnsupported, "%v", err)
		}
		if values[bank], err = bank.ParseRegisters(texts); err != nil {
			return nil, attest.Refuse(attest.ReasonMalformed, "%v", err)
		}
	}
	explained, err := tpm.VerifyLog(log, values)
	if err != nil {
		return nil, err
	}
	return struct {
		Events     int   `json:"events"`
		SecureBoot *bool `json:"secure_boot,omitempty"`
	}{explained.Events, explained.SecureBoot}, nil
}

// blob is a part of the Evidence that is bytes.
type blob struct {
	name string
	text *string
	into *[]byte
}

// readBlobs reads those that the format needs.
func readBlobs(list ...blob) error {
	for _, m := range list {
		if m.text == nil {
			return errMissing
		}
	}
	var err error
	for _, m := range list {
		if *m.into, err = evidenceBytes(m.name, *m.text); err != nil {
			return err
		}
	}
	return nil
}

func evidenceBytes(name, text string) ([]byte, error) {
	data, err := Bytes(text)
	if err != nil {
		return nil, attest.Refuse(attest.ReasonMalformed, "%s %v", name, err)
	}
	return data, nil
}
