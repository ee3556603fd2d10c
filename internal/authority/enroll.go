package authority

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base32"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"strings"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/devicecert"
	"github.com/regrant/regrant/internal/account"
	"github.com/regrant/regrant/internal/journal"
	"github.com/regrant/regrant/storage"
)

// deviceURN names a device in its certificate, followed by its id.
const deviceURN = "regrant:device:"

// Enrolled is what a device gets.
type Enrolled struct {
	AuthenticatorID  string
	CertificateChain []string // PEM: the device's certificate, then those of its issuers; nil: it has none
	DeviceID         string
	Account          string    // identifier that the code was made for
	Issuer           string    // {issuer} of the protocol
	NotAfter         time.Time // zero: it does not expire
	EffectiveAt      time.Time // with ConfirmBefore, the latest
	ConfirmBefore    time.Time // the session that made the code has to confirm the key before; zero: none has to
}

// Enroll consumes the activation code, certifies the key of the certificate request and binds it to the code's
// account, all in one transaction: of several devices that bring one code, one is enrolled. label is the owner's name
// for the device and may be empty. The errors are [ErrCode], [ErrCSR], [ErrRequest], [ErrKeyBound] and [ErrRecovered]; after the last
// four the code can still be used.
func (a *Authority) Enroll(ctx context.Context, code string, csrPEM []byte, label string) (Enrolled, error) {
	r, err := a.readRequest(ctx, code, csrPEM, label)
	if err != nil {
		return Enrolled{}, err
	}
	return a.enrollIssued(ctx, r)
}

// ErrRecovered means that the account was recovered less than [account.Quarantine] ago. Whoever did that with something stolen could
// have talked somebody into making a code as well.
var ErrRecovered = errors.New("account was recovered a short time ago")

// may tells whether the code, or a certificate in the place of one, may be used so soon after a recovery. For a code that a session
// made, that session is asked: when it makes the code, and again when it confirms the device.
func (a *Authority) may(tx storage.Tx, code *codeRecord) error {
	if code.Session != nil {
		return nil
	}
	return a.Accounts.MayChange(tx, code.AccountID, tx.Now(), "")
}

// enrollIssued binds the key of r with a certificate of the gateway's own.
func (a *Authority) enrollIssued(ctx context.Context, r request) (Enrolled, error) {
	issuing, err := a.issuing(ctx)
	if err != nil {
		return Enrolled{}, fmt.Errorf("enrolling a device: %w", err)
	}
	return a.enroll(ctx, r, func(deviceID string, now time.Time) ([]*x509.Certificate, error) {
		certificate, err := a.certify(issuing, deviceID, r.key, now)
		return []*x509.Certificate{certificate, issuing.certificate}, err
	})
}

// request is what a device sends to be enrolled, read and not yet judged.
type request struct {
	selector, verifier string // of the activation code
	key                any    // whose owner signed the certificate request
	label              string
	attested           *attest.Attested // nil: the device said nothing about its key
	vouched            bool             // its certificate names the account: there is no code
}

func (a *Authority) readRequest(ctx context.Context, code string, csrPEM []byte, label string) (r request, err error) {
	if r.selector, r.verifier, err = parseCode(code); err != nil {
		return r, err
	}
	if err := checkName("label", label, 0); err != nil {
		return r, err
	}
	r.label = label
	if gone := a.Compute(ctx, func() { r.key, err = parseCSR(csrPEM) }); gone != nil {
		return r, fmt.Errorf("enrolling a device: %w", gone)
	}
	return r, err
}

// enroll binds the key of r. certified returns the certificate for it, and above that its issuers.
func (a *Authority) enroll(ctx context.Context, r request, certified func(deviceID string, now time.Time) ([]*x509.Certificate, error)) (Enrolled, error) {
	var bound *enrolment
	err := a.DB.Update(ctx, func(tx storage.Tx) error {
		bound = nil
		code, err := a.consume(tx, r.selector, r.verifier)
		if err != nil || code == nil {
			return err // nil: a wrong guess is counted by committing
		}
		if err := a.may(tx, code); err != nil {
			return err
		}
		id := newDeviceID()
		chain, err := certified(id, tx.Now())
		if err != nil {
			return err
		}
		bound, err = a.bind(tx, code, id, chain, r)
		return err
	})
	switch {
	case err != nil:
		return Enrolled{}, settle(err)
	case bound == nil:
		return Enrolled{}, ErrCode
	}
	return a.enrolled(bound), nil
}

// settle gives the error of a transaction that binds a device its meaning for the caller.
func settle(err error) error {
	switch {
	case errors.Is(err, storage.ErrExists):
		return ErrKeyBound
	case errors.Is(err, account.ErrQuarantine):
		return ErrRecovered
	}
	return fmt.Errorf("enrolling a device: %w", err)
}

