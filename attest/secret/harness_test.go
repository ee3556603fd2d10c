package secret

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
)

var now = time.Date(2026, 11, 21, 20, 20, 0, 0, time.UTC)

// keyed is a keyed hash as the gateway's keys make it.
func keyed(key string) KeyedHash {
	return func(parts ...[]byte) []byte {
		h := hmac.New(sha256.New, []byte(key))
		for _, p := range parts {
			_ = binary.Write(h, binary.BigEndian, uint64(len(p)))
			h.Write(p)
		}
		return h.Sum(nil)
	}
}

// body is a JSON object of strings.
func body(t testing.TB, members map[string]string) []byte {
	t.Helper()
	b, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func enrolling(account string) attest.Enrolling {
	return attest.Enrolling{
		Issuer: "https://id.example.com/recovery", AccountID: account, Name: account + "@example.com", Random: rand.Reader, Now: now,
	}
}

// refused fails the test unless err is a refusal for that reason, a guess or not, and claims are none.
func refused(t *testing.T, claims attest.Claims, err error, reason attest.Reason, guess bool) {
	t.Helper()
	var e *attest.Error
	if !errors.As(err, &e) || e.Reason != reason || e.Guess != guess {
		t.Errorf("error is %+v, not a refusal for reason %s (guess: %v)", err, reason, guess)
	}
	if claims.Handle != nil {
		t.Errorf("claims came with the refusal: %+v", claims)
	}
}

// unanswered fails the test unless err says that the question could not be answered.
func unanswered(t *testing.T, claims attest.Claims, err error) {
	t.Helper()
	var e *attest.Error
	if err == nil || errors.As(err, &e) || claims.Handle != nil {
		t.Errorf("error is %v, claims %+v", err, claims)
	}
}

// accepted fails the test unless the claims name handle.
func accepted(t *testing.T, claims attest.Claims, err error, handle []byte) {
	t.Helper()
	if err != nil || len(handle) == 0 || !bytes.Equal(claims.Handle, handle) {
		t.Errorf("handle %x, %v", claims.Handle, err)
	}
}
