package integration

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/regrant/regrant/integration/chromium"
	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/integration/story"
)

// surfer is a person at a real browser: Carol, in an environment that [surfing] starts.
type surfer struct {
	*chromium.Browser
	t *testing.T
	e *env.Env
}

// surfing starts an environment with passkeys, and a browser. Names of the site that only the browser has to find lead it there.
func surfing(t *testing.T, o env.Options) *surfer {
	t.Helper()
	demand(t, chromium.Missing())
	o.IdP, o.Patient, o.Users = env.Demo, true, []string{story.Carol}
	if o.Gateway == nil {
		o.Gateway = env.EveryMethod
	}
	return surfingAt(t, own(t, o), o.Hosts...)
}

// surfingAt starts a browser in an environment that is there.
func surfingAt(t *testing.T, e *env.Env, names ...string) *surfer {
	t.Helper()
	demand(t, chromium.Missing())
	address := strings.TrimPrefix(e.Origin, "https://")
	chain, err := chromium.Chain(t.Context(), address, e.Roots)
	fatal(t, err)
	hosts := map[string]string{}
	for _, name := range names { // also without the port, where browsers look for related origins
		hosts[name] = strings.Replace(address, "localhost", "127.0.0.1", 1)
	}
	b, err := chromium.Start(t.Context(), chromium.Options{Accepted: chain[len(chain)-1:], Hosts: hosts})
	fatal(t, err)
	t.Cleanup(b.Close)
	return &surfer{b, t, e}
}

func (s *surfer) check(err error) {
	s.t.Helper()
	if err != nil {
		text, _ := s.Text()
		s.t.Fatalf("%v; the page says %q", err, text)
	}
}

func (s *surfer) opens(url string)           { s.t.Helper(); s.check(s.Open(url)) }
func (s *surfer) clicks(selector string)     { s.t.Helper(); s.check(s.Click(selector)) }
func (s *surfer) fills(selector, txt string) { s.t.Helper(); s.check(s.Fill(selector, txt)) }
func (s *surfer) reads(words string)         { s.t.Helper(); s.check(s.WaitFor(words)) }

// evaluates runs a script in the page.
func evaluates[T any](s *surfer, script string) T {
	s.t.Helper()
	v, err := chromium.Eval[T](s.Browser, script)
	s.check(err)
	return v
}

// holds puts an authenticator in the browser's reach.
func (s *surfer) holds(a chromium.Authenticator) *chromium.Device {
	s.t.Helper()
	d, err := s.Add(a)
	s.check(err)
	return d
}

// copied is the one credential on d.
func (s *surfer) copied(d *chromium.Device) chromium.Credential {
	s.t.Helper()
	all, err := d.Export()
	s.check(err)
	if len(all) != 1 {
		s.t.Fatalf("there are %d credentials", len(all))
	}
	return all[0]
}

func (s *surfer) signsIn() {
	s.t.Helper()
	s.opens(s.e.Issuer + "/authenticators")
	s.clicks(`form[action$="/login"] button`)
	s.reads("Forgot password?")
	s.fills(`[name=username]`, story.Carol)
	s.fills(`[name=password]`, story.Carol+"-password")
	s.clicks(`main button, form button`)
	s.reads("Signed in as")
}

// binds signs in and has a passkey made.
func (s *surfer) binds() {
	s.t.Helper()
	s.signsIn()
	s.clicks(`form[action$="/passkey/begin"] button`)
	s.reads("Finish before")
	s.clicks(`form[data-passkey=create] button`)
	s.reads("It was added")
}

// asked is what a page asks of the authenticator, and for which recovery.
type asked struct {
	id, options string
}

// begins a rehearsal as far as its proof.
func (s *surfer) begins() asked {
	s.t.Helper()
	return s.beginsAs(story.Carol + "@demo.example")
}

func (s *surfer) beginsAs(name string) asked {
	s.t.Helper()
	s.opens(s.e.Issuer + "/")
	s.fills(`[name=account]`, name)
	_ = evaluates[string](s, `document.querySelector("[name=lost]").value = "rehearse"`)
	s.clicks(`form[action$="/start"] button`)
	s.reads("Prove that the account is yours")
	return asked{
		evaluates[string](s, `document.querySelector("form[data-passkey] [name=recovery_id]").value`),
		evaluates[string](s, `document.querySelector("form[data-passkey]").dataset.options`),
	}
}

// rehearses proves with a passkey, and reads what is said of it.
func (s *surfer) rehearses(words string) {
	s.t.Helper()
	s.begins()
	s.clicks(`form[data-passkey=get] button`)
	s.reads(words)
}

// answers has the authenticator answer on whatever page this is.
func (s *surfer) answers(a asked) string {
	s.t.Helper()
	return evaluates[string](s, fmt.Sprintf(`navigator.credentials.get({publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(%s)})
		.then((c) => JSON.stringify(c.toJSON()))`, a.options))
}

// sends the form of the page with another recovery and answer than the page would.
func (s *surfer) sends(recoveryID, credential string) {
	s.t.Helper()
	_ = evaluates[bool](s, fmt.Sprintf(`(() => {
		const form = document.querySelector("form[data-passkey=get]");
		form.elements.namedItem("recovery_id").value = %s;
		form.elements.namedItem("credential").value = %s;
		form.submit();
		return true;
	})()`, inJS(recoveryID), inJS(credential)))
}

func inJS(text string) string {
	out, _ := json.Marshal(text)
	return string(out)
}

// The words of the pages that end a rehearsal.
const (
	works   = "Recovery works"
	refused = "This recovery cannot go on"
)

// refusals are the reasons of all refusals in the journal. The gateway is ended for that.
func (s *surfer) refusals() (reasons []string) {
	s.t.Helper()
	for _, e := range left(s.t, s.e).Journal {
		if e.Kind == "recovery-refused" {
			reasons = append(reasons, e.Detail.Reason)
		}
	}
	return reasons
}

// wantRefusals fails the test unless the reasons in the journal begin so, in this order.
func (s *surfer) wantRefusals(want ...string) {
	s.t.Helper()
	got := s.refusals()
	for i, reason := range got {
		if i >= len(want) || !strings.HasPrefix(reason, want[i]) {
			s.t.Errorf("refused for %q, want %q", got, want)
			return
		}
	}
	if len(got) != len(want) {
		s.t.Errorf("refused for %q, want %q", got, want)
	}
}
