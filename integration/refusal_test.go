package integration

import (
	"cmp"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"strings"
	"testing"

	"github.com/regrant/regrant/integration/claimant"
	"github.com/regrant/regrant/integration/env"
)

// Whatever is wrong with evidence, the answer is one, to the byte: the reason is in the journal.
func TestEveryRefusalLooksTheSame(t *testing.T) {
	e := use(t, env.Demo)
	owner := newcomer(t, e)
	alice, bob, gone := enrolled(t, e, owner), enrolled(t, e, newcomer(t, e)), enrolled(t, e, owner)
	gone.revoke()
	forged := *alice.Claimant
	forged.Device = claimant.NewKey()
	mixed := *alice.Claimant
	mixed.Chain = append(bob.Chain[:1:1], alice.Chain[1:]...)
	proof := func(member string, value any) func(string) json.RawMessage {
		return func(statement string) json.RawMessage {
			var members map[string]any
			fatal(t, json.Unmarshal(alice.Proof(statement), &members))
			if members[member] = value; value == nil {
				delete(members, member)
			}
			text, err := json.Marshal(members)
			fatal(t, err)
			return text
		}
	}
	cases := []struct {
		name    string
		who     *claimant.Claimant
		account string
		proof   func(statement string) json.RawMessage
	}{
		{"signed by another key", alice.Claimant, alice.account, forged.Proof},
		{"signed for another recovery", alice.Claimant, alice.account, func(string) json.RawMessage { return alice.Proof(alice.initiated().Statement) }},
		{"signed for other actions", alice.Claimant, alice.account, func(s string) json.RawMessage { return alice.Proof(strings.Replace(s, "sign-in", "reset-password", 1)) }},
		{"the certificate of somebody else", alice.Claimant, alice.account, mixed.Proof},
		{"a revoked device", gone.Claimant, gone.account, gone.Proof},
		{"another account", bob.Claimant, alice.account, bob.Proof},
		{"an account that there is not", alice.Claimant, "ghost@demo.example", alice.Proof},
		{"another holder", thief(alice), alice.account, alice.Proof},
		{"no signature", alice.Claimant, alice.account, proof("signature", nil)},
		{"an empty signature", alice.Claimant, alice.account, proof("signature", "")},
		{"a signature that is none", alice.Claimant, alice.account, proof("signature", "AAAA")},
		{"no certificate", alice.Claimant, alice.account, proof("certificate_chain", []string{})},
		{"a certificate that is none", alice.Claimant, alice.account, proof("certificate_chain", []string{"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"})},
		{"a chain without its leaf", alice.Claimant, alice.account, proof("certificate_chain", alice.Chain[1:])},
		{"an algorithm that is none", alice.Claimant, alice.account, proof("algorithm", "none")},
		{"a member of the wrong type", alice.Claimant, alice.account, proof("signature", 7)},
		{"a member too many", alice.Claimant, alice.account, proof("trusted", true)},
		{"a method that is not offered", alice.Claimant, alice.account, proof("method", "passkey")},
	}
	first := ""
	for _, x := range cases {
		c := watched(t, x.who)
		in, a, err := c.Initiate(t.Context(), x.account)
		fatal(t, err)
		if a.Status != http.StatusOK {
			t.Fatalf("%s: initiate: %d %s", x.name, a.Status, a.Body)
		}
		_, a, err = c.Attest(t.Context(), in.RecoveryID, x.proof(in.Statement))
		fatal(t, err)
		isProblem(t, x.name, a, http.StatusForbidden, "refused", "")
		seen := shape(a.Status, a.Header, len(a.Body)) + string(a.Body)
		if first == "" {
			first = seen
		}
		if seen != first {
			t.Errorf("%s:\n%s\nbut before:\n%s", x.name, seen, first)
		}
	}
}

// revoke ends the device of p, as the operator.
func (p *person) revoke() {
	p.t.Helper()
	block, _ := pem.Decode([]byte(p.Chain[0]))
	leaf, err := x509.ParseCertificate(block.Bytes)
	fatal(p.t, err)
	var list []struct {
		ID     string `json:"id"`
		Serial string `json:"serial"`
	}
	fatal(p.t, p.e.Operator(p.t.Context(), &list, "authenticators", cmp.Or(p.subject, p.account)))
	for _, a := range list {
		if a.Serial == leaf.SerialNumber.Text(16) {
			fatal(p.t, p.e.Operator(p.t.Context(), nil, "revoke", a.ID, "--as", "Test Operator", "--reason", "lost"))
			return
		}
	}
	p.t.Fatal("the operator does not find the device")
}
