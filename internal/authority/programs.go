package authority

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/account"
	"github.com/regrant/regrant/internal/journal"
	"github.com/regrant/regrant/internal/keys"
	"github.com/regrant/regrant/storage"
)

var (
	// ErrMethod means that no program can enrol an authenticator of the method here.
	ErrMethod = errors.New("method not enrolled with an activation code")
	// ErrState means that what came back is not what this enrolment left with the program.
	ErrState = errors.New("not the state of this enrolment")
)

// byPrograms are the methods whose authenticators a program makes by itself. Those of the others are for a person to make, signed in.
var byPrograms = []attest.Method{attest.MethodTPM}

// Programs enrols what programs make in hardware that attests it, with the activation codes of an [Authority] and by the
// same rules: [Programs.Begin] says what the hardware has to answer, and [Programs.Finish] binds it. What lies between is sealed and
// stays with the program.
type Programs struct {
	*Authority
	formats   *attest.Verifier
	probation func(attest.Method) time.Duration
	box       *keys.Box
}

// Programs makes them. probation is how long a new authenticator of a method waits.
func (a *Authority) Programs(formats *attest.Verifier, probation func(attest.Method) time.Duration) *Programs {
	return &Programs{a, formats, probation, a.Ring.Box(keys.Enrolment)}
}

// Begun is the first half of an enrolment.
type Begun struct {
	State   string // sealed; comes back with the second half
	Options []byte // JSON for the program
	Account string // identifier that the code was made for
}

// pending is what the program keeps, sealed for its code alone: with another one it does not open.
type pending struct {
	Method    attest.Method `json:"m"`
	Challenge [32]byte      `json:"c"`
	Keep      []byte        `json:"k"`
}

// Begin leaves the code as it is, but counts a wrong one as Finish does. The errors are [ErrCode], [ErrMethod], [ErrEvidence] and
// [ErrRecovered].
func (p *Programs) Begin(ctx context.Context, code string, m attest.Method, offer []byte) (Begun, error) {
	format, err := p.enroller(m)
	if err != nil {
		return Begun{}, err
	}
	selector, verifier, err := parseCode(code)
	if err != nil {
		return Begun{}, err
	}
	owner, now, err := p.owned(ctx, selector, verifier)
	if err != nil {
		return Begun{}, err
	}
	left := pending{Method: m}
	_, _ = rand.Read(left.Challenge[:]) // never fails (crypto/rand)
	var prompt attest.Prompt
	err = p.judge(ctx, owner, m, func() error {
		prompt, err = format.Begin(p.enrolling(owner, left.Challenge, now), offer)
		return err
	})
	if err != nil {
		return Begun{}, err
	}
	left.Keep = prompt.Keep
	state, err := json.Marshal(left)
	if err != nil {
		return Begun{}, fmt.Errorf("beginning an enrolment: %w", err)
	}
	return Begun{State: p.box.Seal(state, p.ad(selector, verifier)), Options: prompt.Options, Account: owner.Identifier}, nil
}

// Finish consumes the code and binds the authenticator, in one transaction. label is the owner's name for the device and may be empty.
// The errors are those of Begin, [ErrState], [ErrRequest] and [ErrKeyBound]; after all but the first the code can still be used.
func (p *Programs) Finish(ctx context.Context, code, state, label string, answer []byte) (Enrolled, error) {
	selector, verifier, err := parseCode(code)
	if err != nil {
		return Enrolled{}, err
	}
	if err := checkName("label", label, 0); err != nil {
		return Enrolled{}, err
	}
	owner, now, err := p.owned(ctx, selector, verifier)
	if err != nil {
		return Enrolled{}, err
	}
	left, err := p.open(state, selector, verifier)
	if err != nil {
		return Enrolled{}, err
	}
	format, err := p.enroller(left.Method)
	if err != nil {
		return Enrolled{}, err
	}
	var made attest.Enrolled
	err = p.judge(ctx, owner, left.Method, func() error {
		made, err = format.Finish(p.enrolling(owner, left.Challenge, now), left.Keep, answer)
		return err
	})
	if err != nil {
		return Enrolled{}, err
	}
	return p.bindMade(ctx, selector, verifier, &account.Authenticator{
		Method: left.Method, Handles: account.Handles(made.Handles), Label: label, DeviceID: newDeviceID(), NotAfter: made.NotAfter,
		NonExportable: made.NonExportable, Attested: made.Attested, Model: made.Model, Detail: made.Detail,
	})
}

