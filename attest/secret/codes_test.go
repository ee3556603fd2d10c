package secret

import (
	"bytes"
	"crypto/rand"
	"io"
	"strings"
	"testing"

	"github.com/regrant/regrant/attest"
)

// printed is a code that is bound, and the evidence that shows it.
type printed struct {
	codes *Codes
	text  string
	in    attest.Input
}

func newPrinted(t testing.TB) *printed {
	t.Helper()
	return printedFrom(t, rand.Reader)
}

func printedFrom(t testing.TB, random io.Reader) *printed {
	t.Helper()
	p := &printed{codes: NewCodes(keyed("pepper"))}
	e := enrolling("alice")
	e.Random = random
	handle, text, err := p.codes.Replace(e)
	if err != nil {
		t.Fatal(err)
	}
	p.text = text
	p.in = attest.Input{
		Body: codeBody(t, text), Now: now,
		Bound: attest.Binding{Authenticator: "a", Handle: handle.Value, Reference: handle.Reference},
	}
	return p
}

func codeBody(t testing.TB, text string) []byte {
	return body(t, map[string]string{"method": "recovery-code", "code": text})
}

// other is the code with another selector or another verifier, without a typo.
func (p *printed) other(t testing.TB, change func(*code)) []byte {
	t.Helper()
	c, err := parseCode(p.text)
	if err != nil {
		t.Fatal(err)
	}
	change(&c)
	return codeBody(t, c.text())
}

// next is another symbol.
func next(symbol byte) string {
	return string(symbols[(strings.IndexByte(symbols, symbol)+1)%len(symbols)])
}

func TestTheCodeIsAccepted(t *testing.T) {
	p := newPrinted(t)
	located, err := p.codes.Locate(p.in.Body, "")
	if err != nil || !bytes.Equal(located, p.in.Bound.Handle) {
		t.Fatalf("%x, %v", located, err)
	}
	claims, err := p.codes.Verify(p.in)
	accepted(t, claims, err, located)
	p.in.Body = codeBody(t, strings.ToLower(strings.ReplaceAll(p.text, "-", " ")))
	claims, err = p.codes.Verify(p.in)
	accepted(t, claims, err, located)
}

func TestAWrongVerifierIsAGuess(t *testing.T) {
	p := newPrinted(t)
	for i := range verifierLength {
		p.in.Body = p.other(t, func(c *code) { c.verifier = c.verifier[:i] + next(c.verifier[i]) + c.verifier[i+1:] })
		claims, err := p.codes.Verify(p.in)
		refused(t, claims, err, attest.ReasonIdentity, true)
	}
}

// Nobody who does not have the selector can use up the guesses of a code.
func TestAnotherSelectorIsNoGuess(t *testing.T) {
	p := newPrinted(t)
	for i := range selectorLength {
		p.in.Body = p.other(t, func(c *code) { c.selector = c.selector[:i] + next(c.selector[i]) + c.selector[i+1:] })
		claims, err := p.codes.Verify(p.in)
		refused(t, claims, err, attest.ReasonIdentity, false)
	}
}

func TestACodeThatIsNotBoundIsRefused(t *testing.T) {
	p := newPrinted(t)
	good := p.in.Bound
	for name, bound := range map[string]attest.Binding{
		"nothing":          {},
		"no authenticator": {Handle: good.Handle, Reference: good.Reference},
		"another handle":   {Authenticator: "a", Handle: bytes.Repeat([]byte{1}, 32), Reference: good.Reference},
	} {
		t.Run(name, func(t *testing.T) {
			p.in.Bound = bound
			claims, err := p.codes.Verify(p.in)
			refused(t, claims, err, attest.ReasonIdentity, false)
		})
	}
}

func TestTheSameHashesAreMadeForAnUnknownCode(t *testing.T) {
	p, made := newPrinted(t), 0
	pepper := p.codes.hash
	p.codes.hash = func(parts ...[]byte) []byte { made++; return pepper(parts...) }
	_, _ = p.codes.Verify(p.in)
	known := made
	p.in.Bound = attest.Binding{}
	_, _ = p.codes.Verify(p.in)
	if made != 2*known || known == 0 {
		t.Errorf("%d hashes for a known code, %d for an unknown one", known, made-known)
	}
}

// the store alone opens nothing.
func TestWithoutItsKeyNoCodeIsAccepted(t *testing.T) {
	p := newPrinted(t)
	p.codes.hash = keyed("another")
	p.in.Bound.Handle, _ = p.codes.Locate(p.in.Body, "") // as if the handle had been found all the same
	claims, err := p.codes.Verify(p.in)
	refused(t, claims, err, attest.ReasonIdentity, true)
	for name, hash := range map[string]KeyedHash{"none": nil, "empty": func(...[]byte) []byte { return nil }} {
		p.codes.hash = hash
		if handle, err := p.codes.Locate(p.in.Body, ""); err == nil {
			t.Errorf("%s: handle %x", name, handle)
		}
		claims, err := p.codes.Verify(p.in)
		unanswered(t, claims, err)
		if _, err := p.codes.Finish(enrolling("alice"), nil, []byte("{}")); err == nil {
			t.Errorf("%s: codes were made", name)
		}
	}
}

