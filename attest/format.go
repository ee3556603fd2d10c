package attest

import "time"

// Evidence is one proof as the claimant sent it. Nothing about it is verified.
type Evidence struct {
	Method Method
	Body   []byte // the JSON object of this proof as sent; its size is bounded by the caller
}

// Binding is what is stored under the handle that [Verifier.Locate] found. The zero value says that nothing is stored there; such
// Evidence is verified all the same, against a decoy if need be, and then refused, so that both cases take the same work.
type Binding struct {
	Authenticator string // identifier of the stored authenticator
	Handle        []byte
	Reference     []byte // what [Enrolled] carried for this handle; nil for formats that need none
	Counter       uint32 // the highest signature counter seen
	BackedUp      bool   // whether the key was seen to be backed up
}

// Input is what a [Format] judges.
type Input struct {
	Body       []byte    // the Evidence
	Challenge  []byte    // what must be signed or carried: the text of the statement; where a format has a challenge of fixed size, its SHA-256
	Holder     string    // the holder of the recovery, see [HolderOfSecret] and [HolderOfKey]
	Browser    bool      // the holder is a browser
	Connection []byte    // SHA-256 of the client certificate on the holder's own TLS connection; nil: none
	Bound      Binding   // what the evidence is judged against
	Now        time.Time // the only clock
}

// Claims is what verified Evidence says. A member that a format has nothing to say about is zero.
type Claims struct {
	Handle            []byte    // under which the authenticator is stored; compared with [Binding]
	Subject           string    // RFC 4514 name in the certificate
	Issuer            string    // RFC 4514 name of the certificate's issuer
	Serial            string    // serial number of the certificate in lower-case hexadecimal
	DeviceID          string    // identifier that the device CA gave the device
	CertificateSHA256 []byte    // of the whole certificate
	NotAfter          time.Time // end of the certificate's validity
	HolderKey         bool      // the key that signed is itself the holder's DPoP key
	Connection        bool      // the evidence names the certificate of the connection that it came on
	Origin            string    // where a browser made the proof
	UserVerified      bool      // the person unlocked the key
	Counter           uint32    // signature counter
	BackedUp          bool      // the key has copies elsewhere
	Model             string    // of the authenticator, only where it attested that
	Signals           []Signal  // what stands out and refuses nothing by itself
}

// Signal is something about a proof that held which an operator wants to know. The words are a closed list.
type Signal string

// The signals.
const (
	SignalCounter  Signal = "counter-went-back" // WebAuthn section 6.1.1: perhaps a copy
	SignalBackedUp Signal = "became-backed-up"  // the key left the one device
	SignalReset    Signal = "reset-went-back"   // the TPM counts fewer starts than before
	SignalFirmware Signal = "firmware-changed"
)

// Format is one kind of Evidence. Its verbs are pure and safe for concurrent use, bound their work, and refuse with an
// *[Error]. How strong its proofs are is not for it to say: see [Method.Class].
type Format interface {
	Method() Method

	// Locate parses body strictly and returns the handle under which the authenticator is stored. Nothing is
	// verified: the handle is good for a look-up only. account is the stable identifier of the account that earlier
	// proofs of this recovery found, or "".
	Locate(body []byte, account string) (handle []byte, err error)

	// Verify returns claims only when every check held. It does all its work whatever the account has bound.
	Verify(in Input) (Claims, error)
}

// Prompter is a [Format] whose client needs options beside the statement, as WebAuthn does.
type Prompter interface {
	// Prompt returns a JSON object. It is the same for every account.
	Prompt(st Statement) (options []byte, err error)
}

// Namer is a [Prompter] whose client may not find a key by itself: the options name handles, to anybody who asks about an account.
type Namer interface {
	Prompter

	// Names is how many handles the options name; 0: none, and PromptNaming is not called.
	Names() int

	// PromptNaming is Prompt with the handles of this method that are bound under the statement's account, at most Names of them. What it
	// returns, and the work it does, must not tell how many these are: it fills up with decoys that are always the same for the
	// account, which [Host.Keyed] is good for.
	PromptNaming(st Statement, bound [][]byte) (options []byte, err error)
}
