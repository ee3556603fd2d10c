package authority

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/attest/devicecert"
	"github.com/regrant/regrant/internal/account"
	"github.com/regrant/regrant/internal/journal"
	"github.com/regrant/regrant/storage"
	"github.com/regrant/regrant/upstream"
)

// newVouching is a gateway that believes an operator's CA whose device a certificate's e-mail address says it is.
func newVouching(t *testing.T) *operated {
	t.Helper()
	o := newOperated(t)
	identity, err := devicecert.NewIdentity(devicecert.NameEmail, `([a-z]+@example\.com)`)
	if err != nil {
		t.Fatal(err)
	}
	o.config.Operator.Identity = identity
	o.Authority = o.open(t)
	o.device = o.of(t, "alice@example.com")
	return o
}

// of is a device with a certificate that names an account.
func (o *operated) of(t *testing.T, names ...string) *attesttest.Device {
	t.Helper()
	return o.ca.Device(t, func(c *x509.Certificate) { c.EmailAddresses = names })
}

// connects enrols on a connection with the certificate of d.
func (o *operated) connects(t *testing.T, d *attesttest.Device) (Enrolled, error) {
	t.Helper()
	sum := sha256.Sum256(d.Certificate.Raw)
	return o.EnrollVouched(t.Context(), d.Chain, sum[:], "laptop")
}

func TestDeviceIsBoundToTheAccountThatItsCertificateNames(t *testing.T) {
	o := newVouching(t)
	e, err := o.connects(t, o.device)
	if err != nil {
		t.Fatal(err)
	}
	a := o.bound(t, e.AuthenticatorID)
	if a.AccountID != "alice-id" || e.Account != "alice@example.com" || string(a.Handles[0].Value) != string(o.device.Handle()) {
		t.Errorf("bound %+v for %s", a, e.Account)
	}
	if err := a.Usable(o.clock.Now()); !errors.Is(err, account.ErrProbation) {
		t.Errorf("usable at once: %v", err)
	}
	if !slices.ContainsFunc(o.journalled(t), func(e journal.Entry) bool { return e.Kind == journal.KindDeviceVouched && e.AccountID == "alice-id" }) {
		t.Error("not journalled")
	}
	if _, told := o.told(t)[string(journal.KindDeviceVouched)]; !told {
		t.Error("the owner was not told")
	}
	if _, err := o.connects(t, o.device); !errors.Is(err, ErrKeyBound) {
		t.Errorf("bound again: %v", err)
	}
}

func TestDeviceWithAnRSAKeyIsBoundToo(t *testing.T) {
	o := newVouching(t)
	key, err := rsa.GenerateKey(rand.Reader, 3072)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.connects(t, o.ca.DeviceWithKey(t, key, func(c *x509.Certificate) { c.EmailAddresses = []string{"alice@example.com"} })); err != nil {
		t.Error(err)
	}
}

func TestCertificateThatVouchesForNobodyBindsNothing(t *testing.T) {
	o := newVouching(t)
	o.adapter.resolve = errors.New("the identity provider is asked") // nobody may make it
	revoked := o.of(t, "alice@example.com")
	o.say(t, revoked.Certificate)
	expired := o.ca.Device(t, func(c *x509.Certificate) {
		c.EmailAddresses, c.NotAfter = []string{"alice@example.com"}, o.clock.Now().Add(-time.Second)
	})
	for name, d := range map[string]*attesttest.Device{
		"no name":      o.of(t),
		"another name": o.of(t, "alice@example.net"),
		"two accounts": o.of(t, "alice@example.com", "bob@example.com"),
		"another CA's": attesttest.NewCA(t).Device(t, func(c *x509.Certificate) { c.EmailAddresses = []string{"alice@example.com"} }),
		"revoked":      revoked,
		"expired":      expired,
		"a key that leaks its primes": o.ca.DeviceWithKey(t, attesttest.NewROCAKey(t, 3072), func(c *x509.Certificate) {
			c.EmailAddresses = []string{"alice@example.com"}
		}),
	} {
		if _, err := o.connects(t, d); !errors.Is(err, ErrCertificate) {
			t.Errorf("%s: %v", name, err)
		}
	}
	other := sha256.Sum256(o.of(t, "alice@example.com").Certificate.Raw)
	for name, connection := range map[string][]byte{"no connection": nil, "another's connection": other[:]} {
		if _, err := o.EnrollVouched(t.Context(), o.device.Chain, connection, ""); !errors.Is(err, ErrCertificate) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := o.count(t); n != 0 {
		t.Errorf("%d authenticators are bound", n)
	}
}

func TestVouchingIsAnsweredAlikeWhateverIsWrongWithTheAccount(t *testing.T) {
	for name, spoil := range map[string]func(*operated){
		"unknown":                 func(o *operated) { o.adapter.resolve = upstream.ErrNoAccount },
		"one of several":          func(o *operated) { o.adapter.resolve = upstream.ErrAmbiguous },
		"switched off":            func(o *operated) { o.adapter.state.Enabled = false },
		"without an API to ask":   func(o *operated) { o.adapter.admin = false },
		"recovered a moment ago":  func(o *operated) { o.recovered(t) },
		"not for vouching at all": func(o *operated) { o.config.Operator.Identity = nil },
	} {
		o := newVouching(t)
		spoil(o)
		if _, err := o.connects(t, o.device); !errors.Is(err, ErrCertificate) {
			t.Errorf("%s: %v", name, err)
		}
	}
	o := newVouching(t)
	o.adapter.stateErr = upstream.ErrUnavailable
	if _, err := o.connects(t, o.device); err == nil || errors.Is(err, ErrCertificate) {
		t.Errorf("an identity provider that cannot be asked: %v", err)
	}
}

func (o *operated) recovered(t *testing.T) {
	t.Helper()
	err := o.DB.Update(t.Context(), func(tx storage.Tx) error { return o.Accounts.Recovered(tx, "alice-id", []string{"stolen"}) })
	if err != nil {
		t.Fatal(err)
	}
}

// count is how many authenticators alice has.
func (o *operated) count(t *testing.T) (n int) {
	t.Helper()
	err := o.DB.View(t.Context(), func(r storage.Reader) error {
		all, err := o.Accounts.History(r, "alice-id")
		n = len(all)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}
