package appraise_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"testing"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/attesttest"
)

// What is expected of the relying party is expected of both ceremonies.
func TestPartyIsExpectedInBothCeremonies(t *testing.T) {
	const top = "https://shop.example.net"
	framed := func(c *attesttest.Ceremony) { c.ClientData["crossOrigin"] = true }
	within := func(c *attesttest.Ceremony) { c.ClientData["crossOrigin"], c.ClientData["topOrigin"] = true, top }
	unverified := func(c *attesttest.Ceremony) { c.Flags = attesttest.UserPresent }
	absent := func(c *attesttest.Ceremony) { c.Flags = 0 }
	for name, tt := range map[string]struct {
		mutate func(*attesttest.Ceremony)
		expect object
		reason attest.Reason // "": accepted
	}{
		"good":                     {nil, nil, ""},
		"another RP ID":            {nil, object{"rp_id": "example.net"}, attest.ReasonPurpose},
		"no RP ID":                 {nil, object{"rp_id": nil}, attest.ReasonPurpose},
		"another origin":           {nil, object{"origins": []string{"https://example.org"}}, attest.ReasonPurpose},
		"no origin":                {nil, object{"origins": []string{}}, attest.ReasonPurpose},
		"no origins":               {nil, object{"origins": nil}, attest.ReasonPurpose},
		"framed":                   {framed, nil, attest.ReasonPurpose},
		"framed, said to be not":   {framed, object{"cross_origin": false}, attest.ReasonPurpose},
		"framed where allowed":     {framed, object{"cross_origin": true}, ""},
		"framed by a site":         {within, nil, attest.ReasonPurpose},
		"framed by another":        {within, object{"top_origins": []string{"https://example.net"}}, attest.ReasonPurpose},
		"by none of those listed":  {within, object{"top_origins": []string{}, "cross_origin": true}, attest.ReasonPurpose},
		"by one of those listed":   {within, object{"top_origins": []string{"https://example.net", top}}, ""},
		"unnamed, sites listed":    {framed, object{"top_origins": []string{top}}, attest.ReasonPurpose},
		"unverified":               {unverified, nil, attest.ReasonPresence},
		"unverified, required":     {unverified, object{"user_verification": "required"}, attest.ReasonPresence},
		"unverified where allowed": {unverified, object{"user_verification": "preferred"}, ""},
		"nobody there":             {absent, object{"user_verification": "preferred"}, attest.ReasonPresence},
	} {
		t.Run(name, func(t *testing.T) {
			s := newPasskeyScene(t, "packed")
			for _, q := range []object{s.registration(t, tt.mutate), s.assertion(tt.mutate)} {
				if in(q, "expect", tt.expect); tt.reason == "" {
					mustAccept(t, q)
				} else {
					mustRefuse(t, q, tt.reason)
				}
			}
		})
	}
	for name, wish := range map[string]object{
		"RP ID": {"rp_id": []string{"example.org"}}, "origins": {"origins": origin}, "top origins": {"top_origins": top}, "null": {"top_origins": []any{nil}},
		"frame": {"cross_origin": "no"}, "verification": {"user_verification": "discouraged"}, "unknown": {"rpid": ""},
	} {
		t.Run("wish/"+name, func(t *testing.T) {
			s := newPasskeyScene(t, "packed")
			mustFail(t, in(s.registration(t, nil), "expect", wish))
			mustFail(t, in(s.assertion(nil), "expect", wish))
		})
	}
}

func TestTPMOfAnUnknownMakerNeedsTheListSwitchedOff(t *testing.T) {
	s := newPasskeyScene(t, "tpm")
	mustAccept(t, s.registration(t, nil))
	unknown := func(c *attesttest.Ceremony) {
		c.Certificate = func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{attesttest.TPMName("id:00000000", "Test", "id:0001")}
		}
	}
	mustRefuse(t, s.registration(t, unknown), attest.ReasonUntrusted)
	mustAccept(t, in(s.registration(t, unknown), "expect", object{"tpm_vendors": "any"}))
	for _, wrong := range []any{"", "Any", "none", true, []string{"any"}} {
		mustFail(t, in(s.registration(t, unknown), "expect", object{"tpm_vendors": wrong}))
	}
}
