package webauthn

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/strictjson"
)

// Config says which passkeys count.
type Config struct {
	// RPIDs are the RP IDs whose passkeys recover. New ones are made for the first.
	RPIDs []string

	// Name is that of the relying party, for people. Default: the first RP ID.
	Name string

	// Origins are the origins of the pages at which passkeys are made and used. One outside an RP ID needs to be among its related origins, see
	// [RelatedOrigins].
	Origins []string

	// Algorithms are asked for, the preferred first. Nil: [DefaultAlgorithms].
	Algorithms []Algorithm

	// Attestation is what the attestation of a new passkey must be worth; its Metadata is not read here.
	Attestation Attestation

	// Metadata returns the metadata in force. It is called for each registration, and for each assertion that holds of a passkey whose model is
	// known, so that a new BLOB counts at once. Nil: none.
	Metadata func() *Metadata

	// Models says of which models authenticators may be, where attestation is required. Those denied do not recover either.
	Models Models

	// AllowCredentials has a proof ask for credentials by their ids, among decoys, so that authenticators which keep none that can be
	// discovered can be used too.
	AllowCredentials bool

	// Keyed makes the decoys, see [attest.Host]. Required with AllowCredentials.
	Keyed func(parts ...[]byte) []byte
}

// Format is [attest.MethodPasskey]. Users must be verified, and nothing may happen in a frame of another site.
type Format struct {
	config   Config
	party    Party
	prefixes [][]byte // of the handles of each RP ID
}

var (
	_ attest.Enroller = (*Format)(nil)
	_ attest.Namer    = (*Format)(nil)
)

// New makes the format. It refuses an RP ID that is a public suffix: everybody who has a name below it could use its passkeys.
func New(c Config) (*Format, error) {
	if len(c.RPIDs) == 0 || len(c.Origins) == 0 {
		return nil, errors.New("passkeys need an RP ID and an origin")
	}
	for _, id := range c.RPIDs {
		if err := CheckRPID(id); err != nil {
			return nil, err
		}
	}
	for _, origin := range c.Origins {
		if err := CheckOrigin(origin); err != nil {
			return nil, err
		}
	}
	for _, a := range c.Algorithms {
		if !a.Known() {
			return nil, fmt.Errorf("COSE algorithm %d is not known", a)
		}
	}
	if c.Attestation.Demand == Required && len(c.Attestation.Roots) == 0 && c.Metadata == nil {
		return nil, errors.New("attestation of passkeys is required, and neither roots nor metadata say by whom")
	}
	if err := c.Models.check(c.Attestation.Demand); err != nil {
		return nil, err
	}
	if c.AllowCredentials && c.Keyed == nil {
		return nil, errors.New("credentials are named, and no key is there for decoys")
	}
	if c.Name == "" {
		c.Name = c.RPIDs[0]
	}
	f := &Format{config: c, party: Party{RPIDs: c.RPIDs, Origins: c.Origins}}
	for _, id := range c.RPIDs {
		f.prefixes = append(f.prefixes, Handle(id, nil))
	}
	return f, nil
}

// Method is [attest.MethodPasskey].
func (f *Format) Method() attest.Method { return attest.MethodPasskey }

// evidence is the Evidence.
type evidence struct {
	Method     string     `json:"method"`
	Credential credential `json:"credential"`
}

func parseEvidence(body []byte) (*credential, error) {
	var e evidence
	if err := strictjson.Decode(body, &e); err != nil {
		return nil, attest.Refuse(attest.ReasonMalformed, "%v", err)
	}
	if e.Method != string(attest.MethodPasskey) {
		return nil, attest.Refuse(attest.ReasonMalformed, "method is not %s", attest.MethodPasskey)
	}
	if err := e.Credential.check(); err != nil {
		return nil, err
	}
	return &e.Credential, e.Credential.Response.checkUserHandle()
}

// Handle is the name under which a passkey is stored: SHA-256 of the RP ID, and the credential id.
func Handle(rpID string, credentialID []byte) []byte {
	sum := sha256.Sum256([]byte(rpID))
	return slices.Concat(sum[:], credentialID)
}

// Locate returns the [Handle]. Nothing is verified.
func (f *Format) Locate(body []byte, _ string) ([]byte, error) {
	c, err := parseEvidence(body)
	if err != nil {
		return nil, err
	}
	data, err := parseAuthData(c.Response.AuthenticatorData, typeGet)
	if err != nil {
		return nil, err
	}
	return slices.Concat(data.RPIDHash, c.RawID), nil
}

// Verify judges the assertion with the stored key. Where nothing is stored, that is the key of nobody.
func (f *Format) Verify(in attest.Input) (attest.Claims, error) {
	c, err := parseEvidence(in.Body)
	if err != nil {
		return attest.Claims{}, err
	}
	if len(in.Challenge) == 0 {
		return attest.Claims{}, attest.Refuse(attest.ReasonChallenge, "no challenge")
	}
	ref, err := referenceOf(in.Bound)
	if err != nil {
		return attest.Claims{}, err
	}
	challenge := sha256.Sum256(in.Challenge)
	a := Assertion{Party: f.party, Challenge: challenge[:], Stored: ref.stored(in.Bound)}
	got, err := a.judge(c)
	if err != nil {
		return attest.Claims{}, err
	}
	// Section 7.2 step 6: where nobody said which credential to use, the authenticator says whose it is. Where credentials are named, the
	// claimant said beforehand whom it has to belong to, which the caller holds against the account.
	if got.UserHandle == nil && !f.config.AllowCredentials {
		return attest.Claims{}, attest.Signed(attest.Refuse(attest.ReasonIdentity, "authenticator does not say whose credential it is"))
	}
	if err := f.stillGood(ref, in.Now); err != nil { // only now: whoever has not the key learns nothing about it
		return attest.Claims{}, attest.Signed(err)
	}
	return attest.Claims{
		Handle:       Handle(got.RPID, got.CredentialID),
		Origin:       got.Origin,
		UserVerified: got.UserVerified,
		Counter:      max(got.SignCount, in.Bound.Counter), // the baseline never sinks
		BackedUp:     got.BackedUp,
		Model:        ref.AAGUID,
		Signals:      signals(got, in.Bound),
	}, nil
}

func signals(got Asserted, bound attest.Binding) []attest.Signal {
	var found []attest.Signal
	if got.WentBack {
		found = append(found, attest.SignalCounter)
	}
	if got.BackedUp && !bound.BackedUp {
		found = append(found, attest.SignalBackedUp)
	}
	return found
}
