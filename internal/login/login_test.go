package login

import (
	"errors"
	"io"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/internal/keys"
	"github.com/regrant/regrant/upstream"
)

func TestALoginBeginsASession(t *testing.T) {
	h := open(t)
	sealed, answer := h.started(Wish{})
	asked := h.provider.asked
	if asked.RedirectURI != issuer+"/login/callback" || asked.Recovery || len(asked.ACR) > 0 || asked.Started.IsZero() {
		t.Errorf("asked for %+v", asked)
	}
	for _, secret := range []string{asked.State, asked.Nonce, asked.Verifier} {
		if len(secret) != 43 || strings.Contains(sealed, secret) {
			t.Errorf("%q is no secret of 256 bits, or not sealed", secret)
		}
	}
	answer.Set("iss", "https://idp.example.com")
	s, secret, err := h.Callback(t.Context(), sealed, answer, nil)
	must(t, err)
	if b := h.provider.back; b.Code != "code" || b.Issuer != "https://idp.example.com" || h.provider.login.Verifier != asked.Verifier {
		t.Errorf("redeemed %+v for %+v", h.provider.back, h.provider.login)
	}
	for _, s := range []Session{s, h.read(secret)} {
		if s.AccountID() != "alice-1" || s.Name() != "alice" || !slices.Equal(s.Identifiers(), []string{"alice", "alice@example.com"}) ||
			s.Assurance() != (upstream.Assurance{AAL: upstream.AAL1}) || s.Recovery() || !slices.Equal(s.AMR(), []string{"pwd"}) {
			t.Errorf("session %+v", s)
		}
		if d := s.EndsAt().Sub(h.now()); d > Life || d < Life-time.Minute || !s.AuthenticatedAt().Equal(h.provider.who.AuthenticatedAt.UTC()) {
			t.Errorf("ends in %s, signed in at %s", d, s.AuthenticatedAt())
		}
	}
}

func (h *house) read(secret string) Session {
	h.t.Helper()
	s, err := h.Read(h.t.Context(), secret)
	must(h.t, err)
	return s
}

// Each starts from the good answer and changes one thing.
func TestAnAnswerThatIsNotThisLoginsBeginsNothing(t *testing.T) {
	set := func(name, value string) func(*house, *string, url.Values) {
		return func(_ *house, _ *string, answer url.Values) { answer.Set(name, value) }
	}
	twice := func(name string) func(*house, *string, url.Values) {
		return func(_ *house, _ *string, answer url.Values) { answer[name] = append(answer[name], "x") }
	}
	for name, c := range map[string]struct {
		change func(h *house, sealed *string, answer url.Values)
		want   error
	}{
		"wrong state":     {set("state", "x"), ErrOver},
		"no state":        {set("state", ""), ErrOver},
		"state twice":     {twice("state"), ErrOver},
		"code twice":      {twice("code"), ErrOver},
		"issuers":         {func(_ *house, _ *string, a url.Values) { a["iss"] = []string{"a", "b"} }, ErrOver},
		"another browser": {func(_ *house, sealed *string, _ url.Values) { *sealed = "" }, ErrOver},
		"another login":   {func(h *house, sealed *string, _ url.Values) { *sealed, _ = h.started(Wish{}) }, ErrOver},
		"altered":         {func(_ *house, sealed *string, _ url.Values) { *sealed = (*sealed)[1:] + (*sealed)[:1] }, ErrOver},
		"another purpose": {func(h *house, sealed *string, _ url.Values) {
			*sealed = h.Ring.Box(keys.LoginRequest).Seal([]byte("{}"), nil)
		}, ErrOver},
		"too late":         {func(h *house, _ *string, _ url.Values) { h.wait(Pending) }, ErrOver},
		"cancelled":        {set("error", "access_denied"), ErrCancelled},
		"no code":          {set("code", ""), ErrCancelled},
		"refused":          {func(h *house, _ *string, _ url.Values) { h.provider.err = upstream.ErrRefused }, upstream.ErrRefused},
		"cannot be told":   {func(h *house, _ *string, _ url.Values) { h.provider.err = upstream.ErrUnavailable }, upstream.ErrUnavailable},
		"cannot be stored": {func(h *house, _ *string, _ url.Values) { h.DB = brokenDB{h.DB} }, io.ErrUnexpectedEOF},
	} {
		t.Run(name, func(t *testing.T) {
			h := open(t)
			sealed, answer := h.started(Wish{})
			c.change(h, &sealed, answer)
			s, secret, err := h.Callback(t.Context(), sealed, answer, nil)
			if !errors.Is(err, c.want) || secret != "" || s.AccountID() != "" {
				t.Errorf("%+v, %q, %v, want %v", s, secret, err, c.want)
			}
		})
	}
}

