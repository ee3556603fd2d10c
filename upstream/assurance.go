package upstream

import "strconv"

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

// String is a for people who operate a gateway.
func (a Assurance) String() string {
	text := "AAL " + strconv.Itoa(int(a.AAL))
	if a.PhishingResistant {
		text += ", phishing-resistant"
	}
	return text
}

// With is the better of a and b in each respect.
func (a Assurance) With(b Assurance) Assurance {
	return Assurance{AAL: max(a.AAL, b.AAL), PhishingResistant: a.PhishingResistant || b.PhishingResistant}
}

// Reaches tells whether a is at least need.
func (a Assurance) Reaches(need Assurance) bool {
	return a.AAL >= need.AAL && (a.PhishingResistant || !need.PhishingResistant)
}
