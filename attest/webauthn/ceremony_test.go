package webauthn_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/attesttest"
)

// Both ceremonies share most checks. Each of these starts from a good ceremony and changes one thing.
func inBoth(t *testing.T, name string, reason attest.Reason, mutate func(*ceremony)) {
	t.Helper()
	t.Run(name+"/registration", func(t *testing.T) { newScene(t, "packed").mustNotRegister(t, reason, mutate) })
	t.Run(name+"/assertion", func(t *testing.T) { newScene(t, "packed").mustNotAssert(t, reason, mutate) })
}

func client(name string, value any) func(*ceremony) {
	return func(c *ceremony) {
		if value == nil {
			delete(c.ClientData, name)
		} else {
			c.ClientData[name] = value
		}
	}
}

// misspelt gives a member of client data another spelling.
func misspelt(name, other string) func(*ceremony) {
	return func(c *ceremony) {
		c.ClientData[other] = c.ClientData[name]
		delete(c.ClientData, name)
	}
}

func text(change func(string) string) func(*ceremony) {
	return func(c *ceremony) {
		c.Text = []byte(change(`{"type":"` + c.ClientData["type"].(string) + `","challenge":"` + c.ClientData["challenge"].(string) +
			`","origin":"` + origin + `","crossOrigin":false}`))
	}
}

func TestClientDataIsJudged(t *testing.T) {
	padded := base64.URLEncoding.EncodeToString(challenge) + "="
	for _, tt := range []struct {
		name   string
		reason attest.Reason
		mutate func(*ceremony)
	}{
		{"another type", attest.ReasonPurpose, client("type", "webauthn.other")},
		{"payment", attest.ReasonPurpose, client("type", "payment.get")},
		{"no type", attest.ReasonPurpose, client("type", nil)},
		{"type in another case", attest.ReasonPurpose, misspelt("type", "Type")},
		{"another challenge", attest.ReasonChallenge, client("challenge", "b3RoZXI")},
		{"no challenge", attest.ReasonChallenge, client("challenge", nil)},
		{"padded challenge", attest.ReasonChallenge, client("challenge", padded)},
		{"beginning of the challenge", attest.ReasonChallenge, client("challenge", base64.RawURLEncoding.EncodeToString(challenge[:8]))},
		{"challenge in another case", attest.ReasonChallenge, misspelt("challenge", "CHALLENGE")},
		{"challenge of another kind", attest.ReasonMalformed, client("challenge", []int{1})},
		{"another origin", attest.ReasonPurpose, client("origin", "https://login.example.net")},
		{"origin below", attest.ReasonPurpose, client("origin", "https://a.login.example.org")},
		{"origin in another case", attest.ReasonPurpose, client("origin", "https://LOGIN.example.org")},
		{"origin with a slash", attest.ReasonPurpose, client("origin", origin+"/")},
		{"origin without TLS", attest.ReasonPurpose, client("origin", "http://login.example.org")},
		{"origin with a port", attest.ReasonPurpose, client("origin", origin+":443")},
		{"no origin", attest.ReasonPurpose, client("origin", nil)},
		{"null origin", attest.ReasonPurpose, client("origin", "null")},
		{"member origin in another case", attest.ReasonPurpose, misspelt("origin", "Origin")},
		{"frame", attest.ReasonPurpose, client("crossOrigin", true)},
		{"frame in words", attest.ReasonMalformed, client("crossOrigin", "false")},
		{"site around no frame", attest.ReasonMalformed, client("topOrigin", origin)},
		{"second type", attest.ReasonMalformed, text(func(s string) string { return strings.Replace(s, "{", `{"type":"webauthn.get",`, 1) })},
		{"second member within", attest.ReasonMalformed, text(func(s string) string { return strings.Replace(s, "{", `{"x":{"a":1,"a":1},`, 1) })},
		{"junk behind", attest.ReasonMalformed, text(func(s string) string { return s + "x" })},
		{"cut short", attest.ReasonMalformed, text(func(s string) string { return s[:len(s)-1] })},
		{"list", attest.ReasonMalformed, text(func(s string) string { return "[" + s + "]" })},
		{"no text", attest.ReasonMalformed, text(func(string) string { return "" })},
		{"no UTF-8", attest.ReasonMalformed, text(func(s string) string { return strings.Replace(s, "{", "{\"x\":\"\xff\",", 1) })},
		{"too deep", attest.ReasonMalformed, text(func(s string) string {
			return strings.Replace(s, "{", `{"x":`+strings.Repeat("[", 10_000)+strings.Repeat("]", 10_000)+",", 1)
		})},
		{"too long", attest.ReasonMalformed, text(func(s string) string { return s + strings.Repeat(" ", 1<<20) })},
	} {
		inBoth(t, tt.name, tt.reason, tt.mutate)
	}
}

