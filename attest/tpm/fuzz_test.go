package tpm_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"testing"

	gotpm "github.com/google/go-tpm/tpm2"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/tpm"
	"github.com/regrant/regrant/attest/tpm/tpmtest"
)

func sum(text string) []byte {
	h := sha256.Sum256([]byte(text))
	return h[:]
}

func mustBeRefusal(t *testing.T, err error) {
	t.Helper()
	if _, ok := errors.AsType[*attest.Error](err); err != nil && !ok {
		t.Errorf("error %v is no refusal", err)
	}
}

func FuzzQuote(f *testing.F) {
	s := newScene(f)
	f.Add(s.quote.AK, s.quote.Attest, s.quote.Signature, s.log.Bytes)
	f.Add(s.ak.Sized(), s.quote.Attest, s.quote.Signature, []byte(nil))
	for _, scheme := range []gotpm.TPMAlgID{gotpm.TPMAlgRSASSA, gotpm.TPMAlgRSAPSS} {
		r := newScene(f).with(tpmtest.NewRSAAK(f, scheme))
		f.Add(r.quote.AK, r.quote.Attest, r.quote.Signature, []byte(nil))
	}
	f.Fuzz(func(t *testing.T, ak, text, signature, log []byte) {
		q := tpm.Quote{AK: ak, Attest: text, Signature: signature, PCRs: s.quote.PCRs, EventLog: log}
		state, err := q.Verify(s.demand)
		mustBeRefusal(t, err)
		if err == nil && !bytes.Contains(text, challenge) || err != nil && state.AKName != nil {
			t.Errorf("%+v, %v", state, err)
		}
	})
}

func FuzzCertification(f *testing.F) {
	good := certified(f, tpmtest.NewAK(f), tpmtest.NewApplicationKey(f), nil)
	f.Add(good.AK, good.Key, good.Attest, good.Signature)
	f.Fuzz(func(t *testing.T, ak, key, text, signature []byte) {
		got, err := tpm.Certification{AK: ak, Key: key, Attest: text, Signature: signature}.Verify(challenge)
		mustBeRefusal(t, err)
		if err == nil && !bytes.Contains(text, got.Name) {
			t.Error("certified another key")
		}
	})
}

func FuzzEventLog(f *testing.F) {
	good := tpmtest.Boot()
	f.Add(good.Bytes)
	f.Add(publicLog(f, "sb_cert_eventlog"))
	f.Add(publicLog(f, "short_no_action_eventlog"))
	f.Add(publicLog(f, "option_rom_eventlog")[:4096])
	f.Fuzz(func(t *testing.T, log []byte) {
		_, err := tpm.VerifyLog(log, map[tpm.Bank]tpm.Registers{tpm.DefaultBank: good.PCRs})
		mustBeRefusal(t, err)
	})
}

func FuzzBegin(f *testing.F) {
	e := newEnrolment(f, nil)
	f.Add(e.chip.Chain[0])
	f.Add(e.maker.Certificate.Raw)
	f.Fuzz(func(t *testing.T, certificate []byte) {
		c := *e
		chip := *e.chip
		chip.Chain = [][]byte{certificate}
		c.chip = &chip
		_, err := c.begin(t)
		mustBeRefusal(t, err)
	})
}

func FuzzVerify(f *testing.F) {
	r := newRecovery(f)
	format := r.format(f)
	f.Add(r.input.Body)
	f.Add(r.body(f, map[string]any{"event_log": encode(r.log.Bytes)}))
	f.Add([]byte(`{"method":"tpm","ak_public":"AAE","quote":"AA","signature":"AA","pcrs":{}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		in := r.input
		in.Body = body
		handle, locateErr := format.Locate(body, "")
		claims, err := format.Verify(in)
		mustBeRefusal(t, err)
		if err == nil && (locateErr != nil || !bytes.Equal(handle, claims.Handle) || !bytes.Equal(handle, r.ak.Name())) {
			t.Errorf("%x, %v, %+v", handle, locateErr, claims)
		}
	})
}
