package authority

import (
	"context"
	"errors"
	"testing"
)

// A well-formed code is all that a stranger needs to have signatures checked, so each check waits for its turn.
func TestAnEnrolmentChecksNoSignatureBeforeItsTurn(t *testing.T) {
	o := newOperated(t)
	code := o.code(t)
	for turns, doing := range []string{"the certificate request", "the path of the certificate"} {
		t.Run(doing, func(t *testing.T) {
			left := turns
			o.Compute = func(_ context.Context, work func()) error {
				if left == 0 {
					return context.Canceled
				}
				left--
				work()
				return nil
			}
			if _, err := o.bring(t, code, o.device); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
		})
	}
	o.Compute = o.config.Compute
	if _, err := o.bring(t, code, o.device); err != nil {
		t.Errorf("the code is used up: %v", err)
	}
}
