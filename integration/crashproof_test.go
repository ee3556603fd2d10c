package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"github.com/regrant/regrant/integration/browser"
	"github.com/regrant/regrant/integration/story"
	"github.com/regrant/regrant/internal/wire"
)

// proofs is how a recovery has to be proved so that it comes to a point.
type proofs struct {
	code     bool // a recovery code comes first, so that another proof is wanted
	wrong    bool // the second proof is none
	rehearse bool
}

// proofOf is what leads to a point. One device certificate, with which nearly every point is reached, is the zero value.
func proofOf(point string) proofs {
	_, place, _ := strings.Cut(point, " ")
	switch place {
	case "move >proving", "move proving>granted":
		return proofs{code: true}
	case "move proving>done":
		return proofs{code: true, rehearse: true}
	case "move proving>abandoned":
		return proofs{code: true, wrong: true}
	case "move >done":
		return proofs{rehearse: true}
	default:
		return proofs{}
	}
}

// recover is one recovery that is proved like this.
func (w proofs) recover(c *crowd) func(context.Context, *person, int) error {
	if w == (proofs{}) {
		return c.recover
	}
	return func(ctx context.Context, p *person, n int) error {
		victim := *p.Claimant // whose wishes are others than those of the crowd's people
		if w.rehearse {
			victim.Wants = []string{"rehearse"}
		}
		in, a, err := victim.Initiate(ctx, p.account)
		if err := answered("initiate", a, err); err != nil {
			return err
		}
		id, statement := in.RecoveryID, in.Statement
		if w.code {
			code, err := json.Marshal(map[string]string{"method": "recovery-code", "code": p.codes[n%len(p.codes)]})
			if err != nil {
				return err
			}
			more, a, err := victim.Attest(ctx, id, code)
			if err := answered("attest", a, err); err != nil || more.Outcome != wire.OutcomeMore {
				return fmt.Errorf("outcome %q: %w", more.Outcome, err)
			}
			id, statement = more.RecoveryID, more.Statement
		}
		if w.wrong {
			statement += "x"
		}
		_, a, err = victim.Attest(ctx, id, victim.Proof(statement))
		return answered("attest", a, err)
	}
}

// bindCodes makes a set of recovery codes in a session of the person's own.
func (p *person) bindCodes() {
	p.t.Helper()
	name, _, _ := strings.Cut(p.account, "@")
	v := newVisitor(p.t, p.e)
	in := v.signs(v.begins(), name)
	v.wantIn(in, name)
	p.bindCodesIn(v, in)
}

// bindCodesIn makes them on the page of a session that is there.
func (p *person) bindCodesIn(v *visitor, in *browser.Page) {
	p.t.Helper()
	page, err := v.Submit(p.t.Context(), in, "/authenticators/recovery-code/begin", nil)
	fatal(p.t, err)
	sheet, err := v.Submit(p.t.Context(), page, "/authenticators/recovery-code/finish", url.Values{})
	fatal(p.t, err)
	if p.codes = story.Codes(sheet); len(p.codes) != 10 {
		p.t.Fatalf("%d codes: %d %s", len(p.codes), sheet.Status, sheet.Text())
	}
}
