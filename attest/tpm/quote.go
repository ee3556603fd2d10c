package tpm

import (
	"bytes"
	"crypto/subtle"
	"slices"

	gotpm "github.com/google/go-tpm/tpm2"

	"github.com/regrant/regrant/attest"
)

// Quote is a quote as it was sent. Nothing in it is verified.
type Quote struct {
	AK        []byte // TPMT_PUBLIC or TPM2B_PUBLIC
	Attest    []byte // TPMS_ATTEST
	Signature []byte // TPMT_SIGNATURE
	PCRs      map[string]string
	EventLog  []byte // nil: none
}

// Demand is what a quote must be.
type Demand struct {
	Challenge  []byte           // the qualifying data
	Bank       Bank             // zero: SHA-256
	PCRs       []int            // exactly these are quoted; none: whichever there are
	Reference  map[int][][]byte // for each of these PCRs, the values of which it has one
	SecureBoot *bool            // nil: no demand
}

// State is what a verified quote says.
type State struct {
	AKName       []byte
	PCRs         Registers
	ResetCount   uint32 // starts; the TPM adds a constant of the key, and counts on from the highest number to zero
	RestartCount uint32 // resumptions since the last start, with a constant too
	Firmware     uint64 // version, with a constant too
	SecureBoot   *bool  // nil: unknown
}

// Verify makes the checks in the order in which they are numbered. Whose key it is that quotes, the caller looks to.
func (q Quote) Verify(d Demand) (State, error) {
	// 1. The key is one that signs nothing but what its TPM has made.
	ak, err := parseAK(q.AK)
	if err != nil {
		return State{}, err
	}
	return q.verifyWith(ak, d)
}

func (q Quote) verifyWith(ak *key, d Demand) (State, error) {
	if d.Bank == (Bank{}) {
		d.Bank = DefaultBank
	}
	if !d.Bank.strong() {
		return State{}, attest.Refuse(attest.ReasonIntegrity, "bank %s is too weak to be quoted", d.Bank)
	}
	pcrs, err := d.Bank.ParseRegisters(q.PCRs)
	if err != nil {
		return State{}, attest.Refuse(attest.ReasonMalformed, "%v", err)
	}
	// 2. It signed a quote.
	a, err := attestation(ak, gotpm.TPMSTAttestQuote, q.Attest, q.Signature)
	if err != nil {
		return State{}, err
	}
	info, err := a.Attested.Quote()
	if err != nil {
		return State{}, attest.Refuse(attest.ReasonMalformed, "quote without its content")
	}
	// 3. The quote was made for this challenge.
	if err := checkChallenge(a, d.Challenge); err != nil {
		return State{}, err
	}
	// 4. It is over the demanded PCRs, with the values that were sent.
	if err := d.checkSelection(info, pcrs); err != nil {
		return State{}, err
	}
	if subtle.ConstantTimeCompare(pcrs.digest(ak.scheme.hash), info.PCRDigest.Buffer) != 1 {
		return State{}, attest.Refuse(attest.ReasonIntegrity, "values are not those that were quoted")
	}
	// 5. The values are among the expected ones, and the log explains them.
	if err := d.checkReference(pcrs); err != nil {
		return State{}, err
	}
	secureBoot, err := d.checkLog(q.EventLog, pcrs)
	if err != nil {
		return State{}, err
	}
	return State{
		AKName: ak.name, PCRs: pcrs, Firmware: a.FirmwareVersion, SecureBoot: secureBoot,
		ResetCount: a.ClockInfo.ResetCount, RestartCount: a.ClockInfo.RestartCount,
	}, nil
}

// checkSelection compares what was quoted with what is demanded and with what was sent: no more, no less.
func (d Demand) checkSelection(info *gotpm.TPMSQuoteInfo, sent Registers) error {
	selections := info.PCRSelect.PCRSelections
	if len(selections) != 1 || selections[0].Hash != d.Bank.algorithm {
		return attest.Refuse(attest.ReasonIntegrity, "quote is not over the bank %s alone", d.Bank)
	}
	quoted, ok := selected(selections[0].PCRSelect)
	if !ok {
		return attest.Refuse(attest.ReasonMalformed, "quote selects PCRs that are none")
	}
	wanted := slices.Compact(slices.Sorted(slices.Values(d.PCRs)))
	switch {
	case len(quoted) == 0:
		return attest.Refuse(attest.ReasonIntegrity, "no PCR is quoted")
	case len(wanted) > 0 && !slices.Equal(quoted, wanted):
		return attest.Refuse(attest.ReasonIntegrity, "PCRs %v are quoted, %v are demanded", quoted, wanted)
	case !slices.Equal(quoted, sent.indices()):
		return attest.Refuse(attest.ReasonIntegrity, "PCRs %v are quoted, values of %v were sent", quoted, sent.indices())
	}
	return nil
}

// selected reads a bit map of PCRs.
func selected(bits []byte) (indices []int, ok bool) {
	if len(bits) != registerCount/8 {
		return nil, false
	}
	for i := range registerCount {
		if bits[i/8]>>(i%8)&1 == 1 {
			indices = append(indices, i)
		}
	}
	return indices, true
}

func (d Demand) checkReference(pcrs Registers) error {
	for i, values := range d.Reference {
		value, quoted := pcrs[i]
		if !quoted || !slices.ContainsFunc(values, func(v []byte) bool { return bytes.Equal(v, value) }) {
			return attest.Refuse(attest.ReasonIntegrity, "PCR %d has none of its reference values", i)
		}
	}
	return nil
}

// checkLog replays the log to each quoted PCR that it has events for, and compares what it says about Secure Boot.
func (d Demand) checkLog(log []byte, pcrs Registers) (secureBoot *bool, err error) {
	if log != nil {
		events, err := parseLog(log)
		if err != nil {
			return nil, err
		}
		replayed, err := events.replay(d.Bank, pcrs)
		if err != nil {
			return nil, err
		}
		secureBoot = replayed.secureBoot()
	}
	if d.SecureBoot != nil && (secureBoot == nil || *secureBoot != *d.SecureBoot) {
		return nil, attest.Refuse(attest.ReasonIntegrity, "Secure Boot is not shown to be as demanded")
	}
	return secureBoot, nil
}
