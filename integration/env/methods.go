package env

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
