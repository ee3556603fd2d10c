package recovery

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/account"
	"github.com/regrant/regrant/storage"
)

// namingFormat names what is bound, and fails when told to.
type namingFormat struct {
	*wordFormat
	names  int
	broken error
}

func (f *namingFormat) Names() int { return f.names }

func (f *namingFormat) Prompt(attest.Statement) ([]byte, error) {
	return []byte(`["nobody"]`), f.broken
}

func (f *namingFormat) PromptNaming(_ attest.Statement, bound [][]byte) ([]byte, error) {
	named := []string{}
	for _, handle := range bound {
		named = append(named, string(handle))
	}
	options, _ := json.Marshal(named)
	return options, f.broken
}

// newNaming is a pair beside which passkeys count, two of which Alice has. At most so many are named.
func newNaming(t *testing.T, names int) (*pair, *namingFormat, []*account.Authenticator) {
	t.Helper()
	p := newPair(t, attest.MethodPasskey)
	f := &namingFormat{wordFormat: &wordFormat{method: attest.MethodPasskey, h: p.house}, names: names}
	verifier, err := attest.NewVerifier(countingFormat{p.format, p.house}, p.Verifier.Format(code), f)
	must(t, err)
	p.Verifier = verifier
	bound := []*account.Authenticator{p.bind(attest.MethodPasskey, aliceID, "red one")}
	p.wait(1)
	return p, f, append(bound, p.bind(attest.MethodPasskey, aliceID, "blue two"))
}

func options(t *testing.T, offers []Offer) string {
	t.Helper()
	i := slices.IndexFunc(offers, func(o Offer) bool { return o.Method == attest.MethodPasskey })
	if i < 0 {
		t.Fatalf("not offered: %v", offers)
	}
	return string(offers[i].Options)
}

func TestBoundHandlesAreNamedToWhoeverAsksForTheAccount(t *testing.T) {
	for _, x := range []struct {
		name, typed string
		names       int
		revoke      bool
		want        string
	}{
		{"the last bound first", alice, 2, false, `["passkey blue","passkey red"]`},
		{"no more than asked for", alice, 1, false, `["passkey blue"]`},
		{"none of a revoked one", alice, 2, true, `["passkey red"]`},
		{"nobody's", "ghost@example.com", 2, false, `[]`},
		{"by a format that names none", alice, 0, false, `["nobody"]`},
	} {
		p, _, bound := newNaming(t, x.names)
		if x.revoke {
			must(t, p.db.Update(t.Context(), func(tx storage.Tx) error {
				_, err := p.Accounts.Revoke(tx, bound[1].ID, "test", "lost")
				return err
			}))
		}
		req := p.ask()
		req.Account, _ = attest.ParseIdentifier(x.typed)
		_, writes := p.db.count()
		if got := options(t, p.initiate(req).Methods); got != x.want {
			t.Errorf("%s: %s, want %s", x.name, got, x.want)
		}
		if _, w := p.db.count(); w != writes || p.idp.log() != "" {
			t.Errorf("%s: %d writes, and the identity provider was asked %q", x.name, w-writes, p.idp.log())
		}
	}
}

func TestTheSameIsNamedWhereMoreIsWanted(t *testing.T) {
	p, _, _ := newNaming(t, 2)
	const want = `["passkey blue","passkey red"]`
	req := p.proof(p.initiate(p.ask()))
	req.Evidence = []attest.Evidence{word(code, "one first")}
	out, err := p.Attest(t.Context(), req)
	must(t, err)
	if got := options(t, out.Methods); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	renewed, err := p.Attest(t.Context(), p.next(out))
	must(t, err)
	if got := options(t, renewed.Methods); got != want {
		t.Errorf("renewed: %s, want %s", got, want)
	}
	done, err := p.Attest(t.Context(), p.next(renewed, word(attest.MethodPasskey, "red one")))
	if err != nil || done.Outcome != OutcomeGranted {
		t.Errorf("%s, %v", done.Outcome, err)
	}
}

// A list without what is bound would tell whoever knows the one with it.
func TestNothingIsOfferedWhileWhatIsBoundCannotBeRead(t *testing.T) {
	p, f, _ := newNaming(t, 2)
	p.db.down = errors.New("disk on fire")
	if _, err := p.Initiate(t.Context(), p.ask()); !errors.Is(err, ErrUnavailable) {
		t.Errorf("error %v, want ErrUnavailable", err)
	}
	f.names = 0 // then nothing has to be read
	if _, err := p.Initiate(t.Context(), p.ask()); err != nil {
		t.Error(err)
	}
	p.db.down, f.names = nil, 2
	f.broken = errors.New("cannot be asked for")
	if slices.ContainsFunc(p.initiate(p.ask()).Methods, func(o Offer) bool { return o.Method == attest.MethodPasskey }) {
		t.Error("a method is offered that cannot be asked for")
	}
}
