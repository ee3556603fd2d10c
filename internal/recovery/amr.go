package recovery

import (
	"slices"

	"github.com/regrant/regrant/attest"
)

// acrPrefix begins the name of the policy under which the person was recognised (OIDC Core section 2); the tier's name follows.
const acrPrefix = "urn:regrant:acr:"

func (r *record) acr() string { return acrPrefix + r.Tier }

// references are the authentication methods of RFC 8176. Of a key nothing says that hardware keeps it unless it attested that, hence swk.
var references = map[attest.Method][]string{
	attest.MethodPasskey:           {"pop", "swk", "user"},
	attest.MethodDeviceCertificate: {"pop", "swk"},
	attest.MethodTPM:               {"pop", "hwk"},
	attest.MethodSSHKey:            {"pop", "swk"},
	attest.MethodRecoveryKey:       {"pop", "swk"},
	attest.MethodRecoveryCode:      {"otp"},
	attest.MethodPassphrase:        {"pwd"},
}

// amr lists what the person proved with.
func (r *record) amr() (list []string) {
	for _, m := range r.Methods {
		list = append(list, references[m]...)
	}
	// A code and a key are both something that one has (RFC 8176 means different kinds of factors).
	knows := slices.Contains(r.Methods, attest.MethodPassphrase) && len(r.Methods) > 1
	if knows || slices.Contains(r.Methods, attest.MethodPasskey) {
		list = append(list, "mfa")
	}
	slices.Sort(list)
	return slices.Compact(list)
}
