package authority

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/certpath"
	"github.com/regrant/regrant/attest/strongkey"
	"github.com/regrant/regrant/storage"
)

// EnrollCertificate is [Authority.Enroll] for a device that has a certificate of the operator's own CA already: none is
// issued. chain is PEM, the device's certificate first; it must lead to the operator's CA and not be revoked, and the
// certificate request must be signed with its key. One more error is [ErrCertificate]; after it, too, the code can still be used.
func (a *Authority) EnrollCertificate(ctx context.Context, code string, csrPEM []byte, label string, chain []string) (Enrolled, error) {
	r, err := a.readRequest(ctx, code, csrPEM, label)
	if err != nil {
		return Enrolled{}, err
	}
	// Judged before the transaction, because a statement about revocation may have to be waited for.
	brought, err := a.judge(ctx, chain, signedBy(r.key))
	if err != nil {
		return Enrolled{}, err
	}
	return a.enroll(ctx, r, func(string, time.Time) ([]*x509.Certificate, error) { return brought, nil })
}

// possession tells why whoever sent a certificate may not have its key; nil: they have.
type possession func(*x509.Certificate) error

func signedBy(key crypto.PublicKey) possession {
	return func(leaf *x509.Certificate) error {
		if of, ok := leaf.PublicKey.(interface{ Equal(crypto.PublicKey) bool }); !ok || !of.Equal(key) {
			return errors.New("its key did not sign the certificate request")
		}
		return nil
	}
}

// judge returns the certificates between a device and the operator's CA, the device's own first.
func (a *Authority) judge(ctx context.Context, chain []string, has possession) ([]*x509.Certificate, error) {
	if a.Operator == nil {
		return nil, ErrCertificate
	}
	now, err := a.now(ctx)
	if err != nil {
		return nil, fmt.Errorf("enrolling a device: %w", err)
	}
	var path certpath.Path
	if gone := a.Compute(ctx, func() { path, err = a.Operator.Path(chain, now) }); gone != nil {
		return nil, fmt.Errorf("enrolling a device: %w", gone)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCertificate, err)
	}
	// A certificate is public. Only whoever has its key may bind it.
	if err := has(path.Leaf().X509); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCertificate, err)
	}
	if err := strongkey.CheckNew(path.Leaf().X509.PublicKey); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCertificate, err)
	}
	err = a.Operator.Revocation(path, now)
	if refused, ok := errors.AsType[*attest.Error](err); ok && refused.Reason != attest.ReasonRevocationUnknown {
		return nil, fmt.Errorf("%w: %w", ErrCertificate, err)
	}
	if err != nil {
		return nil, fmt.Errorf("enrolling a device: %w", err)
	}
	below := make([]*x509.Certificate, len(path.Below()))
	for i, c := range path.Below() {
		below[i] = c.X509
	}
	return below, nil
}

// now is the store's clock.
func (a *Authority) now(ctx context.Context) (now time.Time, err error) {
	err = a.DB.View(ctx, func(r storage.Reader) error {
		now = r.Now()
		return nil
	})
	return now, err
}