func TestClientDataMayHaveMoreInIt(t *testing.T) {
	for name, mutate := range map[string]func(*ceremony){
		"member of a later day": client("extraData", object{"x": []int{1}}),
		"member in two cases":   client("Origin", "https://other.example"),
		"token binding":         client("tokenBinding", object{"status": "supported"}),
		"no word on frames":     client("crossOrigin", nil),
		"byte order mark":       text(func(s string) string { return "\ufeff" + s }),
		"space":                 text(func(s string) string { return " " + s + "\r\n" }),
	} {
		t.Run(name, func(t *testing.T) {
			newScene(t, "packed").mustRegister(t, mutate)
			newScene(t, "packed").mustAssert(t, mutate)
		})
	}
}

func TestFramesOfOtherSitesMustBeListed(t *testing.T) {
	const top = "https://portal.example.net"
	inFrame := func(c *ceremony) { c.ClientData["crossOrigin"] = true }
	named := func(c *ceremony) { c.ClientData["crossOrigin"], c.ClientData["topOrigin"] = true, top }

	s := newScene(t, "packed")
	s.assertion.CrossOrigin = true
	s.mustAssert(t, inFrame)
	s.mustNotAssert(t, attest.ReasonPurpose, named) // of any site is not of that site
	s.assertion.CrossOrigin, s.assertion.TopOrigins = false, []string{top}
	s.mustAssert(t, named)
	s.mustNotAssert(t, attest.ReasonPurpose, inFrame)
	s.assertion.TopOrigins = []string{origin}
	s.mustNotAssert(t, attest.ReasonPurpose, named)
}

func TestAuthenticatorDataIsJudged(t *testing.T) {
	flags := func(f byte) func(*ceremony) { return func(c *ceremony) { c.Flags = f } }
	for _, tt := range []struct {
		name   string
		reason attest.Reason
		mutate func(*ceremony)
	}{
		{"another RP ID", attest.ReasonPurpose, func(c *ceremony) { c.RPIDHash[0] ^= 1 }},
		{"short hash", attest.ReasonMalformed, func(c *ceremony) { c.RPIDHash = c.RPIDHash[:8]; c.Flags = 0 }},
		{"no presence", attest.ReasonPresence, flags(attesttest.UserVerified)},
		{"no verification", attest.ReasonPresence, flags(attesttest.UserPresent)},
		{"backed up and not eligible", attest.ReasonMalformed, flags(attesttest.UserPresent | attesttest.UserVerified | attesttest.BackedUp)},
		{"bytes behind", attest.ReasonMalformed, func(c *ceremony) { c.Tail = []byte{0xa0} }},
		{"extensions that are a list", attest.ReasonMalformed, func(c *ceremony) { c.Extensions = []byte{0x80} }},
		{"extensions that are null", attest.ReasonMalformed, func(c *ceremony) { c.Extensions = []byte{0xf6} }},
		{"extensions and bytes behind", attest.ReasonMalformed, func(c *ceremony) { c.Extensions = []byte{0xa0, 0} }},
		{"extension twice", attest.ReasonMalformed, func(c *ceremony) { c.Extensions = attesttest.CBOR(pairs{{"a", true}, {"a", true}}) }},
		{"deep extensions", attest.ReasonMalformed, func(c *ceremony) {
			c.Extensions = []byte("\xa1\x61a" + strings.Repeat("\x81", 10_000) + "\x00")
		}},
		{"endless extensions", attest.ReasonMalformed, func(c *ceremony) { c.Extensions = []byte{0xbf, 0xff} }},
		{"no extensions where the flag is", attest.ReasonMalformed, flags(attesttest.UserPresent | attesttest.UserVerified | 0x80)},
	} {
		inBoth(t, tt.name, tt.reason, tt.mutate)
	}
}

