package enrolment

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/account"
	"github.com/regrant/regrant/internal/journal"
	"github.com/regrant/regrant/internal/login"
	"github.com/regrant/regrant/internal/observe"
	"github.com/regrant/regrant/storage"
	"github.com/regrant/regrant/upstream"
)

// Begun is the first half of an enrolment.
type Begun struct {
	Options []byte // JSON for the client
	State   string // sealed; comes back with the second half
	Text    string // what a key signs to show that it is held; see [attest.EnrolmentText]
}

// pending is what the client keeps, sealed.
type pending struct {
	Method    attest.Method `json:"m"`
	AccountID string        `json:"a"`
	Challenge [32]byte      `json:"c"`
	Keep      []byte        `json:"k"`
	Expires   time.Time     `json:"e"`
}

// Begin starts binding an authenticator. It writes nothing but how well its owner signed in, and why it was refused.
func (s *Service) Begin(ctx context.Context, v Visitor, m attest.Method, body []byte) (Begun, error) {
	format, err := s.enroller(m)
	if err != nil {
		return Begun{}, err
	}
	p := pending{Method: m, AccountID: v.Session.AccountID(), Expires: s.Clock().Add(Life)}
	_, _ = rand.Read(p.Challenge[:]) // never fails (crypto/rand)
	var e attest.Enrolling
	err = s.DB.Update(ctx, func(tx storage.Tx) error {
		if err := s.may(tx, v, m); err != nil {
			return err
		}
		e, err = s.enrolling(tx, v, m, p.Challenge)
		return err
	})
	if err != nil {
		return Begun{}, s.refused(ctx, v, m, settle("beginning an enrolment", err))
	}
	var prompt attest.Prompt
	if err := s.guarded(ctx, func() error { prompt, err = format.Begin(e, body); return err }); err != nil {
		return Begun{}, s.refused(ctx, v, m, settle("beginning an enrolment", err))
	}
	p.Keep = prompt.Keep
	state, err := json.Marshal(p)
	if err != nil {
		return Begun{}, fmt.Errorf("beginning an enrolment: %w", err)
	}
	return Begun{Options: prompt.Options, State: s.box.Seal(state, s.ad(v)), Text: attest.EnrolmentText(e, m)}, nil
}

// Answer is what the client says at the end.
type Answer struct {
	State string
	Label string // the person's name for it; may be empty
	Body  []byte // for the format
}

// Bound is an authenticator that was bound.
type Bound struct {
	ID          string
	Method      attest.Method
	Label       string
	EffectiveAt time.Time // from then on it recovers
	Detail      map[string]string
	Shown       []string // recovery codes: shown now, and never again
	Only        bool     // nothing else of the account counts now
}

// Finish verifies what the client answers and binds it. A set of codes or a passphrase takes the place of the one before.
func (s *Service) Finish(ctx context.Context, v Visitor, m attest.Method, a Answer) (Bound, error) {
	format, err := s.enroller(m)
	if err != nil {
		return Bound{}, err
	}
	if !account.Printable(a.Label, account.MaxLabel) {
		return Bound{}, ErrLabel
	}
	p, err := s.open(v, m, a.State)
	if err != nil {
		return Bound{}, err
	}
	var e attest.Enrolling
	err = s.DB.View(ctx, func(r storage.Reader) error { e, err = s.enrolling(r, v, m, p.Challenge); return err })
	if err != nil {
		return Bound{}, settle("reading what is bound", err)
	}
	var made attest.Enrolled
	err = s.guarded(ctx, func() error { made, err = format.Finish(e, p.Keep, a.Body); return err })
	if err != nil {
		return Bound{}, s.refused(ctx, v, m, settle("verifying an enrolment", err))
	}
	bound := Bound{Method: m, Label: a.Label, Detail: made.Detail, Shown: made.Shown}
	err = s.DB.Update(ctx, func(tx storage.Tx) error { return s.bind(tx, v, p, made, &bound) })
	if err != nil {
		return Bound{}, s.refused(ctx, v, m, settle("binding an authenticator", err))
	}
	return bound, nil
}

// open reads what the client kept.
func (s *Service) open(v Visitor, m attest.Method, state string) (p pending, err error) {
	plain, err := s.box.Open(state, s.ad(v))
	if err != nil || json.Unmarshal(plain, &p) != nil {
		return p, ErrOver
	}
	if p.Method != m || p.AccountID != v.Session.AccountID() || !s.Clock().Before(p.Expires) {
		return p, ErrOver
	}
	return p, nil
}

// ad binds a sealed state to the session in which it was made: nobody ends in his session what another began.
func (s *Service) ad(v Visitor) []byte {
	return []byte("enrolment\x00v1\x00" + s.Issuer + "\x00" + s.Namespace + "\x00" + v.Secret)
}

