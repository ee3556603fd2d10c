package android

import (
	"slices"

	"golang.org/x/crypto/cryptobyte"
	tags "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/regrant/regrant/attest"
)

// versions are those of the attestation extension: of Keymaster 2 to 4.1 and of KeyMint 1 to 5.
var versions = []int{1, 2, 3, 4, 100, 200, 300, 400, 500}

// Level is where a key is kept, or by what it is attested (SecurityLevel).
type Level int

// The levels.
const (
	Software Level = iota
	TEE
	StrongBox
)

func (l Level) String() string { return [...]string{"software", "tee", "strongbox"}[l] }

// BootState is what the boot loader found of the system that it started (VerifiedBootState).
type BootState int

// The states.
const (
	Verified BootState = iota
	SelfSigned
	Unverified
	Failed
)

func (s BootState) String() string {
	return [...]string{"verified", "self-signed", "unverified", "failed"}[s]
}

// Description is the attestation extension (KeyDescription). Of its members those are kept that are judged or shown.
type Description struct {
	Version          int
	AttestationLevel Level
	KeyLevel         Level // keymasterSecurityLevel, keyMintSecurityLevel
	Challenge        []byte
	Software         Authorizations // what the system enforces and says
	Hardware         Authorizations // what the secure hardware enforces and says
}

var errDescription = attest.Refuse(attest.ReasonMalformed, "the attestation extension is not built as its version demands")

// ParseDescription reads the value of the extension 1.3.6.1.4.1.11129.2.1.17. It is DER, and nothing in it may be unknown or left over. The error is
// an *[attest.Error].
func ParseDescription(value []byte) (*Description, error) {
	var d Description
	var s, software, hardware cryptobyte.String
	var attestationLevel, keyVersion, keyLevel int
	outer := cryptobyte.String(value)
	if !outer.ReadASN1(&s, tags.SEQUENCE) || !outer.Empty() || !s.ReadASN1Integer(&d.Version) {
		return nil, errDescription
	}
	if !slices.Contains(versions, d.Version) {
		return nil, attest.Refuse(attest.ReasonUnsupported, "version %d of the attestation extension", d.Version)
	}
	if !s.ReadASN1Enum(&attestationLevel) || !s.ReadASN1Integer(&keyVersion) || !s.ReadASN1Enum(&keyLevel) ||
		!s.ReadASN1Bytes(&d.Challenge, tags.OCTET_STRING) || !s.SkipASN1(tags.OCTET_STRING) || // uniqueId
		!s.ReadASN1(&software, tags.SEQUENCE) || !s.ReadASN1(&hardware, tags.SEQUENCE) || !s.Empty() ||
		!isLevel(attestationLevel) || !isLevel(keyLevel) {
		return nil, errDescription
	}
	d.AttestationLevel, d.KeyLevel = Level(attestationLevel), Level(keyLevel)
	if err := d.Software.parse(software); err != nil {
		return nil, err
	}
	if err := d.Hardware.parse(hardware); err != nil {
		return nil, err
	}
	return &d, nil
}

func isLevel(n int) bool { return n >= int(Software) && n <= int(StrongBox) }

// Packages names the apps that the key belongs to, as the system says (attestationApplicationId); none, if it does not.
func (d *Description) Packages() []string {
	return slices.Concat(d.Hardware.packages, d.Software.packages)
}