func (p *Programs) enroller(m attest.Method) (attest.Enroller, error) {
	format, ok := p.formats.Format(m).(attest.Enroller)
	if !ok || !slices.Contains(byPrograms, m) {
		return nil, ErrMethod
	}
	return format, nil
}

// owned finds whose code it is, and leaves it as it is.
func (p *Programs) owned(ctx context.Context, selector, verifier string) (owner *codeRecord, now time.Time, err error) {
	err = p.DB.Update(ctx, func(tx storage.Tx) error {
		now = tx.Now()
		if owner, err = p.look(tx, selector, verifier); err != nil || owner == nil {
			return err // nil: a wrong guess is counted by committing
		}
		return p.may(tx, owner)
	})
	switch {
	case err != nil:
		return nil, now, settle(err)
	case owner == nil:
		return nil, now, ErrCode
	}
	return owner, now, nil
}

// enrolling is what a format is told. The members that it leaves out are for passkeys, which no program makes.
func (p *Programs) enrolling(owner *codeRecord, challenge [32]byte, now time.Time) attest.Enrolling {
	return attest.Enrolling{
		Issuer: p.Issuer, AccountID: owner.AccountID, Name: owner.Identifier, Challenge: challenge, Random: rand.Reader, Now: now,
	}
}

// judge runs work of a format once its turn comes. Why evidence was refused is for the journal.
func (p *Programs) judge(ctx context.Context, owner *codeRecord, m attest.Method, work func() error) (err error) {
	if gone := p.Compute(ctx, func() { err = attest.Guarded(work) }); gone != nil {
		return fmt.Errorf("enrolling a device: %w", gone)
	}
	refused, ok := errors.AsType[*attest.Error](err)
	if !ok {
		return err
	}
	err = p.DB.Update(ctx, func(tx storage.Tx) error {
		return p.Journal.Append(tx, journal.Entry{
			Kind: journal.KindEnrolmentRefused, Upstream: p.Upstream, AccountID: owner.AccountID,
			Detail: map[string]string{"method": string(m), "reason": string(refused.Reason) + ": " + refused.Detail, "code_by": owner.By},
		})
	})
	if err != nil {
		return fmt.Errorf("journalling a refused enrolment: %w", err)
	}
	return fmt.Errorf("%w: %w", ErrEvidence, refused)
}

func (p *Programs) open(state, selector, verifier string) (left pending, err error) {
	plain, err := p.box.Open(state, p.ad(selector, verifier))
	if err != nil || json.Unmarshal(plain, &left) != nil {
		return left, ErrState
	}
	return left, nil
}

// ad binds a sealed state to the code with which it was made. It is good as long as that.
func (p *Programs) ad(selector, verifier string) []byte {
	return []byte("activation\x00v1\x00" + p.Issuer + "\x00" + p.Namespace + "\x00" + selector + verifier)
}

// bindMade binds what a program made.
func (p *Programs) bindMade(ctx context.Context, selector, verifier string, a *account.Authenticator) (Enrolled, error) {
	detail := map[string]string{"method": string(a.Method)}
	if a.Attested {
		detail["model"] = a.Model
	}
	maps.Copy(detail, a.Detail)
	var code *codeRecord
	err := p.DB.Update(ctx, func(tx storage.Tx) (err error) {
		if code, err = p.consume(tx, selector, verifier); err != nil || code == nil {
			return err // nil: a wrong guess is counted by committing
		}
		if err := p.may(tx, code); err != nil {
			return err
		}
		a.EffectiveAt = tx.Now().Add(p.probation(a.Method)).UTC()
		return p.register(tx, journal.KindDeviceEnrolled, code, a, detail)
	})
	switch {
	case err != nil:
		return Enrolled{}, settle(err)
	case code == nil:
		return Enrolled{}, ErrCode
	}
	return p.enrolled(&enrolment{authenticator: a, account: code.Identifier}), nil
}
