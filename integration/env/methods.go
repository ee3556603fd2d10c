package env

// EveryMethod are the methods, besides device certificates, that any machine can show, as options of the gateway. What is bound may be
// used at once.
var EveryMethod = []string{
	"method passkey {\n\t\t\tprobation 0s\n\t\t\trisk_analysis RA-DEMO-3\n\t\t}",
	"method ssh_key {\n\t\t\tprobation 0s\n\t\t\trisk_analysis RA-DEMO-3\n\t\t}",
	"method recovery_key {\n\t\t\tprobation 0s\n\t\t\trisk_analysis RA-DEMO-3\n\t\t}",
	"method recovery_code {\n\t\t\tprobation 0s\n\t\t\trisk_analysis RA-DEMO-3\n\t\t}",
	"method passphrase {\n\t\t\tprobation 0s\n\t\t\trisk_analysis RA-DEMO-3\n\t\t}",
}
