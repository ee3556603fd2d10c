package integration

import (
	"testing"

	"github.com/regrant/regrant/integration/chromium"
	"github.com/regrant/regrant/integration/env"
)

func TestPasskeyPagesWithoutJavaScriptSayWhatStillWorks(t *testing.T) {
	const words = "A passkey needs JavaScript in this browser. Every other way works without it."
	s := surfing(t, env.Options{})
	fatal(t, s.SetScripts(false))
	s.signsIn()
	s.clicks(`form[action$="/passkey/begin"] button`)
	s.reads(words)
	s.begins()
	s.reads(words)
	if !evaluates[bool](s, `document.querySelector("form[data-passkey] button").disabled`) {
		t.Error("the button that cannot work can be pressed")
	}
}

// WCAG 2.2, 1.4.10: 320 CSS pixels are enough without scrolling sideways.
func TestPasskeyPagesAndTheOthersFitASmallPhone(t *testing.T) {
	s := surfing(t, env.Options{})
	fatal(t, s.SetWidth(320))
	s.holds(chromium.Authenticator{Platform: true})
	fits := func(page string) {
		t.Helper()
		if width := evaluates[int](s, "document.documentElement.scrollWidth"); width > 320 {
			t.Errorf("%s is %d pixels wide", page, width)
		}
	}
	s.opens(s.e.Issuer + "/")
	fits("the start page")
	s.begins()
	fits("the page of proofs")
	s.opens(s.e.Issuer + "/authenticators")
	fits("the page before signing in")
	s.binds()
	fits("the page after binding")
	s.opens(s.e.Issuer + "/authenticators")
	fits("the list")
	for _, method := range []string{"passkey", "ssh-key", "recovery-key", "recovery-code", "passphrase"} {
		s.opens(s.e.Issuer + "/authenticators")
		s.clicks(`form[action$="/` + method + `/begin"] button`)
		s.reads("Finish before")
		fits("binding " + method)
	}
}