// what nobody asked for does no harm.
func TestUnsolicitedExtensionsAreTolerated(t *testing.T) {
	for _, extensions := range [][]byte{
		attesttest.CBOR(pairs{}), attesttest.CBOR(pairs{{"credProtect", 7}, {"example", pairs{{"a", []any{1, "b"}}}}}),
	} {
		mutate := func(c *ceremony) { c.Extensions = extensions }
		newScene(t, "packed").mustRegister(t, mutate)
		newScene(t, "packed").mustAssert(t, mutate)
	}
}

func TestUserWhoIsNotVerifiedIsAcceptedOnlyWhereThatIsSaid(t *testing.T) {
	s := newScene(t, "packed")
	s.registration.UnverifiedUser, s.assertion.UnverifiedUser = true, true
	present := func(c *ceremony) { c.Flags = attesttest.UserPresent }
	if s.mustRegister(t, present).UserVerified || s.mustAssert(t, present).UserVerified {
		t.Error("user is said to be verified")
	}
	absent := func(c *ceremony) { c.Flags = 0 }
	s.mustNotRegister(t, attest.ReasonPresence, absent)
	s.mustNotAssert(t, attest.ReasonPresence, absent)
}

func TestNothingIsExpectedOfNobody(t *testing.T) {
	s := newScene(t, "packed")
	s.assertion.RPIDs = nil
	s.mustNotAssert(t, attest.ReasonPurpose, nil)
	s.assertion.Party = party
	s.assertion.Origins = nil
	s.mustNotAssert(t, attest.ReasonPurpose, nil)
	s.assertion.Party = party
	s.assertion.Challenge = nil
	s.mustNotAssert(t, attest.ReasonChallenge, client("challenge", ""))
	s.assertion.Challenge = challenge
	s.assertion.RPIDs = []string{"example.net", rpID}
	if got := s.mustAssert(t, nil); got.RPID != rpID || got.Origin != origin {
		t.Errorf("asserted %+v", got)
	}
	s.assertion.RPIDs = []string{""}
	s.passkey.RPID = ""
	s.mustNotAssert(t, attest.ReasonPurpose, nil)
}

func TestCredentialIsReadStrictly(t *testing.T) {
	whole := func(name string, value any) func(*ceremony) {
		return func(c *ceremony) {
			c.Credential = func(o object) {
				if o[name] = value; value == nil {
					delete(o, name)
				}
			}
		}
	}
	response := func(name string, value any) func(*ceremony) {
		return func(c *ceremony) { c.Response = func(o object) { o[name] = value } }
	}
	for _, tt := range []struct {
		name   string
		mutate func(*ceremony)
	}{
		{"no id", whole("id", nil)},
		{"no rawId", whole("rawId", nil)},
		{"another id", whole("id", "AAAA")},
		{"another rawId", whole("rawId", "AAAA")},
		{"empty ids", func(c *ceremony) { c.Credential = func(o object) { o["id"], o["rawId"] = "", "" } }},
		{"huge ids", func(c *ceremony) {
			c.Credential = func(o object) { o["id"], o["rawId"] = strings.Repeat("A", 1366), strings.Repeat("A", 1366) }
		}},
		{"id of another kind", whole("id", 1)},
		{"no type", whole("type", nil)},
		{"another type", whole("type", "Public-Key")},
		{"type in another case", func(c *ceremony) {
			c.Credential = func(o object) { o["Type"] = o["type"]; delete(o, "type") }
		}},
		{"no response", whole("response", nil)},
		{"response that is a list", whole("response", []any{})},
		{"client data that is no base64", response("clientDataJSON", "!")},
		{"client data of another kind", response("clientDataJSON", object{})},
		{"line break in base64", response("clientDataJSON", "e30\n")},
	} {
		inBoth(t, tt.name, attest.ReasonMalformed, tt.mutate)
	}
	newScene(t, "packed").mustAssert(t, whole("later", object{"x": 1}))
	newScene(t, "packed").mustAssert(t, func(c *ceremony) {
		c.Response = func(o object) { // base64 of another alphabet is the same bytes
			data, _ := base64.RawURLEncoding.DecodeString(o["signature"].(string))
			o["signature"] = base64.StdEncoding.EncodeToString(data)
		}
	})
}
