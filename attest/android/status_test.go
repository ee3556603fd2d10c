package android_test

import (
	"strings"
	"testing"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/android"
)

func TestEveryCertificateOfTheChainMustBeOffTheList(t *testing.T) {
	for _, word := range []string{"REVOKED", "SUSPENDED"} {
		for i, name := range []string{"leaf", "attestation key", "intermediate", "root"} {
			t.Run(word+" "+name, func(t *testing.T) {
				p := goodPhone(t)
				serial := parse(t, p.attests.AndroidKey(t, p.says, nil).Chain...)[i].Serial().Text(16)
				p.demand.Status = status(t, map[string]string{"abcdef": "REVOKED", serial: word})
				p.mustFail(t, attest.ReasonRevoked)
				p.demand.Status = status(t, map[string]string{"00" + strings.ToUpper(serial): word})
				p.mustFail(t, attest.ReasonRevoked)
				p.demand.Status = status(t, map[string]string{serial + "0": word})
				p.mustPass(t)
			})
		}
	}
}

func TestWithoutAListNothingIsKnown(t *testing.T) {
	p := goodPhone(t)
	p.demand.Status = nil
	p.mustFail(t, attest.ReasonRevocationUnknown)
}

func TestListThatIsNotUnderstoodIsNoList(t *testing.T) {
	for name, text := range map[string]string{
		"empty":            ``,
		"null":             `null`,
		"no entries":       `{}`,
		"entries null":     `{"entries":null}`,
		"a list":           `{"entries":[]}`,
		"unknown member":   `{"entries":{},"more":1}`,
		"other case":       `{"Entries":{}}`,
		"twice":            `{"entries":{"1":{"status":"REVOKED"}},"entries":{}}`,
		"serial twice":     `{"entries":{"1":{"status":"REVOKED"},"1":{"status":"REVOKED"}}}`,
		"no status":        `{"entries":{"1":{}}}`,
		"unknown status":   `{"entries":{"1":{"status":"GOOD"}}}`,
		"unknown in entry": `{"entries":{"1":{"status":"REVOKED","until":"2027-01-01"}}}`,
		"no serial":        `{"entries":{"":{"status":"REVOKED"}}}`,
		"not hexadecimal":  `{"entries":{"xyz":{"status":"REVOKED"}}}`,
		"negative":         `{"entries":{"-1":{"status":"REVOKED"}}}`,
		"too long":         `{"entries":{"` + strings.Repeat("1", 41) + `":{"status":"REVOKED"}}}`,
		"more after it":    `{"entries":{}} {}`,
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := android.ParseStatus([]byte(text)); err == nil {
				t.Error("accepted")
			}
		})
	}
	full := `{"entries":{"2c8cdddfd5e03bfc":{"status":"REVOKED","expires":"2027-11-13","reason":"KEY_COMPROMISE","comment":"a word"}}}`
	if _, err := android.ParseStatus([]byte(full)); err != nil {
		t.Error(err)
	}
}
