package attest

import "time"

// Guest is a module of the namespace regrant.methods: what a configuration says of one method. The method's name on the wire is the
// module's, with hyphens for underscores. One that is not among the methods of this package is an alternative (SP 800-63B-4 section
// 4.2.1): it counts only where the operator names a risk analysis, and only beside a code or a key.
type Guest interface {
	// Format makes the format of the method. It is called each time that a configuration is checked, with a Host that lends nothing but
	// Issuer in earnest, and that the gateway opens. It calls nobody.
	Format(h Host) (Format, error)

	// Terms are what the operator wrote about it.
	Terms() Terms
}

// Host is what the gateway lends to a format.
type Host struct {
	Issuer string // {issuer}

	// Keyed is HMAC-SHA-256 under a key that serves this method alone and is kept apart from the records of authenticators.
	Keyed func(parts ...[]byte) []byte

	// Scarce runs work that takes much memory or time when its turn comes: one at a time in the whole process. It gives an error, and
	// does not run it, when too many are waiting already.
	Scarce func(work func()) error
}

// Terms are what every method has.
type Terms struct {
	RiskAnalysis string        // the document that accepts less than SP 800-63B-4 asks; "": none
	Probation    time.Duration // until a new authenticator of this method can recover
}
