package tpmclient

import (
	"strings"
	"testing"

	"github.com/regrant/regrant/attest"
)

// FuzzIsEnrolment: what a TPM speaks for at an enrolment is never the statement of a recovery, and always for that issuer and account.
func FuzzIsEnrolment(f *testing.F) {
	const issuer, account = "https://id.example.com/recovery", "alice@example.com"
	text := attest.EnrolmentText(attest.Enrolling{Issuer: issuer, Name: account, Challenge: [32]byte{1}}, attest.MethodTPM)
	if !isEnrolment(text, issuer, account) {
		f.Fatal("the text of an enrolment is none")
	}
	f.Add(text)
	f.Add(strings.Replace(text, account, "mallory@example.com", 1))
	f.Add(strings.Replace(text, "enrol", "recov", 1))
	f.Fuzz(func(t *testing.T, text string) {
		if !isEnrolment(text, issuer, account) {
			return
		}
		if _, err := attest.ParseStatement(text); err == nil || !strings.Contains(text, issuer) || !strings.Contains(text, account) {
			t.Errorf("%q would be quoted, %v", text, err)
		}
		if isEnrolment(text, issuer, "mallory@example") { // as long as the account
			t.Errorf("%q is for another account too", text)
		}
	})
}
