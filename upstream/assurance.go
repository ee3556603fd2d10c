package upstream

// AAL is an authentication assurance level (NIST SP 800-63B-4 section 2). Zero
// is one that nobody knows.
type AAL uint8

// The levels.
const (
	AAL1 AAL = 1
	AAL2 AAL = 2
	AAL3 AAL = 3
)

// Assurance is how well a sign-in proves who signed in, or how well an account
// can at best.
type Assurance struct {
	AAL AAL
	// PhishingResistant is what SP 800-63B-4 section 3.2.5 calls so.
	PhishingResistant bool
}

// Reaches tells whether a is at least need.
func (a Assurance) Reaches(need Assurance) bool {
	return a.AAL >= need.AAL && (a.PhishingResistant || !need.PhishingResistant)
}
