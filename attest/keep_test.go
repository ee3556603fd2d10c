package attest_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"testing"

	"github.com/regrant/regrant/attest"
)

func keyed(key string) func(parts ...[]byte) []byte {
	return func(parts ...[]byte) []byte {
		h := hmac.New(sha256.New, []byte(key))
		for _, p := range parts {
			h.Write(p)
		}
		return h.Sum(nil)
	}
}

func TestAResultSurvivesStorage(t *testing.T) {
	s := newScene(t)
	r, err := s.appraise()
	if err != nil {
		t.Fatal(err)
	}
	data, err := r.Keep(keyed("key"))
	if err != nil {
		t.Fatal(err)
	}
	back, err := attest.Kept(data, s.statement.Recovery, keyed("key"))
	if err != nil || !back.Valid() || back.Method() != r.Method() || back.Authenticator() != r.Authenticator() ||
		back.RelayResistant() != r.RelayResistant() || !back.At().Equal(r.At()) || !bytes.Equal(back.Claims().Handle, r.Claims().Handle) {
		t.Errorf("%+v came back as %+v, %v", r, back, err)
	}
}

func TestAWriterOfTheStoreCannotMakeAResult(t *testing.T) {
	s := newScene(t)
	r, err := s.appraise()
	if err != nil {
		t.Fatal(err)
	}
	good, err := r.Keep(keyed("key"))
	if err != nil {
		t.Fatal(err)
	}
	altered := bytes.Replace(good, []byte("device-certificate"), []byte("device-certificaty"), 1)
	for name, c := range map[string]struct {
		data          []byte
		recovery, key string
	}{
		"of another recovery": {good, attest.NewRecoveryID(), "key"},
		"under another key":   {good, s.statement.Recovery, "other"},
		"altered":             {altered, s.statement.Recovery, "key"},
		"cut":                 {good[:40], s.statement.Recovery, "key"},
		"without MAC":         {good[32:], s.statement.Recovery, "key"},
		"empty":               {nil, s.statement.Recovery, "key"},
	} {
		if back, err := attest.Kept(c.data, c.recovery, keyed(c.key)); !errors.Is(err, attest.ErrForged) || back.Valid() {
			t.Errorf("%s: %+v, %v", name, back, err)
		}
	}
	if _, err := (attest.Result{}).Keep(keyed("key")); !errors.Is(err, attest.ErrForged) {
		t.Errorf("the zero result was kept: %v", err)
	}
}
