package tpm_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"testing"

	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/attest/tpm"
	"github.com/regrant/regrant/attest/tpm/tpmtest"
)

func sum(text string) []byte {
	h := sha256.Sum256([]byte(text))
	return h[:]
}

// The seeds are recorded: the programs that fuzz beside one another would each make keys of their own.

func FuzzQuote(f *testing.F) {
	log := tpmtest.Boot()
	for _, suffix := range []string{"", "-tools"} {
		p := goldenParts(f, suffix)
		f.Add([]byte(p.AK), []byte(p.Quote), []byte(p.Signature), log.Bytes)
		f.Add([]byte(p.AK), []byte(p.Quote), []byte(p.Signature), []byte(nil))
	}
	demand := tpm.Demand{Challenge: sum(statement), PCRs: []int{0, 7}}
	values := goldenParts(f, "").PCRs
	f.Fuzz(func(t *testing.T, ak, text, signature, log []byte) {
		state, err := tpm.Quote{AK: ak, Attest: text, Signature: signature, PCRs: values, EventLog: log}.Verify(demand)
		attesttest.MustRefuse(t, err)
		if err == nil && !bytes.Contains(text, demand.Challenge) || err != nil && state.AKName != nil {
			t.Errorf("%+v, %v", state, err)
		}
	})
}

func FuzzCertification(f *testing.F) {
	var good struct {
		AK        tpmBytes `json:"ak_public"`
		Key       tpmBytes `json:"key_public"`
		Attest    tpmBytes `json:"key_attest"`
		Signature tpmBytes `json:"key_signature"`
		EK        []string `json:"ek_certificates"`
	}
	if err := json.Unmarshal(file(f, "offer.json"), &good); err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(good.AK), []byte(good.Key), []byte(good.Attest), []byte(good.Signature))
	f.Fuzz(func(t *testing.T, ak, key, text, signature []byte) {
		got, err := tpm.Certification{AK: ak, Key: key, Attest: text, Signature: signature}.Verify(nil)
		attesttest.MustRefuse(t, err)
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
		attesttest.MustRefuse(t, err)
	})
}

func FuzzBegin(f *testing.F) {
	format := goldenFormat(f)
	f.Add(file(f, "offer.json"))
	f.Add([]byte(`{"ek_certificates":["AA"],"ak_public":"AA","key_public":"AA","key_attest":"AA","key_signature":"AA"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		p, err := format.Begin(goldenEnrolling(), body)
		attesttest.MustRefuse(t, err)
		if (err == nil) != (p.Keep != nil) {
			t.Errorf("%s, %v", p.Options, err)
		}
	})
}

// The certificate alone, which stands in base64 in the middle of the offer.
func FuzzEndorsement(f *testing.F) {
	format := goldenFormat(f)
	var offer map[string]any
	if err := json.Unmarshal(file(f, "offer.json"), &offer); err != nil {
		f.Fatal(err)
	}
	good, err := base64.RawURLEncoding.DecodeString(offer["ek_certificates"].([]any)[0].(string))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Fuzz(func(t *testing.T, certificate []byte) {
		_, err := format.Begin(goldenEnrolling(), object(t, offer, map[string]any{"ek_certificates": []string{encode(certificate)}}))
		attesttest.MustRefuse(t, err)
		if err == nil && !bytes.Equal(certificate, good) {
			t.Error("another certificate was taken")
		}
	})
}

func FuzzVerify(f *testing.F) {
	format := goldenFormat(f)
	for _, suffix := range []string{"", "-tools"} {
		f.Add(goldenInput(f, suffix).Body)
	}
	f.Add([]byte(`{"method":"tpm","ak_public":"AAE","quote":"AA","signature":"AA","pcrs":{}}`))
	good := goldenInput(f, "")
	want, err := format.Locate(good.Body, "")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		in := good
		in.Body = body
		handle, locateErr := format.Locate(body, "")
		claims, err := format.Verify(in)
		attesttest.MustRefuse(t, err)
		if err == nil && (locateErr != nil || !bytes.Equal(handle, claims.Handle) || !bytes.Equal(handle, want)) {
			t.Errorf("%x, %v, %+v", handle, locateErr, claims)
		}
	})
}
