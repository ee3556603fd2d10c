package tpm_test

import (
	"bytes"
	"crypto/sha512"
	"encoding/hex"
	"maps"
	"testing"

	gotpm "github.com/google/go-tpm/tpm2"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/tpm"
	"github.com/regrant/regrant/attest/tpm/tpmtest"
)

func TestGoodQuoteGivesTheState(t *testing.T) {
	s := newScene(t)
	s.quote.EventLog = s.log.Bytes
	got := s.mustVerify(t)
	if !bytes.Equal(got.AKName, s.ak.Name()) || !maps.EqualFunc(got.PCRs, s.registers(), bytes.Equal) ||
		got.ResetCount != 7 || got.RestartCount != 2 || got.Firmware != 0x2017002400000000 || got.SecureBoot == nil || *got.SecureBoot {
		t.Errorf("%+v", got)
	}
}

func TestWhicheverPCRsAreQuotedIsEnoughIfNoneIsDemanded(t *testing.T) {
	s := newScene(t)
	s.demand.PCRs = nil
	s.mustVerify(t)
	s.sign(s.ak.Quote(challenge, nil, nil))
	s.quote.PCRs = nil
	s.mustRefuse(t, attest.ReasonIntegrity)
}

// one field after the other. Each quote is properly signed.
func TestQuoteOfAnotherContentIsRefused(t *testing.T) {
	type (
		a = gotpm.TPMSAttest
		q = gotpm.TPMSQuoteInfo
	)
	for name, tt := range map[string]struct {
		reason attest.Reason
		mutate func(*a, *q)
	}{
		"magic":             {attest.ReasonPurpose, func(a *a, _ *q) { a.Magic++ }},
		"another challenge": {attest.ReasonChallenge, func(a *a, _ *q) { a.ExtraData.Buffer = []byte("another") }},
		"no challenge":      {attest.ReasonChallenge, func(a *a, _ *q) { a.ExtraData.Buffer = nil }},
		"half a challenge":  {attest.ReasonChallenge, func(a *a, _ *q) { a.ExtraData.Buffer = challenge[:16] }},
		"longer challenge":  {attest.ReasonChallenge, func(a *a, _ *q) { a.ExtraData.Buffer = append(bytes.Clone(challenge), 0) }},
		"bank SHA-1":        {attest.ReasonIntegrity, func(_ *a, q *q) { q.PCRSelect.PCRSelections[0].Hash = gotpm.TPMAlgSHA1 }},
		"bank SHA-384":      {attest.ReasonIntegrity, func(_ *a, q *q) { q.PCRSelect.PCRSelections[0].Hash = gotpm.TPMAlgSHA384 }},
		"another PCR":       {attest.ReasonIntegrity, func(_ *a, q *q) { q.PCRSelect.PCRSelections[0].PCRSelect[1] = 1 }},
		"one PCR less":      {attest.ReasonIntegrity, func(_ *a, q *q) { q.PCRSelect.PCRSelections[0].PCRSelect[0] = 1 }},
		"no PCR":            {attest.ReasonIntegrity, func(_ *a, q *q) { q.PCRSelect.PCRSelections[0].PCRSelect = make([]byte, 3) }},
		"no selection":      {attest.ReasonIntegrity, func(_ *a, q *q) { q.PCRSelect.PCRSelections = nil }},
		"two banks": {attest.ReasonIntegrity, func(_ *a, q *q) {
			q.PCRSelect.PCRSelections = append(q.PCRSelect.PCRSelections, gotpm.TPMSPCRSelection{Hash: gotpm.TPMAlgSHA1, PCRSelect: []byte{1, 0, 0}})
		}},
		"short bit map": {attest.ReasonMalformed, func(_ *a, q *q) { q.PCRSelect.PCRSelections[0].PCRSelect = []byte{0x81} }},
		"long bit map":  {attest.ReasonMalformed, func(_ *a, q *q) { q.PCRSelect.PCRSelections[0].PCRSelect = []byte{0x81, 0, 0, 1} }},
		"digest":        {attest.ReasonIntegrity, func(_ *a, q *q) { q.PCRDigest.Buffer[0] ^= 1 }},
		"no digest":     {attest.ReasonIntegrity, func(_ *a, q *q) { q.PCRDigest.Buffer = nil }},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.sign(s.ak.Quote(challenge, s.registers(), tt.mutate))
			s.mustRefuse(t, tt.reason)
		})
	}
}

func TestAttestationOfAnotherTypeIsNoQuote(t *testing.T) {
	s := newScene(t)
	s.sign(s.ak.Certify(tpmtest.NewApplicationKey(t), challenge, nil))
	s.mustRefuse(t, attest.ReasonPurpose)
	for kind, contents := range map[gotpm.TPMST]gotpm.TPMUAttest{
		gotpm.TPMSTAttestTime:     gotpm.NewTPMUAttest(gotpm.TPMSTAttestTime, &gotpm.TPMSTimeAttestInfo{}),
		gotpm.TPMSTAttestCreation: gotpm.NewTPMUAttest(gotpm.TPMSTAttestCreation, &gotpm.TPMSCreationInfo{}),
	} {
		s.sign(s.ak.Attest(gotpm.TPMSAttest{
			Magic: gotpm.TPMGeneratedValue, Type: kind, ExtraData: gotpm.TPM2BData{Buffer: challenge}, Attested: contents,
		}))
		s.mustRefuse(t, attest.ReasonPurpose)
	}
}

