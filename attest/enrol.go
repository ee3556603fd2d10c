package attest

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Enroller is a [Format] whose authenticators people bind by themselves, in a session of their own. Pure like its other verbs: time and
// randomness come in. A refusal is an *[Error], and leaves nothing bound.
type Enroller interface {
	Format

	// Begin says what the client needs for making or showing an authenticator. body is {} or what the client says first.
	Begin(e Enrolling, body []byte) (Prompt, error)

	// Finish verifies what the client answered; keep is what Begin left.
	Finish(e Enrolling, keep, body []byte) (Enrolled, error)
}

// Replacer is an [Enroller] of one-time secrets, which makes one in the place of another that was used.
type Replacer interface {
	// Replace returns what is stored of the new secret, and the secret, to be shown once.
	Replace(e Enrolling) (h Handle, shown string, err error)
}

// Enrolling is one enrolment.
type Enrolling struct {
	Issuer     string    // {issuer}
	AccountID  string    // stable identifier at the identity provider
	Name       string    // identifier for people
	UserHandle []byte    // 32 bytes, opaque, always the same for the account (WebAuthn user.id)
	Challenge  [32]byte  // fresh, for this enrolment alone
	Bound      [][]byte  // handles of this method that the account has bound already
	Random     io.Reader // for secrets that the gateway makes
	Now        time.Time
}

// Prompt is what goes to the client at the beginning of an enrolment.
type Prompt struct {
	Options []byte // a JSON object
	Keep    []byte // comes back to Finish; the caller seals it
}

// Enrolled is a new authenticator.
type Enrolled struct {
	Handles       []Handle
	NonExportable bool              // hardware attested that the key cannot leave it (SP 800-63B-4 section 3.2.13)
	Attested      bool              // its maker vouches for what it is
	Model         string            // only where attested
	NotAfter      time.Time         // zero: it does not expire
	Detail        map[string]string // for people and the journal
	Shown         []string          // secrets to be shown once, and kept nowhere
}

// Handle is one thing under which an authenticator is found.
type Handle struct {
	Value     []byte // unique
	Reference []byte // comes back as [Binding]: public keys with their algorithm, keyed hashes, never a secret
	Counter   uint32
	BackedUp  bool
	OneTime   bool // reserved by the recovery that it is accepted in, consumed at its grant
}

const enrolmentTitle = "regrant enrolment v1"

// EnrolmentText is what a key signs to show, at its enrolment, that it is held by whoever enrols it: five lines of UTF-8, each
// ended by a line feed. It begins unlike every [Statement], so that neither is ever taken for the other.
func EnrolmentText(e Enrolling, m Method) string {
	var b strings.Builder
	b.WriteString(enrolmentTitle + "\n")
	fmt.Fprintf(&b, "issuer: %s\n", e.Issuer)
	fmt.Fprintf(&b, "account: %s\n", e.Name)
	fmt.Fprintf(&b, "method: %s\n", m)
	fmt.Fprintf(&b, "challenge: %s\n", b64.EncodeToString(e.Challenge[:]))
	return b.String()
}
