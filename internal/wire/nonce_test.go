package wire

import (
	"errors"
	"strconv"
	"testing"
)

func TestProofMustHaveTheDemandedNonce(t *testing.T) {
	key := newKey(t)
	want := demand
	want.Nonce = func(nonce string) bool { return nonce == "of-this-hour" }
	for nonce, good := range map[string]bool{"of-this-hour": true, "": false, "of-last-year": false} {
		compact, err := NewProofWithNonce(key, want.Method, want.URI, now, "", nonce)
		if err != nil {
			t.Fatal(err)
		}
		_, err = ParseProof([]string{compact}, want, now)
		if good && err != nil || !good && (!errors.Is(err, ErrNonce) || !errors.Is(err, ErrProof)) {
			t.Errorf("%q: %v", nonce, err)
		}
		if _, err := ParseProof([]string{compact}, demand, now); err != nil { // nobody asked
			t.Errorf("%q where none is demanded: %v", nonce, err)
		}
	}
}

// A proof that is wrong in another way is refused for that: its sender is not asked to try again.
func TestWrongProofIsNotAskedForAgain(t *testing.T) {
	want := demand
	want.Nonce = func(string) bool { return false }
	d := newDraft(t)
	d.claims = `{}`
	_, err := ParseProof([]string{d.sign(t)}, want, now)
	if !errors.Is(err, ErrProof) || errors.Is(err, ErrNonce) {
		t.Error(err)
	}
}

func TestProofIsNamedByKeyEndpointAndJTI(t *testing.T) {
	d := newDraft(t)
	id := func(d *draft, want Demand) string {
		proof, err := ParseProof([]string{d.sign(t)}, want, now)
		if err != nil {
			t.Fatal(err)
		}
		return proof.ID
	}
	first := id(d, demand)
	if again := id(d, demand); again != first {
		t.Error("signed twice, it has two names") // an ECDSA signature has many forms
	}
	other := newDraft(t)
	if id(other, demand) == first {
		t.Error("two keys share a name")
	}
	elsewhere := *d
	elsewhere.claims = `{"jti":"0123456789abcdef","htm":"POST","htu":"https://id.example.com/x","iat":` + strconv.FormatInt(now.Unix(), 10) + `}`
	if id(&elsewhere, Demand{Method: "POST", URI: "https://id.example.com/x"}) == first {
		t.Error("two endpoints share a name")
	}
	later := *d
	later.claims = `{"jti":"0123456789abcdeX","htm":"POST","htu":"` + uri + `","iat":` + strconv.FormatInt(now.Unix(), 10) + `}`
	if id(&later, demand) == first {
		t.Error("two proofs share a name")
	}
}
