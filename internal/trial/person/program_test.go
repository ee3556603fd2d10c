package person

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/upstream"
)

// counter is a gateway, and the identity provider behind it, for one program.
type counter struct {
	nonce    bool   // proofs need one
	redeems  int    // of the one recovery token
	again    string // what is said of the second; "": as of the first
	away     int    // times that completing is answered with 503 first
	complete string // JSON; "": 503
	whose    string // JSON; "": 401
	shown    http.Header
}

func (c *counter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer := func(status int, body string) { w.WriteHeader(status); fmt.Fprint(w, body) }
	if r.URL.Path == "/whose" {
		c.shown = r.Header.Clone()
		if c.whose == "" {
			answer(http.StatusUnauthorized, `{}`)
			return
		}
		answer(http.StatusOK, c.whose)
		return
	}
	if r.Header.Get("DPoP") == "" {
		answer(http.StatusBadRequest, `{"type":"urn:regrant:problem:holder"}`)
		return
	}
	if c.nonce {
		c.nonce = false
		w.Header().Set("DPoP-Nonce", "n")
		if r.URL.Path == "/recovery/token" {
			answer(http.StatusBadRequest, `{"error":"use_dpop_nonce"}`)
		} else {
			answer(http.StatusUnauthorized, `{"type":"urn:regrant:problem:use-dpop-nonce"}`)
		}
		return
	}
	switch r.URL.Path {
	case "/recovery/initiate":
		answer(http.StatusOK, `{"recovery_id":"r","statement":"s"}`)
	case "/recovery/attest":
		answer(http.StatusOK, `{"outcome":"granted","reference":"REF","recovery_token":"the token"}`)
	case "/recovery/token":
		if c.redeems++; c.redeems > 1 && c.again != "" {
			answer(http.StatusBadRequest, c.again)
			return
		}
		if r.FormValue("assertion") != "the token" || r.FormValue("client_id") != "regrant-device" {
			answer(http.StatusBadRequest, `{"error":"invalid_grant"}`)
			return
		}
		answer(http.StatusOK, `{"access_token":"access"}`)
	case "/recovery/complete":
		if c.away > 0 {
			c.away--
			answer(http.StatusServiceUnavailable, `{"type":"urn:regrant:problem:unavailable"}`)
			return
		}
		if c.complete == "" || r.Header.Get("Authorization") != "DPoP access" {
			answer(http.StatusServiceUnavailable, `{"type":"urn:regrant:problem:unavailable"}`)
			return
		}
		answer(http.StatusOK, c.complete)
	}
}

// programOf is a person of whom only the program is left to come.
func programOf(t *testing.T, c *counter, o Operator) *person {
	t.Helper()
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	return &person{
		Trial: Trial{
			Issuer: server.URL + "/recovery", Account: "regrant-trial-x", AccountID: "id", Programs: []attest.Method{attest.MethodPassphrase},
			Path: upstream.TrialPath{Program: upstream.TrialProgram{Option: "upstream_grant", URL: server.URL + "/whose", Mend: "look there"}},
		},
		operator: o, transport: &http.Transport{DisableKeepAlives: true}, bound: []thing{&passphrase{"x"}},
	}
}

const used = `{"error":"invalid_grant"}`

// good is one where all goes well.
func good() *counter {
	return &counter{again: used, complete: `{"outcome":"session","access_token":"of the provider","token_type":"Bearer","expires_in":120}`, whose: `{"sub":"id"}`}
}

// last does the steps of the program, but for its journal, as far as the first that does not hold.
func last(ctx context.Context, p *person) (s Step) {
	for _, one := range p.programSteps() {
		if one.name == "program's journal" {
			break
		}
		seen, err := one.do(ctx)
		if s = StepOf(one.name, seen, err); s.Outcome != Held {
			break
		}
	}
	return s
}

