package pages

import (
	"crypto/sha256"
	_ "embed" // the script
	"encoding/base64"
	"slices"
)

// Script asks the browser's authenticator for a passkey. It is on no page but those with such a form, and every other way works
// without it.
//
//go:embed passkey.js
var Script []byte

// ScriptPath is where the gateway serves [Script], below its own path.
const ScriptPath = "/passkey.js"

// scriptIntegrity names the script by its content. What the policy of a page allows is its address, which every browser understands.
var scriptIntegrity = func() string {
	sum := sha256.Sum256(Script)
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}()

// ceremony tells whether the browser's authenticator is asked on this page.
func (p Page) ceremony() bool {
	return p.Form != nil && p.Form.Passkey != nil ||
		slices.ContainsFunc(p.Sections, func(s Section) bool { return s.Form != nil && s.Form.Passkey != nil })
}

// credentials lets the page use passkeys only where it asks for one.
func (p Page) credentials() string {
	if p.ceremony() {
		return "publickey-credentials-create=(self), publickey-credentials-get=(self)"
	}
	return "publickey-credentials-create=(), publickey-credentials-get=()"
}

// script is the address of the script for a page that needs it, or "".
func (s *Set) script(p Page) string {
	if !p.ceremony() {
		return ""
	}
	return s.address + ScriptPath
}

// Integrity is the hash of [Script] as a page names it.
func (p Page) Integrity() string { return scriptIntegrity }