// bind writes the authenticator, its journal entry and its notice.
func (s *Service) bind(tx storage.Tx, v Visitor, p pending, made attest.Enrolled, out *Bound) error {
	burnt := append([]byte(s.Namespace+"/enrolled/"), p.Challenge[:]...)
	if err := tx.Insert(burnt, []byte{1}, p.Expires.Add(time.Minute)); errors.Is(err, storage.ErrExists) {
		return ErrOver
	} else if err != nil {
		return err
	}
	if err := s.may(tx, v, p.Method); err != nil {
		return err
	}
	probation, err := s.probation(tx, p.AccountID, p.Method)
	if err != nil {
		return err
	}
	a := &account.Authenticator{
		Upstream: s.Namespace, AccountID: p.AccountID, Identifiers: v.Session.Identifiers(),
		Method: p.Method, Handles: account.Handles(made.Handles), Label: out.Label, NotAfter: made.NotAfter,
		EffectiveAt: tx.Now().Add(probation).UTC(), BoundBy: "owner", BoundFrom: v.Network.String(),
		NonExportable: made.NonExportable, Attested: made.Attested, Model: made.Model, Detail: made.Detail,
	}
	if err := s.replace(tx, a); err != nil {
		return err
	}
	if err := s.Accounts.BindOwn(tx, a); err != nil {
		return err
	}
	usable, err := s.Accounts.Usable(tx, p.AccountID)
	if err != nil {
		return err
	}
	out.ID, out.EffectiveAt, out.Only = a.ID, a.EffectiveAt, len(usable) == 0
	return s.record(tx, event{kind: journal.KindAuthenticatorBound, visitor: v, authenticator: a})
}

// Replaces tells whether an account has one authenticator of m at most: one set of codes, one passphrase.
func Replaces(m attest.Method) bool {
	return m == attest.MethodRecoveryCode || m == attest.MethodPassphrase
}

// replace ends what a takes the place of.
func (s *Service) replace(tx storage.Tx, a *account.Authenticator) error {
	if !Replaces(a.Method) {
		return nil
	}
	all, err := s.Accounts.Living(tx, a.AccountID)
	if err != nil {
		return err
	}
	for _, old := range all {
		if old.Method != a.Method {
			continue
		}
		if _, err := s.Accounts.Revoke(tx, old.ID, "owner", "replaced"); err != nil {
			return err
		}
	}
	return nil
}

// refused journals why nothing was bound, if a format, too weak a sign-in or what is bound already is the reason.
func (s *Service) refused(ctx context.Context, v Visitor, m attest.Method, why error) error {
	reason := reasonOf(v.Session, why)
	if reason == "" {
		return why
	}
	err := s.DB.Update(ctx, func(tx storage.Tx) error {
		return s.Journal.Append(tx, journal.Entry{
			Kind: journal.KindEnrolmentRefused, Upstream: s.Namespace, AccountID: v.Session.AccountID(),
			Detail: map[string]string{
				"method": string(m), "reason": reason, "network": v.Network.String(), "acr": v.Session.ACR(), "amr": strings.Join(v.Session.AMR(), " "),
			},
		})
	})
	if err != nil {
		return fmt.Errorf("journalling a refused enrolment: %w", err)
	}
	return why
}

// reasonOf is why nothing was bound, for the journal; "" for what is told to the person alone. With acr and amr beside it, an operator
// sees whether the identity provider did not tell of the second factor that somebody used.
func reasonOf(session login.Session, why error) string {
	if refused, ok := errors.AsType[*attest.Error](why); ok {
		if refused.Panic {
			observe.EvidencePanicked()
		}
		return string(refused.Reason) + ": " + refused.Detail
	}
	if weak, ok := errors.AsType[*login.Refusal](why); ok && !weak.Stale {
		return "sign-in: " + session.Assurance().String() + " where the account has " + weak.Need.String()
	}
	if errors.Is(why, ErrBound) { // it tells whether somebody has what was sent: who asks that often is probing
		return "bound already"
	}
	return ""
}

// guarded runs work of a format once its turn comes, and turns a panic of a parser into a refusal.
func (s *Service) guarded(ctx context.Context, work func() error) (err error) {
	gone := s.Compute(ctx, func() { err = attest.Guarded(work) })
	return errors.Join(gone, err)
}

// best is the highest assurance that the account is known to reach: by its credentials at the identity provider, as it told at this
// sign-in, or because somebody signed in so before.
func (s *Service) best(tx storage.Tx, session login.Session) (upstream.Assurance, error) {
	have := session.Assurance()
	level, resistant, err := s.Accounts.Assured(tx, session.AccountID(), uint8(have.AAL), have.PhishingResistant)
	return session.Best().With(upstream.Assurance{AAL: upstream.AAL(level), PhishingResistant: resistant}), err
}