func TestAProgramsRecoveryHoldsOnlyIfTheProviderTakesItsToken(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*counter)
		step   string
		want   Outcome
		mend   string
	}{
		"all goes well":       {func(*counter) {}, "used again", Held, ""},
		"proofs need a nonce": {func(c *counter) { c.nonce = true }, "used again", Held, ""},
		"a session token": {func(c *counter) {
			c.complete, c.whose = `{"outcome":"session","session_token":"x"}`, `{"identity":{"id":"id"}}`
		}, "used again", Held, ""},
		"it is away for a moment":          {func(c *counter) { c.away = 2 }, "used again", Held, ""},
		"it is away for longer":            {func(c *counter) { c.away = 3 }, "program", Failed, "look there"},
		"the provider gives nothing":       {func(c *counter) { c.complete = "" }, "program", Failed, "look there"},
		"the program is handed over":       {func(c *counter) { c.complete = `{"outcome":"handoff","code":"x"}` }, "program", Failed, "look there"},
		"the provider takes no such token": {func(c *counter) { c.whose = "" }, "program's token", Failed, "look there"},
		"the token is somebody else's":     {func(c *counter) { c.whose = `{"sub":"other"}` }, "program's token", Failed, ""},
		"the token is nobody's":            {func(c *counter) { c.whose = `{}` }, "program's token", Failed, ""},
		"no JSON says whose it is":         {func(c *counter) { c.whose = "<p>" }, "program's token", Failed, "look there"},
		"the recovery token is good twice": {func(c *counter) { c.again = "" }, "used again", Failed, ""},
		"it is refused for another reason": {func(c *counter) { c.again = `{"error":"invalid_request"}` }, "used again", Failed, ""},
	} {
		t.Run(name, func(t *testing.T) {
			at := good()
			c.change(at)
			s := last(t.Context(), programOf(t, at, &observer{seen: []Seen{whole()}}))
			if s.Name != c.step || s.Outcome != c.want || s.Mend != c.mend || s.Seen == "" {
				t.Errorf("%+v", s)
			}
			if strings.Contains(s.Seen, "of the provider") {
				t.Error("the token is told")
			}
		})
	}
}

// A 503 of the gateway's says nothing of the grant where the identity provider cannot be looked at either.
func TestOfAProviderThatIsAwayNothingIsSaid(t *testing.T) {
	at := good()
	at.complete = ""
	s := last(t.Context(), programOf(t, at, &observer{seen: []Seen{whole()}, err: errors.New("away")}))
	if s.Name != "program" || s.Outcome != Untold {
		t.Errorf("%+v", s)
	}
}

func TestATokenIsShownAsItsKindIs(t *testing.T) {
	for complete, want := range map[string][2]string{
		good().complete: {"Authorization", "Bearer of the provider"},
		`{"outcome":"session","session_token":"of the provider"}`: {"X-Session-Token", "of the provider"},
	} {
		at := good()
		at.complete = complete
		last(t.Context(), programOf(t, at, &observer{}))
		if at.shown.Get(want[0]) != want[1] || at.shown.Get("DPoP") != "" {
			t.Errorf("%+v", at.shown)
		}
	}
}

func TestWithoutTheOptionForProgramsTheStepIsSkipped(t *testing.T) {
	at := good()
	p := programOf(t, at, nil)
	p.Path.Program.URL = ""
	if s := last(t.Context(), p); s.Name != "program" || s.Outcome != Skipped || !strings.Contains(s.Seen, "upstream_grant") || at.redeems > 0 {
		t.Errorf("%+v", s)
	}
}

func TestWithoutMethodsForAProgramTheStepIsSkipped(t *testing.T) {
	p := programOf(t, good(), nil)
	p.Programs = nil
	if s := last(t.Context(), p); s.Name != "program" || s.Outcome != Skipped || !strings.Contains(s.Seen, "in a browser only") {
		t.Errorf("%+v", s)
	}
}

func TestWhatAProgramNeedsIsBoundToo(t *testing.T) {
	passkey, code := attest.MethodPasskey, attest.MethodRecoveryCode
	p := &person{Trial: Trial{Methods: []attest.Method{passkey}, Programs: []attest.Method{passkey, code}}}
	if got := p.needed(); !slices.Equal(got, []attest.Method{passkey}) {
		t.Errorf("where programs are given nothing: %v", got)
	}
	p.Path.Program.URL = "https://id.example.com/whose"
	if got := p.needed(); !slices.Equal(got, []attest.Method{passkey, code}) {
		t.Errorf("%v", got)
	}
}

// The program proves after the browser did, with the next code.
func TestACodeIsGoodOnce(t *testing.T) {
	sheet := &codes{left: []string{"first", "second"}}
	for _, want := range sheet.left {
		said, err := sheet.evidence("")
		if text, _ := json.Marshal(said); err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s, %v: want %s", text, err, want)
		}
	}
	if _, err := sheet.evidence(""); StepOf("x", "", err).Outcome != Failed {
		t.Errorf("%v", err)
	}
}
