// Package wire is the protocol as Go types: what a program sends to the gateway, what it gets back, and the DPoP
// proof (RFC 9449) that goes with it. Gateway and client share it, so that neither can drift.
//
// Requests are read with [github.com/regrant/regrant/internal/strictjson]. The types say what may be there; the reader
// of a request checks what must be.
package wire

import (
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// MaxBody is how large a request body may be, in bytes.
const MaxBody = 64 << 10

// MaxLargeBody is MaxBody at attest, devices/challenge and devices/enroll, for a request that says beforehand how long it is: a
// machine's event log may be in it, and those of whole systems have tens of thousands of bytes.
const MaxLargeBody = 256 << 10

// MaxEvidence is how many proofs one request may bring: each costs work to verify.
const MaxEvidence = 8

// InitiateRequest starts a recovery: POST initiate.
type InitiateRequest struct {
	AccountIdentifier string   `json:"account_identifier"`
	Actions           []string `json:"actions"`
	ClientID          string   `json:"client_id,omitzero"` // who may redeem
}

// InitiateResponse is the same for any identifier.
type InitiateResponse struct {
	RecoveryID string        `json:"recovery_id"` // sealed
	Statement  string        `json:"statement"`   // to be signed
	Nonce      string        `json:"nonce"`       // the statement's own
	ExpiresIn  int           `json:"expires_in"`  // seconds
	Methods    []MethodOffer `json:"methods"`
}

// MethodOffer is one method that the gateway is configured for.
type MethodOffer struct {
	Method  string         `json:"method"`
	Options jsontext.Value `json:"options,omitzero"` // what a client of this method needs beside the statement
}

// AttestRequest brings proofs: POST attest.
type AttestRequest struct {
	RecoveryID string           `json:"recovery_id"`
	Evidence   []jsontext.Value `json:"evidence"` // members differ by method
}

// Outcomes of an attest.
const (
	OutcomeGranted   = "granted"   // here is the recovery token
	OutcomeMore      = "more"      // another proof is wanted, over the statement that comes with this
	OutcomeRehearsed = "rehearsed" // a rehearsal came to its end; nothing was granted
)

// AttestResponse answers accepted proofs.
type AttestResponse struct {
	Outcome          string        `json:"outcome"`
	RecoveryToken    string        `json:"recovery_token,omitzero"`
	RecoveryID       string        `json:"recovery_id,omitzero"` // with more: for the next attest, in place of the one before
	Statement        string        `json:"statement,omitzero"`
	Nonce            string        `json:"nonce,omitzero"`
	Methods          []MethodOffer `json:"methods,omitzero"`           // with more: of which one is enough
	ReplacementCodes []string      `json:"replacement_codes,omitzero"` // for each recovery code that was used; shown once
	ExpiresIn        int           `json:"expires_in,omitzero"`        // seconds
	Reference        string        `json:"reference"`                  // for people to speak of the recovery by
}

// StatusRequest asks where a recovery stands: POST status.
type StatusRequest struct {
	RecoveryID string `json:"recovery_id"`
}

// StatusResponse says where a recovery stands.
type StatusResponse struct {
	State     string `json:"state"`
	Reference string `json:"reference,omitzero"`
}

// HandoffRequest asks for a code with which a browser on the same machine goes on: POST handoff.
type HandoffRequest struct {
	RecoveryToken string `json:"recovery_token"`
}

// HandoffResponse carries that code. It travels in the body of a POST to ContinueURI, never in a URL.
type HandoffResponse struct {
	Code        string `json:"code"`
	ExpiresIn   int    `json:"expires_in"` // seconds
	ContinueURI string `json:"continue_uri"`
}

// TokenResponse is RFC 6749 section 5.1.
type TokenResponse struct {
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type"`
	ExpiresIn   int    `json:"expires_in"` // seconds
	Scope       string `json:"scope,omitzero"`
}

// IntrospectionResponse is what is told of a token (RFC 7662 section 2.2). One that is not active has no other member.
type IntrospectionResponse struct {
	Active       bool          `json:"active"`
	ClientID     string        `json:"client_id,omitzero"`
	Subject      string        `json:"sub,omitzero"`
	Txn          string        `json:"txn,omitzero"` // public id of the recovery
	Scope        string        `json:"scope,omitzero"`
	TokenType    string        `json:"token_type,omitzero"`
	Issuer       string        `json:"iss,omitzero"`
	IssuedAt     int64         `json:"iat,omitzero"`
	ExpiresAt    int64         `json:"exp,omitzero"`
	Confirmation *Confirmation `json:"cnf,omitzero"`
}

// Confirmation names what the holder of a token must prove to possess (RFC 7800).
type Confirmation struct {
	Thumbprint        string `json:"jkt,omitzero"`      // RFC 9449 section 6.2
	CertificateSHA256 string `json:"x5t#S256,omitzero"` // RFC 8705 section 3.2
}

// Outcomes of a completion.
const (
	OutcomeDone    = "done"    // nothing left to do
	OutcomeHandoff = "handoff" // a browser must go on, with the code
	OutcomeSession = "session" // with the identity provider's session token or access token
)

// CompleteResponse answers POST complete.
type CompleteResponse struct {
	Outcome     string `json:"outcome"`
	Code        string `json:"code,omitzero"`
	ExpiresIn   int    `json:"expires_in,omitzero"` // seconds
	ContinueURI string `json:"continue_uri,omitzero"`

	SessionToken string `json:"session_token,omitzero"` // of the identity provider's own session
	AccessToken  string `json:"access_token,omitzero"`  // of the identity provider
	TokenType    string `json:"token_type,omitzero"`    // of the access token
	Scope        string `json:"scope,omitzero"`         // of the access token
}

// ChallengeRequest begins to register a device that has no certificate: POST devices/challenge.
type ChallengeRequest struct {
	ActivationCode string         `json:"activation_code"`
	Method         string         `json:"method"`   // tpm
	Evidence       jsontext.Value `json:"evidence"` // members differ by method
}

// ChallengeResponse says what the device has to answer with its EnrollRequest.
type ChallengeResponse struct {
	State   string         `json:"state"` // sealed
	Options jsontext.Value `json:"options"`
	Account string         `json:"account"` // the identifier that the code was made for
}

// EnrollRequest registers a device: POST devices/enroll.
type EnrollRequest struct {
	ActivationCode string `json:"activation_code,omitzero"`
	State          string `json:"state,omitzero"` // of the ChallengeResponse, if there was one; then Evidence answers it
	CSR            string `json:"csr,omitzero"`   // PEM, PKCS #10
	Label          string `json:"label,omitzero"`
	// CertificateChain is for a device that has a certificate of the operator's own CA for the key of CSR: PEM, that
	// certificate first. No certificate is issued then. Where such certificates name accounts, a device that connects
	// with this one needs neither code nor request.
	CertificateChain []string `json:"certificate_chain,omitzero"`
	// Evidence is a DeviceEvidence about the key of CSR. It cannot come with CertificateChain.
	Evidence jsontext.Value `json:"evidence,omitzero"`
}

// DeviceEvidence is what the maker of a device says: it attests a key in a device's hardware for the challenge that attest.DeviceChallenge makes of the activation code.
type DeviceEvidence struct {
	Format       string   `json:"format"`       // android-key, apple-device
	Certificates []string `json:"certificates"` // PEM, the key's own first
}

// EnrollResponse carries the device's certificate, be it issued or brought along, and what the device must know to use it.
type EnrollResponse struct {
	CertificateChain []string  `json:"certificate_chain,omitzero"` // PEM, the device's own first; none with a challenge
	DeviceID         string    `json:"device_id"`
	Account          string    `json:"account"` // the identifier to recover by
	Issuer           string    `json:"issuer"`
	NotAfter         time.Time `json:"not_after,omitzero"` // zero: it does not expire
	EffectiveAt      time.Time `json:"effective_at"`       // until then it can recover nothing; with ConfirmBefore, the latest
	// ConfirmBefore is there if a person made the code: in the browser where that was, the fingerprint of the key has to be
	// confirmed before.
	ConfirmBefore time.Time `json:"confirm_before,omitzero"`
}

// BeginResponse answers POST authenticators/{method}/begin, whose request is {} or what the method's client says first.
type BeginResponse struct {
	Options   jsontext.Value `json:"options"`    // what the client needs; members differ by method
	State     string         `json:"state"`      // sealed; goes back with the finish
	Text      string         `json:"text"`       // what a key signs
	ExpiresIn int            `json:"expires_in"` // seconds
}

// FinishResponse answers POST authenticators/{method}/finish, whose request has state, perhaps label, and what the method needs.
type FinishResponse struct {
	ID          string            `json:"id"`
	Method      string            `json:"method"`
	Label       string            `json:"label,omitzero"`
	EffectiveAt time.Time         `json:"effective_at"` // from then on it recovers
	Detail      map[string]string `json:"detail,omitempty"`
	Codes       []string          `json:"codes,omitempty"` // shown this once
	Only        bool              `json:"only"`            // nothing else counts for recovery now
}

// ReportLostRequest names a lost authenticator: POST report-lost.
type ReportLostRequest struct {
	ID string `json:"id"`
}
