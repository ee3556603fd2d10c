package authority

import (
	"errors"
	"testing"

	"github.com/regrant/regrant/internal/account"
)

// Whoever recovered the account with something stolen talks the help desk over to make a code.
func TestForSevenDaysAfterARecoveryAnOperatorsCodeBindsNoDevice(t *testing.T) {
	o := newOperated(t)
	for name, try := range map[string]func(code string) error{
		"a certificate of the gateway's": func(code string) error {
			_, err := o.Enroll(t.Context(), code, freshCSR(t), "laptop")
			return err
		},
		"one of the operator's CA": func(code string) error {
			_, err := o.bring(t, code, o.device)
			return err
		},
	} {
		before := o.count(t)
		o.recovered(t)
		if err := try(o.code(t)); !errors.Is(err, ErrRecovered) || o.count(t) != before {
			t.Errorf("%s, at once: %v", name, err)
		}
		o.clock.Advance(account.Quarantine - 1)
		o.say(t) // what the CA said before is too old
		if err := try(o.code(t)); !errors.Is(err, ErrRecovered) || o.count(t) != before {
			t.Errorf("%s, on the seventh day: %v", name, err)
		}
		o.clock.Advance(1)
		if err := try(o.code(t)); err != nil || o.count(t) != before+1 {
			t.Errorf("%s, after it: %v", name, err)
		}
	}
}

// Its session was asked when it made the code, and is asked again when it confirms the device.
func TestACodeOfASessionIsNotHeldToTheSevenDaysTwice(t *testing.T) {
	o := newOperated(t)
	o.recovered(t)
	if _, err := o.Enroll(t.Context(), o.ownCode(t).Text, freshCSR(t), "laptop"); err != nil {
		t.Error(err)
	}
}
