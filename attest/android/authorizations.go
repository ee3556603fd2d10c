package android

import (
	"encoding/asn1"

	"golang.org/x/crypto/cryptobyte"
	tags "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/regrant/regrant/attest"
)

// Authorizations is one of the two lists of what holds for a key and for the phone (AuthorizationList).
type Authorizations struct {
	Purposes        []int
	Origin          Origin
	AllApplications bool
	RootOfTrust     *RootOfTrust // nil: absent
	OSVersion       int          // 0: absent, as below
	OSPatchLevel    int          // YYYYMM
	Brand           string       // the last three only where the app asked for them and the phone proves them
	Manufacturer    string
	Model           string

	packages []string
}

// Origin is where the bits of a key came from (KeyOrigin). The zero value says that nothing is known.
type Origin int

// The origins that are told apart.
const (
	unknownOrigin Origin = iota
	Generated
	elsewhere
)

const purposeSign = 2 // KeyPurpose

// reader reads the value of one authorization and keeps of it what is wanted.
type reader func(*Authorizations, *cryptobyte.String) bool

// readers has every authorization that the versions of the extension know, by its tag.
var readers = map[int]reader{
	1:   func(a *Authorizations, s *cryptobyte.String) bool { return readSet(s, &a.Purposes) },
	2:   number,  // algorithm
	3:   number,  // keySize
	4:   set,     // blockMode
	5:   set,     // digest
	6:   set,     // padding
	7:   present, // callerNonce
	8:   number,  // minMacLength
	10:  number,  // ecCurve
	11:  number,  // mlDsaVariant
	200: number,  // rsaPublicExponent
	203: set,     // mgfDigest
	303: present, // rollbackResistance
	305: present, // earlyBootOnly
	400: number,  // activeDateTime
	401: number,  // originationExpireDateTime
	402: number,  // usageExpireDateTime
	405: number,  // usageCountLimit
	502: number,  // userSecureId
	503: present, // noAuthRequired
	504: number,  // userAuthType
	505: number,  // authTimeout
	506: present, // allowWhileOnBody
	507: present, // trustedUserPresenceRequired
	508: present, // trustedConfirmationRequired
	509: present, // unlockedDeviceRequired
	600: func(a *Authorizations, s *cryptobyte.String) bool { a.AllApplications = true; return present(a, s) },
	601: octets, // applicationId
	701: number, // creationDateTime
	702: func(a *Authorizations, s *cryptobyte.String) bool { return a.readOrigin(s) },
	703: present, // rollbackResistant
	704: func(a *Authorizations, s *cryptobyte.String) bool { return a.readRootOfTrust(s) },
	705: func(a *Authorizations, s *cryptobyte.String) bool { return s.ReadASN1Integer(&a.OSVersion) },
	706: func(a *Authorizations, s *cryptobyte.String) bool { return s.ReadASN1Integer(&a.OSPatchLevel) },
	709: func(a *Authorizations, s *cryptobyte.String) bool { return a.readApplicationID(s) },
	710: func(a *Authorizations, s *cryptobyte.String) bool { return readText(s, &a.Brand) },
	711: octets, // attestationIdDevice
	712: octets, // attestationIdProduct
	713: octets, // attestationIdSerial
	714: octets, // attestationIdImei
	715: octets, // attestationIdMeid
	716: func(a *Authorizations, s *cryptobyte.String) bool { return readText(s, &a.Manufacturer) },
	717: func(a *Authorizations, s *cryptobyte.String) bool { return readText(s, &a.Model) },
	718: number,  // vendorPatchLevel
	719: number,  // bootPatchLevel
	720: present, // deviceUniqueAttestation
	723: octets,  // attestationIdSecondImei
	724: octets,  // moduleHash
}

// parse reads the content of a list. Its members stand in the order of their tags, each at most once: of two, programs would see now this one, now that.
func (a *Authorizations) parse(list []byte) error {
	last := 0
	for len(list) > 0 {
		// cryptobyte knows no tags above 30.
		var member asn1.RawValue
		rest, err := asn1.Unmarshal(list, &member)
		if err != nil || member.Class != asn1.ClassContextSpecific || !member.IsCompound || member.Tag <= last {
			return errDescription
		}
		read, known := readers[member.Tag]
		if !known {
			return attest.Refuse(attest.ReasonUnsupported, "authorization %d is not known", member.Tag)
		}
		value := cryptobyte.String(member.Bytes)
		if !read(a, &value) || !value.Empty() {
			return errDescription
		}
		list, last = rest, member.Tag
	}
	return nil
}

func number(_ *Authorizations, s *cryptobyte.String) bool { return s.SkipASN1(tags.INTEGER) }

func octets(_ *Authorizations, s *cryptobyte.String) bool { return s.SkipASN1(tags.OCTET_STRING) }

func set(_ *Authorizations, s *cryptobyte.String) bool { return readSet(s, new([]int)) }

func present(_ *Authorizations, s *cryptobyte.String) bool {
	var nothing cryptobyte.String
	return s.ReadASN1(&nothing, tags.NULL) && nothing.Empty()
}

func readSet(s *cryptobyte.String, into *[]int) bool {
	var members cryptobyte.String
	if !s.ReadASN1(&members, tags.SET) {
		return false
	}
	for !members.Empty() {
		var n int
		if !members.ReadASN1Integer(&n) {
			return false
		}
		*into = append(*into, n)
	}
	return true
}

func (a *Authorizations) readOrigin(s *cryptobyte.String) bool {
	var n int
	if !s.ReadASN1Integer(&n) {
		return false
	}
	a.Origin = elsewhere
	if n == 0 {
		a.Origin = Generated
	}
	return true
}