// Also at an identity provider that redeems a code twice.
func TestALoginBeginsOneSession(t *testing.T) {
	h := open(t)
	sealed, answer := h.started(Wish{})
	_, secret, err := h.Callback(t.Context(), sealed, answer, nil)
	must(t, err)
	for range 2 {
		if _, _, err := h.Callback(t.Context(), sealed, answer, nil); !errors.Is(err, ErrOver) {
			t.Errorf("the answer once more: %v, want over", err)
		}
		must(t, h.End(t.Context(), secret)) // a login is not there again once its session has ended
	}
}

func TestALoginIsNotStartedWithoutTheProvider(t *testing.T) {
	h := open(t)
	h.provider.err = upstream.ErrUnavailable
	if to, sealed, err := h.Start(t.Context(), Wish{}); !errors.Is(err, upstream.ErrUnavailable) || to != "" || sealed != "" {
		t.Errorf("%q, %q, %v", to, sealed, err)
	}
}

func TestABetterLoginIsAskedForByItsClass(t *testing.T) {
	for name, c := range map[string]struct {
		need upstream.Assurance
		want []string
	}{
		"level 2":                     {upstream.Assurance{AAL: upstream.AAL2}, []string{"gold", "silver", "black"}},
		"level 2, phishing-resistant": {upstream.Assurance{AAL: upstream.AAL2, PhishingResistant: true}, []string{"gold", "black"}},
		"level 3":                     {upstream.Assurance{AAL: upstream.AAL3}, []string{"black"}},
		"nothing":                     {upstream.Assurance{}, nil},
	} {
		h := open(t)
		h.started(Wish{Need: c.need})
		if got := h.provider.asked.ACR; !slices.Equal(got, c.want) {
			t.Errorf("%s: asked for %q, want %q", name, got, c.want)
		}
	}
}

func TestABetterLoginIsTheSamePersons(t *testing.T) {
	h := open(t)
	first, old := h.signedIn(Wish{})
	sealed, answer := h.started(Wish{Need: upstream.Assurance{AAL: upstream.AAL2}, Current: first})
	h.provider.who.AccountID = "bob-1"
	if _, _, err := h.Callback(t.Context(), sealed, answer, nil); !errors.Is(err, ErrOther) {
		t.Fatalf("%v, want another account", err)
	}
	if h.read(old).AccountID() != "alice-1" {
		t.Error("somebody else's login ended the session")
	}
	h.provider.who.AccountID, h.provider.who.ACR = "alice-1", "silver"
	s, _, err := h.Callback(t.Context(), sealed, answer, nil)
	must(t, err)
	if s.Assurance().AAL != upstream.AAL2 {
		t.Errorf("session %+v", s)
	}
	h.wantNobody(old)
}

func TestALoginEndsTheSessionThatItFollows(t *testing.T) {
	h := open(t)
	first, old := h.signedIn(Wish{})
	h.provider.who.AccountID = "bob-1" // who is asked for nothing may be anybody
	_, secret := h.signedIn(Wish{Current: first})
	h.wantNobody(old)
	if h.read(secret).AccountID() != "bob-1" {
		t.Error("not bob's")
	}
}

func TestTheLoginOfARecoveryProvesOneFactor(t *testing.T) {
	h := open(t)
	h.provider.who.ACR, h.provider.who.AMR = "black", []string{"hwk", "pin"}
	s, _ := h.signedIn(Wish{Recovery: true})
	if !h.provider.asked.Recovery || !s.Recovery() || s.Assurance() != (upstream.Assurance{AAL: upstream.AAL1}) {
		t.Errorf("session %+v", s)
	}
}
