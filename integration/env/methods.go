package env

import "regexp"

// EveryMethod are the methods, besides device certificates, that any machine can show, as options of the gateway.
var EveryMethod = []string{Method("passkey"), Method("ssh_key"), Method("recovery_key"), Method("recovery_code"), Method("passphrase")}

// Method is a method as an option of the gateway. What is bound may be used at once.
func Method(name string, options ...string) string {
	text := "method " + name + " {\n\t\t\tprobation 0s\n\t\t\trisk_analysis RA-DEMO-3\n"
	for _, o := range options {
		text += "\t\t\t" + o + "\n"
	}
	return text + "\t\t}"
}

// Standard takes out of an environment's Caddyfile whatever accepts less than SP 800-63B-4 asks: each risk analysis at a method, the shorter
// probations, which need one, and the passphrase, which never counts without.
func Standard(caddyfile string) string {
	return below.ReplaceAllString(caddyfile, "")
}

var below = regexp.MustCompile(`(?m)^\t\tmethod passphrase \{[^}]*\}\n|^\t\t\t(risk_analysis|probation) .*\n`)