func TestValuesBesideTheQuoteAreTheQuotedOnes(t *testing.T) {
	value := func(b byte, n int) string { return hex.EncodeToString(bytes.Repeat([]byte{b}, n)) }
	for name, tt := range map[string]struct {
		index, value string
		reason       attest.Reason
	}{
		"another value":      {"7", value(9, 32), attest.ReasonIntegrity},
		"one more":           {"8", value(0, 32), attest.ReasonIntegrity},
		"shorter":            {"7", value(9, 20), attest.ReasonMalformed},
		"longer":             {"7", value(9, 48), attest.ReasonMalformed},
		"not hexadecimal":    {"7", "x" + value(9, 32)[1:], attest.ReasonMalformed},
		"no index":           {"", value(9, 32), attest.ReasonMalformed},
		"index twice":        {"07", value(9, 32), attest.ReasonMalformed},
		"index with a sign":  {"+7", value(9, 32), attest.ReasonMalformed},
		"index out of range": {"24", value(9, 32), attest.ReasonMalformed},
		"index below zero":   {"-1", value(9, 32), attest.ReasonMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.quote.PCRs[tt.index] = tt.value
			s.mustRefuse(t, tt.reason)
		})
	}
	s := newScene(t)
	delete(s.quote.PCRs, "7")
	s.mustRefuse(t, attest.ReasonIntegrity)
}

func TestWhatIsDemandedMustBeQuoted(t *testing.T) {
	other := bytes.Repeat([]byte{9}, 32)
	off, on := false, true
	for name, mutate := range map[string]func(*tpm.Demand){
		"one PCR more":          func(d *tpm.Demand) { d.PCRs = []int{0, 7, 8} },
		"one PCR less":          func(d *tpm.Demand) { d.PCRs = []int{7} },
		"another reference":     func(d *tpm.Demand) { d.Reference = map[int][][]byte{7: {other}} },
		"no reference":          func(d *tpm.Demand) { d.Reference = map[int][][]byte{7: nil} },
		"reference of no quote": func(d *tpm.Demand) { d.Reference = map[int][][]byte{9: {make([]byte, 32)}} },
		"Secure Boot on":        func(d *tpm.Demand) { d.SecureBoot = &on },
		"Secure Boot off":       func(d *tpm.Demand) { d.SecureBoot = &off }, // without a log
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			mutate(&s.demand)
			s.mustRefuse(t, attest.ReasonIntegrity)
		})
	}
	s := newScene(t)
	s.demand.PCRs = []int{7, 0, 7}
	s.demand.Reference = map[int][][]byte{7: {other, s.log.PCRs[7]}}
	s.mustVerify(t)
	s.demand.Challenge = nil
	s.mustRefuse(t, attest.ReasonChallenge)
}

func TestWeakBankIsRefused(t *testing.T) {
	s := newScene(t)
	var err error
	if s.demand.Bank, err = tpm.ParseBank("sha1"); err != nil {
		t.Fatal(err)
	}
	s.mustRefuse(t, attest.ReasonIntegrity)
	if _, err := tpm.ParseBank("SHA256"); err == nil {
		t.Error("a bank by another name")
	}
}

// The values are hashed as the key hashes, whichever bank they are from.
func TestBankOfSHA384IsQuotedBySHA256(t *testing.T) {
	s := newScene(t)
	value := sha512.Sum384(nil)
	s.sign(s.ak.Quote(challenge, map[int][]byte{7: value[:]}, func(_ *gotpm.TPMSAttest, q *gotpm.TPMSQuoteInfo) {
		q.PCRSelect.PCRSelections[0].Hash = gotpm.TPMAlgSHA384
	}))
	s.quote.PCRs = map[string]string{"7": hex.EncodeToString(value[:])}
	s.demand.Bank, _ = tpm.ParseBank("sha384")
	s.demand.PCRs = []int{7}
	s.mustVerify(t)
}

func TestQuoteThatIsChangedAfterwardsIsRefused(t *testing.T) {
	s := newScene(t)
	for i := range s.quote.Attest {
		c := *s
		c.quote.Attest = bytesWith(s.quote.Attest, i, s.quote.Attest[i]^1)
		_, err := c.quote.Verify(c.demand)
		anyRefusal(t, err)
		c.quote.Attest = s.quote.Attest[:i]
		c.mustRefuse(t, attest.ReasonMalformed)
	}
	for i := range s.quote.Signature {
		c := *s
		c.quote.Signature = bytesWith(s.quote.Signature, i, s.quote.Signature[i]^1)
		_, err := c.quote.Verify(c.demand)
		anyRefusal(t, err)
		c.quote.Signature = s.quote.Signature[:i]
		c.mustRefuse(t, attest.ReasonMalformed)
	}
	for _, longer := range []func(*tpm.Quote){
		func(q *tpm.Quote) { q.Attest = append(bytes.Clone(q.Attest), 0) },
		func(q *tpm.Quote) { q.Signature = append(bytes.Clone(q.Signature), 0) },
	} {
		c := *s
		longer(&c.quote)
		c.mustRefuse(t, attest.ReasonMalformed)
	}
}

func TestQuoteByAnotherKeyIsRefused(t *testing.T) {
	s := newScene(t)
	s.quote.AK = tpmtest.NewAK(t).Area()
	s.mustRefuse(t, attest.ReasonSignature)
}
