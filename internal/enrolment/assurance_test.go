package enrolment

import (
	"errors"
	"strings"
	"testing"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/journal"
	"github.com/regrant/regrant/internal/login"
	"github.com/regrant/regrant/upstream"
)

// the lower of the account's level and the authenticator's, by a sign-in of these minutes.
func TestBindingNeedsASignInAsStrongAsTheAccount(t *testing.T) {
	for name, c := range map[string]struct {
		seen, now []string
		need      *login.Refusal
	}{
		"one factor, as ever":                 {[]string{"pwd"}, []string{"pwd"}, nil},
		"one factor where there are two":      {[]string{"pwd", "otp"}, []string{"pwd"}, &login.Refusal{Need: upstream.Assurance{AAL: upstream.AAL2}}},
		"two factors":                         {[]string{"pwd", "otp"}, []string{"pwd", "otp"}, nil},
		"phishable, where there is a passkey": {[]string{"hwk", "pin"}, []string{"pwd", "otp"}, &login.Refusal{Need: upstream.Assurance{AAL: upstream.AAL2, PhishingResistant: true}}},
		"the passkey":                         {[]string{"hwk", "pin"}, []string{"hwk", "pin"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			h := open(t)
			h.begun(h.visit(aliceID, c.seen...), key)
			v := h.visit(aliceID, c.now...)
			for _, m := range []attest.Method{key, attest.MethodRecoveryCode, attest.MethodPasskey, attest.MethodPassphrase} {
				_, err := h.Begin(t.Context(), v, m, nil)
				refusal, refused := errors.AsType[*login.Refusal](err)
				if refused != (c.need != nil) || refused && *refusal != *c.need || err != nil && !refused {
					t.Errorf("%s: %v, want %+v", m, err, c.need)
				}
			}
		})
	}
}

// A phished password is all that was ever seen of an account which has a second factor.
func TestASignInIsHeldToWhatTheIdentityProviderSaysTheAccountHas(t *testing.T) {
	second, passkey := upstream.Assurance{AAL: upstream.AAL2}, upstream.Assurance{AAL: upstream.AAL2, PhishingResistant: true}
	for name, c := range map[string]struct {
		best upstream.Assurance
		now  []string
		need *login.Refusal
	}{
		"it does not tell, or there is one factor":            {upstream.Assurance{}, []string{"pwd"}, nil},
		"a second factor, and the password":                   {second, []string{"pwd"}, &login.Refusal{Need: second}},
		"a second factor, and both":                           {second, []string{"pwd", "otp"}, nil},
		"a passkey, and the password":                         {passkey, []string{"pwd"}, &login.Refusal{Need: passkey}},
		"a passkey, and another second factor":                {passkey, []string{"pwd", "otp"}, &login.Refusal{Need: passkey}},
		"a passkey, and that one":                             {passkey, []string{"hwk", "pin"}, nil},
		"a second factor, of which the provider tells no use": {second, nil, &login.Refusal{Need: second}},
	} {
		t.Run(name, func(t *testing.T) {
			h := withDevices(t)
			h.provider.best = c.best
			v := h.visit(aliceID, c.now...)
			_, begun := h.Begin(t.Context(), v, key, nil)
			_, coded := h.AddDevice(t.Context(), v)
			for doing, err := range map[string]error{"binding": begun, "a code for a device": coded} {
				refusal, refused := errors.AsType[*login.Refusal](err)
				if refused != (c.need != nil) || refused && *refusal != *c.need || err != nil && !refused {
					t.Errorf("%s: %v, want %+v", doing, err, c.need)
				}
			}
			entries := h.entries(journal.KindEnrolmentRefused)
			if len(entries) > 0 != (c.need != nil) {
				t.Errorf("%d entries", len(entries))
			}
			for _, e := range entries {
				if e.AccountID != aliceID || !strings.HasPrefix(e.Detail["reason"], "sign-in: AAL ") || e.Detail["amr"] != strings.Join(c.now, " ") {
					t.Errorf("%+v", e)
				}
			}
		})
	}
}
