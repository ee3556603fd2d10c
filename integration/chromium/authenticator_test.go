package chromium_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/regrant/regrant/integration/chromium"
)

// The bits of authenticator data (WebAuthn section 6.1).
const (
	userPresent    = 1 << 0
	userVerified   = 1 << 2
	backupEligible = 1 << 3
	backedUp       = 1 << 4
)

var challenge = []byte("a challenge of 32 bytes, or about")

// answer is what the page gives back.
type answer struct {
	ID                []byte `json:"id"`
	PublicKey         []byte `json:"publicKey"`
	AuthenticatorData []byte `json:"authenticatorData"`
	ClientData        []byte `json:"clientData"`
	Signature         []byte `json:"signature"`
	UserHandle        []byte `json:"userHandle"`
}

func register(b *chromium.Browser, verification string) (answer, error) {
	return chromium.Eval[answer](b, script("register", verification))
}

func use(b *chromium.Browser, verification string) (answer, error) {
	return chromium.Eval[answer](b, script("use", verification))
}

func script(function, verification string) string {
	return fmt.Sprintf("%s(%q, %q)", function, base64.StdEncoding.EncodeToString(challenge), verification)
}

// registered has the visitor make a credential on a new authenticator.
func registered(t *testing.T, b *chromium.Browser, a chromium.Authenticator) (*chromium.Device, answer) {
	t.Helper()
	d, err := b.Add(a)
	fatal(t, err)
	made, err := register(b, "preferred")
	fatal(t, err)
	return d, made
}

func (a answer) flags() byte {
	return a.AuthenticatorData[32] & (userPresent | userVerified | backupEligible | backedUp)
}

func (a answer) count() uint32 { return binary.BigEndian.Uint32(a.AuthenticatorData[33:37]) }

// judge checks what every answer says, and the signature if key is not nil.
func (a answer) judge(s *site, kind string, key []byte) error {
	var client struct{ Type, Challenge, Origin string }
	if err := json.Unmarshal(a.ClientData, &client); err != nil {
		return err
	}
	rp := sha256.Sum256([]byte(rpID))
	switch {
	case client.Type != kind || client.Origin != s.url || client.Challenge != base64.RawURLEncoding.EncodeToString(challenge):
		return fmt.Errorf("client data %s", a.ClientData)
	case len(a.AuthenticatorData) < 37 || !bytes.Equal(a.AuthenticatorData[:32], rp[:]):
		return fmt.Errorf("authenticator data %x", a.AuthenticatorData)
	case key == nil:
		return nil
	}
	parsed, err := x509.ParsePKIXPublicKey(key)
	if err != nil {
		return err
	}
	about := sha256.Sum256(a.ClientData)
	signed := sha256.Sum256(append(bytes.Clone(a.AuthenticatorData), about[:]...))
	if !ecdsa.VerifyASN1(parsed.(*ecdsa.PublicKey), signed[:], a.Signature) {
		return errors.New("the signature does not verify")
	}
	return nil
}

func TestCredentialIsMadeAndUsed(t *testing.T) {
	s := newSite(t)
	b := s.visit(t)
	_, made := registered(t, b, chromium.Authenticator{})
	fatal(t, made.judge(s, "webauthn.create", nil))
	for want := made.count() + 1; want < made.count()+3; want++ {
		used, err := use(b, "required")
		fatal(t, err)
		fatal(t, used.judge(s, "webauthn.get", made.PublicKey))
		if used.flags() != userPresent|userVerified || used.count() != want || string(used.UserHandle) != "user" {
			t.Errorf("flags %05b, count %d, user %q", used.flags(), used.count(), used.UserHandle)
		}
	}
}

