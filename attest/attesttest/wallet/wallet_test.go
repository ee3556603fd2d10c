package wallet_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/attest/attesttest/wallet"
)

func hash(parts ...[]byte) []byte {
	h := hmac.New(sha256.New, []byte("a key"))
	for _, p := range parts {
		h.Write(append(p, 0))
	}
	return h.Sum(nil)
}

func TestEverythingInTheWalletIsBoundAndProves(t *testing.T) {
	maker := attesttest.NewCA(t)
	e := attest.Enrolling{
		Issuer: wallet.Issuer, AccountID: "1", Name: "alice@example.com", UserHandle: bytes.Repeat([]byte{1}, 32), Challenge: [32]byte{1},
		Random: rand.Reader, Now: time.Date(2026, 11, 21, 20, 20, 0, 0, time.UTC),
	}
	verifier, err := attest.NewVerifier(wallet.Formats(t, maker, hash, func(work func()) error { work(); return nil })...)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range wallet.New(t, maker) {
		format := verifier.Format(a.Method()).(attest.Enroller)
		prompt, err := format.Begin(e, a.Begin())
		if err != nil {
			t.Fatalf("%s: %v", a.Method(), err)
		}
		made, err := format.Finish(e, prompt.Keep, a.Finish(prompt.Options, attest.EnrolmentText(e, a.Method())))
		if err != nil {
			t.Fatalf("%s: %v", a.Method(), err)
		}
		a.Keep(made.Shown)
		body := a.Evidence("a statement")
		handle, err := format.Locate(body, e.AccountID)
		if err != nil || !bytes.Equal(handle, made.Handles[0].Value) {
			t.Fatalf("%s: located at %x, %v", a.Method(), handle, err)
		}
		_, err = format.Verify(attest.Input{Body: body, Challenge: []byte("a statement"), Now: e.Now, Bound: attest.Binding{
			Authenticator: "a", Handle: handle, Reference: made.Handles[0].Reference, Counter: made.Handles[0].Counter,
		}})
		if err != nil {
			t.Errorf("%s: %v", a.Method(), err)
		}
		if len(a.Secrets()) == 0 {
			t.Errorf("%s has no secrets", a.Method())
		}
	}
}
