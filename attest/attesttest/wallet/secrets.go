package wallet

import (
	"fmt"
	"strings"

	"github.com/regrant/regrant/attest"
)

// Codes are the recovery codes on a sheet.
type Codes struct {
	empty
	Left []string // the first is used next
}

// Method is [attest.MethodRecoveryCode].
func (c *Codes) Method() attest.Method { return attest.MethodRecoveryCode }

// Finish asks for codes.
func (c *Codes) Finish([]byte, string) []byte { return []byte("{}") }

// Keep takes the codes.
func (c *Codes) Keep(shown []string) { c.Left = append(c.Left, shown...) }

// Evidence is the next code. It stays on the sheet.
func (c *Codes) Evidence(string) []byte {
	return encode(object{"method": c.Method(), "code": c.Left[0]})
}

// Secrets are the codes: as they are written, and each without what stands between its groups.
func (c *Codes) Secrets() map[string][]byte {
	all := map[string][]byte{}
	for i, text := range c.Left {
		all[fmt.Sprint("code ", i)] = []byte(text)
		all[fmt.Sprint("code ", i, " in one word")] = []byte(strings.ReplaceAll(text, "-", ""))
	}
	return all
}

// Passphrase is what a person remembers.
type Passphrase struct{ Text string }

// Method is [attest.MethodPassphrase].
func (p *Passphrase) Method() attest.Method { return attest.MethodPassphrase }

// Begin says nothing.
func (p *Passphrase) Begin() []byte { return []byte("{}") }

// Finish tells the passphrase.
func (p *Passphrase) Finish([]byte, string) []byte { return encode(object{"passphrase": p.Text}) }

// Keep has nothing to keep.
func (p *Passphrase) Keep([]string) {}

// Evidence is the passphrase.
func (p *Passphrase) Evidence(string) []byte {
	return encode(object{"method": p.Method(), "passphrase": p.Text})
}

// Secrets are the passphrase.
func (p *Passphrase) Secrets() map[string][]byte {
	return map[string][]byte{"passphrase": []byte(p.Text)}
}