func TestAuthenticatorIsAsItWasDescribed(t *testing.T) {
	b := newSite(t).visit(t)
	for name, x := range map[string]struct {
		a            chromium.Authenticator
		flags        byte
		discoverable bool
	}{
		"security key":         {chromium.Authenticator{}, userPresent | userVerified, true},
		"without a PIN":        {chromium.Authenticator{NoUserVerifying: true}, userPresent, false},
		"without discoverable": {chromium.Authenticator{NoDiscoverable: true}, userPresent | userVerified, false},
		"synced and built in":  {chromium.Authenticator{Platform: true, Synced: true}, userPresent | userVerified | backupEligible | backedUp, true},
	} {
		d, made := registered(t, b, x.a)
		on, err := d.Export()
		fatal(t, err)
		if made.flags() != x.flags || len(on) != 1 || on[0].Discoverable != x.discoverable || !bytes.Equal(on[0].ID, made.ID) {
			t.Errorf("%s: flags %05b, %d credentials %+v", name, made.flags(), len(on), on)
		}
		fatal(t, d.Remove())
	}
}

func TestClonesCountApart(t *testing.T) {
	s := newSite(t)
	victim, thief := s.visit(t), s.visit(t)
	original, made := registered(t, victim, chromium.Authenticator{})
	copies, err := original.Export()
	fatal(t, err)
	clone, err := thief.Add(chromium.Authenticator{})
	fatal(t, err)
	fatal(t, clone.Import(copies[0]))
	for range 2 {
		_, err = use(victim, "required")
		fatal(t, err)
	}
	stolen, err := use(thief, "required")
	fatal(t, err)
	fatal(t, stolen.judge(s, "webauthn.get", made.PublicKey))
	if stolen.count() != copies[0].Count+1 {
		t.Errorf("the clone counts %d, %d was copied", stolen.count(), copies[0].Count)
	}
}

func TestCredentialCanBeChanged(t *testing.T) {
	b := newSite(t).visit(t)
	d, _ := registered(t, b, chromium.Authenticator{Synced: true})
	on, err := d.Export()
	fatal(t, err)
	changed := on[0]
	changed.BackupEligible, changed.BackedUp, changed.Count = false, false, 7
	fatal(t, d.Import(changed))
	used, err := use(b, "required")
	fatal(t, err)
	if used.flags() != userPresent|userVerified || used.count() != 8 {
		t.Errorf("flags %05b, count %d", used.flags(), used.count())
	}
}

func TestUserWhoFailsVerificationIsRefusedByTheBrowser(t *testing.T) {
	b := newSite(t).visit(t)
	d, _ := registered(t, b, chromium.Authenticator{})
	fatal(t, d.SetVerified(false))
	throws(t, b, script("use", "required"), "NotAllowedError")
	fatal(t, d.SetVerified(true))
	_, err := use(b, "required")
	fatal(t, err)
}

func TestNobodyThereTouchesNothing(t *testing.T) {
	b := newSite(t).visit(t)
	d, _ := registered(t, b, chromium.Authenticator{})
	fatal(t, d.SetPresent(false))
	throws(t, b, strings.TrimSuffix(script("use", "required"), ")")+", AbortSignal.timeout(200))", "TimeoutError")
}

func TestForgedAnswers(t *testing.T) {
	s := newSite(t)
	b := s.visit(t)
	d, made := registered(t, b, chromium.Authenticator{})
	fatal(t, d.Break(chromium.Faults{Signature: true}))
	forged, err := use(b, "required")
	fatal(t, err)
	if err := forged.judge(s, "webauthn.get", made.PublicKey); err == nil {
		t.Error("a signature that is none verifies")
	}
	fatal(t, d.Break(chromium.Faults{NoUserVerified: true, NoUserPresent: true}))
	absent, err := use(b, "required")
	fatal(t, err)
	fatal(t, absent.judge(s, "webauthn.get", made.PublicKey))
	if absent.flags() != 0 {
		t.Errorf("flags %05b", absent.flags())
	}
}

// throws fails the test unless the page throws an exception of that name.
func throws(t *testing.T, b *chromium.Browser, script, name string) {
	t.Helper()
	_, err := chromium.Eval[answer](b, script)
	if thrown, ok := errors.AsType[chromium.ScriptError](err); !ok || !strings.Contains(string(thrown), name) {
		t.Errorf("%v, want %s", err, name)
	}
}
