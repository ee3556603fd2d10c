package secret

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/regrant/regrant/attest"
)

func TestASetHasTenCodesThatWork(t *testing.T) {
	codes := NewCodes(keyed("pepper"))
	if _, err := codes.Begin(enrolling("alice"), []byte("{}")); err != nil {
		t.Fatal(err)
	}
	set, err := codes.Finish(enrolling("alice"), nil, []byte("{}"))
	if err != nil || len(set.Handles) != 10 || len(set.Shown) != 10 || set.Detail["codes"] != "10" {
		t.Fatalf("%d handles, %d codes, %v, %v", len(set.Handles), len(set.Shown), set.Detail, err)
	}
	if set.NonExportable || set.Attested {
		t.Error("codes on paper are told to be hardware")
	}
	for i, text := range set.Shown {
		handle := set.Handles[i]
		if !handle.OneTime {
			t.Errorf("code %d can be used again", i+1)
		}
		bound := attest.Binding{Authenticator: "a", Handle: handle.Value, Reference: handle.Reference}
		claims, err := codes.Verify(attest.Input{Body: codeBody(t, text), Bound: bound, Now: now})
		accepted(t, claims, err, handle.Value)
	}
}

func TestWhatIsStoredHoldsNoCode(t *testing.T) {
	set, err := NewCodes(keyed("pepper")).Finish(enrolling("alice"), nil, []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	for i, text := range set.Shown {
		c, _ := parseCode(text)
		stored := string(set.Handles[i].Value) + string(set.Handles[i].Reference)
		for _, canary := range []string{c.selector, c.verifier, text[:groupLength], strings.ReplaceAll(text, "-", "")} {
			if strings.Contains(stored, canary) || strings.Contains(stored, base64.StdEncoding.EncodeToString([]byte(canary))) {
				t.Errorf("%q is stored: %q", canary, stored)
			}
		}
	}
}

// issuance fails closed.
func TestNoSetWithoutGoodRandomness(t *testing.T) {
	codes := NewCodes(keyed("pepper"))
	for name, random := range map[string]io.Reader{
		"broken":     iotest.ErrReader(errors.New("broken")),
		"none":       nil,
		"runs dry":   io.LimitReader(rand.Reader, 200),
		"stands":     repeating{},
		"no salt":    io.LimitReader(rand.Reader, selectorLength+verifierLength),
		"ends early": iotest.DataErrReader(io.LimitReader(rand.Reader, 10)),
	} {
		e := enrolling("alice")
		e.Random = random
		set, err := codes.Finish(e, nil, []byte("{}"))
		if err == nil || set.Handles != nil || set.Shown != nil {
			t.Errorf("%s: %d codes, %v", name, len(set.Shown), err)
		}
	}
}

// repeating is randomness that is always the same.
type repeating struct{}

func (repeating) Read(b []byte) (int, error) { clear(b); return len(b), nil }

func TestASetIsAskedForWithAnEmptyObject(t *testing.T) {
	codes := NewCodes(keyed("pepper"))
	for _, sent := range []string{"", "[]", `{"codes":100}`, "{}{}", `{}` + strings.Repeat(" ", maxCodeBody)} {
		_, beginErr := codes.Begin(enrolling("alice"), []byte(sent))
		set, finishErr := codes.Finish(enrolling("alice"), nil, []byte(sent))
		refused(t, attest.Claims{}, beginErr, attest.ReasonMalformed, false)
		refused(t, attest.Claims{}, finishErr, attest.ReasonMalformed, false)
		if set.Shown != nil {
			t.Errorf("%q: codes", sent)
		}
	}
}