//
func TestTheSameCodeHasDifferentRecords(t *testing.T) {
	codes, symbols := NewCodes(keyed("pepper")), strings.Repeat("\x07", selectorLength+verifierLength)
	alice, bob := enrolling("alice"), enrolling("bob")
	alice.Random = io.MultiReader(strings.NewReader(symbols), rand.Reader)
	bob.Random = io.MultiReader(strings.NewReader(symbols), rand.Reader)
	first, one, err1 := codes.Replace(alice)
	second, two, err2 := codes.Replace(bob)
	if err1 != nil || err2 != nil || one != two {
		t.Fatalf("%q and %q, %v, %v", one, two, err1, err2)
	}
	a, _ := parseCodeReference(first.Reference)
	b, _ := parseCodeReference(second.Reference)
	if bytes.Equal(a.Salt, b.Salt) || bytes.Equal(a.Verifier, b.Verifier) {
		t.Errorf("equal records %s and %s", first.Reference, second.Reference)
	}
}

func TestARecordCannotStandInForAnother(t *testing.T) {
	p, q := newPrinted(t), newPrinted(t)
	p.in.Bound.Reference = q.in.Bound.Reference
	claims, err := p.codes.Verify(p.in)
	refused(t, claims, err, attest.ReasonIdentity, true)
}

func TestStoredCodesThatCannotBeReadAreNoRefusal(t *testing.T) {
	p := newPrinted(t)
	good := string(p.in.Bound.Reference)
	for name, reference := range map[string]string{
		"none":              "",
		"empty":             "{}",
		"cut":               good[:len(good)-1],
		"another algorithm": strings.Replace(good, codeAlgorithm, "sha256", 1),
		"unknown member":    strings.Replace(good, "{", `{"x":1,`, 1),
		"salt is no base64": strings.Replace(good, `"salt":"`, `"salt":"*`, 1),
	} {
		t.Run(name, func(t *testing.T) {
			p.in.Bound.Reference = []byte(reference)
			claims, err := p.codes.Verify(p.in)
			unanswered(t, claims, err)
		})
	}
}

func TestCodeEvidenceOfAnotherFormIsRefused(t *testing.T) {
	p := newPrinted(t)
	good := string(p.in.Body)
	for name, sent := range map[string]string{
		"nothing":        "",
		"array":          "[" + good + "]",
		"twice":          good + good,
		"cut":            good[:len(good)-1],
		"no code":        `{"method":"recovery-code"}`,
		"code twice":     strings.Replace(good, "{", `{"code":"x",`, 1),
		"number":         `{"method":"recovery-code","code":1}`,
		"unknown member": strings.Replace(good, "{", `{"x":1,`, 1),
		"other case":     strings.Replace(good, `"code"`, `"Code"`, 1),
		"other method":   strings.Replace(good, "recovery-code", "passphrase", 1),
		"typo":           strings.Replace(good, p.text[:1], "*", 1),
		"long code":      strings.Replace(good, p.text, p.text+strings.Repeat(" ", maxCodeText), 1),
		"large":          good + strings.Repeat(" ", maxCodeBody),
		"deep":           strings.Repeat("[", 1000),
	} {
		t.Run(name, func(t *testing.T) {
			p.in.Body = []byte(sent)
			claims, err := p.codes.Verify(p.in)
			refused(t, claims, err, attest.ReasonMalformed, false)
			if strings.Contains(err.Error(), p.text[:6]) {
				t.Errorf("the error repeats the code: %v", err)
			}
			if handle, err := p.codes.Locate(p.in.Body, ""); err == nil {
				t.Errorf("located %x", handle)
			}
		})
	}
}

func FuzzVerifyCode(f *testing.F) {
	p := printedFrom(f, strings.NewReader(strings.Repeat("seed", 20))) // the same in every process
	for _, seed := range []string{string(p.in.Body), "{}", "", `{"method":"recovery-code","code":"0"}`, "[[[["} {
		f.Add([]byte(seed), p.in.Bound.Reference)
	}
	f.Add(p.in.Body, []byte(`{"alg":"hmac-sha256","salt":null,"verifier":""}`))
	right, _ := parseCode(p.text)
	f.Fuzz(func(t *testing.T, sent, reference []byte) {
		in := p.in
		in.Body, in.Bound.Reference = sent, reference
		claims, err := p.codes.Verify(in)
		if c, _ := parseCodeEvidence(sent); err == nil && (c != right || !bytes.Equal(claims.Handle, in.Bound.Handle)) {
			t.Errorf("accepted %q", sent)
		}
	})
}