// enrolment is one device as bound by a transaction.
type enrolment struct {
	authenticator *account.Authenticator
	chain         []*x509.Certificate // the device's own first
	account       string
}

func (a *Authority) bind(tx storage.Tx, code *codeRecord, deviceID string, chain []*x509.Certificate, r request) (*enrolment, error) {
	probation, err := a.probation(tx, code.AccountID)
	if err != nil {
		return nil, err
	}
	certificate := chain[0]
	sum := sha256.Sum256(certificate.Raw)
	authenticator := &account.Authenticator{
		Method: attest.MethodDeviceCertificate, Handles: []account.Handle{{Value: devicecert.Handle(certificate)}},
		Label: r.label, DeviceID: deviceID, Serial: fmt.Sprintf("%x", certificate.SerialNumber), CertificateSHA256: sum[:],
		NotAfter: certificate.NotAfter, EffectiveAt: tx.Now().Add(probation).UTC(),
	}
	authenticator.Detail = map[string]string{"key_fingerprint": attest.Fingerprint(certificate.RawSubjectPublicKeyInfo)}
	if said := r.attested; said != nil {
		authenticator.Attested, authenticator.NonExportable, authenticator.Model = true, true, said.Model
		maps.Copy(authenticator.Detail, said.Detail)
	}
	detail := map[string]string{
		"serial": authenticator.Serial, "issuer": certificate.Issuer.String(), "not_after": authenticator.NotAfter.Format(time.RFC3339),
	}
	maps.Copy(detail, authenticator.Detail)
	kind := journal.KindDeviceEnrolled
	if r.vouched {
		kind = journal.KindDeviceVouched
	}
	return &enrolment{authenticator, chain, code.Identifier}, a.register(tx, kind, code, authenticator, detail)
}

// probation is how long a device waits that is bound to an account.
func (a *Authority) probation(r storage.Reader, accountID string) (time.Duration, error) {
	if a.Waived == nil {
		return a.Probation, nil
	}
	waived, err := a.Waived(r, accountID)
	if err != nil || !waived {
		return a.Probation, err
	}
	return 0, nil
}

// register binds an authenticator to the code's account, journals it and tells the owner. With a code that a session made, it
// waits for that session.
func (a *Authority) register(tx storage.Tx, kind journal.Kind, code *codeRecord, authenticator *account.Authenticator, detail map[string]string) error {
	authenticator.Upstream, authenticator.BoundBy = a.Upstream, code.By
	authenticator.AccountID, authenticator.Identifiers = code.AccountID, code.Identifiers
	bind := a.Accounts.Bind
	if code.Session != nil {
		await(authenticator, code, tx.Now())
		bind = a.Accounts.BindOwn
	}
	if err := bind(tx, authenticator); err != nil {
		return err
	}
	if err := a.watch(tx, authenticator); err != nil {
		return err
	}
	return a.record(tx, event{
		kind: kind, as: code.By, own: code.Session != nil, accountID: code.AccountID, identifiers: code.Identifiers,
		authenticator: authenticator, detail: detail,
	})
}

// certify issues a device certificate (RFC 5280) with nothing in it but the device's id and key. A zero serial makes
// the library choose a random one.
func (a *Authority) certify(issuing *issuingCA, deviceID string, key any, now time.Time) (*x509.Certificate, error) {
	notBefore := now.Add(-backdate)
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: deviceID},
		URIs:                  []*url.URL{{Scheme: "urn", Opaque: deviceURN + deviceID}},
		NotBefore:             notBefore,
		NotAfter:              earlier(notBefore.Add(a.Lifetime), issuing.certificate.NotAfter),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuing.certificate, key, issuing.key)
	if err != nil {
		return nil, fmt.Errorf("signing a device certificate: %w", err)
	}
	return x509.ParseCertificate(der)
}

func (a *Authority) enrolled(e *enrolment) Enrolled {
	var before time.Time
	if c := e.authenticator.Awaits; c != nil {
		before = c.Before
	}
	var chain []string
	for _, c := range e.chain {
		chain = append(chain, encodePEM(c))
	}
	return Enrolled{
		AuthenticatorID:  e.authenticator.ID,
		CertificateChain: chain,
		DeviceID:         e.authenticator.DeviceID,
		Account:          e.account,
		Issuer:           a.Issuer,
		NotAfter:         e.authenticator.NotAfter,
		EffectiveAt:      e.authenticator.EffectiveAt,
		ConfirmBefore:    before,
	}
}

func encodePEM(c *x509.Certificate) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
}

// newDeviceID is "device-" and 100 random bits.
func newDeviceID() string {
	var raw [15]byte
	rand.Read(raw[:])
	text := base32.NewEncoding(symbols).WithPadding(base32.NoPadding).EncodeToString(raw[:])
	return "device-" + strings.ToLower(text[:20])
}
