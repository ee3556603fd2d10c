package authority

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/account"
	"github.com/regrant/regrant/storage"
	"github.com/regrant/regrant/upstream"
)

// Vouches tells whether certificates of the operator's CA name accounts, so that a device needs no activation code.
func (a *Authority) Vouches() bool { return a.Operator != nil && a.Operator.Identity != nil }

// EnrollVouched binds a device to the account that its certificate of the operator's CA names. connection is the SHA-256 of the client
// certificate on the TLS connection that this came on: the proof, made now, that the device has the key. The identity
// provider is asked only once everything about the certificate holds. The errors are [ErrCertificate], [ErrRequest] and [ErrKeyBound].
func (a *Authority) EnrollVouched(ctx context.Context, chain []string, connection []byte, label string) (Enrolled, error) {
	if err := checkName("label", label, 0); err != nil {
		return Enrolled{}, err
	}
	if !a.Vouches() {
		return Enrolled{}, ErrCertificate
	}
	brought, err := a.judge(ctx, chain, connectedWith(connection))
	if err != nil {
		return Enrolled{}, err
	}
	named, err := a.Operator.Identity.Of(brought[0])
	if err != nil {
		return Enrolled{}, fmt.Errorf("%w: %w", ErrCertificate, err)
	}
	owner, err := a.vouchedOwner(ctx, named)
	if err != nil {
		return Enrolled{}, err
	}
	return a.bindVouched(ctx, named, owner, brought, label)
}

func connectedWith(connection []byte) possession {
	return func(leaf *x509.Certificate) error {
		sum := sha256.Sum256(leaf.Raw)
		if !bytes.Equal(connection, sum[:]) {
			return errors.New("it is not the certificate of the connection")
		}
		return nil
	}
}

// vouchedOwner finds the account. That it is not there, or not to be used, is the certificate's fault here: the device learns no more.
func (a *Authority) vouchedOwner(ctx context.Context, named attest.Identifier) (upstream.Account, error) {
	owner, err := a.owner(ctx, named.String(), "")
	for _, definite := range []error{ErrRequest, ErrDisabled, upstream.ErrNoAccount, upstream.ErrAmbiguous, upstream.ErrRefused, upstream.ErrUnsupported} {
		if errors.Is(err, definite) {
			return owner, fmt.Errorf("%w: %w", ErrCertificate, definite)
		}
	}
	return owner, err
}

// bindVouched binds the device, unless the account was recovered a short time ago: whoever did that with something stolen
// could have had a device certified as well. It is answered like every certificate that does not do.
func (a *Authority) bindVouched(ctx context.Context, named attest.Identifier, owner upstream.Account, chain []*x509.Certificate, label string) (Enrolled, error) {
	var bound *enrolment
	err := a.DB.Update(ctx, func(tx storage.Tx) error {
		as := &codeRecord{AccountID: owner.ID, Identifiers: owner.Identifiers, Identifier: named.String(), By: chain[0].Issuer.String()}
		err := a.may(tx, as)
		if err != nil {
			return err
		}
		bound, err = a.bind(tx, as, newDeviceID(), chain, request{label: label, vouched: true})
		return err
	})
	if errors.Is(err, account.ErrQuarantine) {
		return Enrolled{}, fmt.Errorf("%w: %w", ErrCertificate, err)
	}
	if err != nil {
		return Enrolled{}, settle(err)
	}
	return a.enrolled(bound), nil
}
