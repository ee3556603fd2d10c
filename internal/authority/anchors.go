package authority

import (
	"context"
	"crypto/x509"
	"fmt"
	"time"

	"github.com/regrant/regrant/storage"
)

// anchorsTimeout bounds how long a verification waits for the store.
const anchorsTimeout = 2 * time.Second

// Anchors returns the certificates of all issuing CAs that have not expired, also of those that another node made a
// moment ago. If the store does not answer, those known before stay.
func (a *Authority) Anchors() []*x509.Certificate {
	ctx, cancel := context.WithTimeout(context.Background(), anchorsTimeout)
	defer cancel()
	anchors, err := a.readAnchors(ctx)
	if err != nil {
		return *a.known.Load()
	}
	return anchors
}

func (a *Authority) readAnchors(ctx context.Context) ([]*x509.Certificate, error) {
	var anchors []*x509.Certificate
	err := a.DB.View(ctx, func(r storage.Reader) error {
		for record, err := range a.issuings.All(r, nil, 0) {
			if err != nil {
				return fmt.Errorf("reading the issuing CAs: %w", err)
			}
			c, err := x509.ParseCertificate(record.Certificate)
			if err != nil {
				return fmt.Errorf("reading an issuing CA: %w", err)
			}
			anchors = append(anchors, c)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	a.known.Store(&anchors)
	return anchors, nil
}
