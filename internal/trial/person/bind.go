package person

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/wire"
)

const mendBinding = "The journal names the reason, as enrolment-refused; look at the options of the method."

// bind binds what recovers, and one more that will be lost.
func (p *person) bind(ctx context.Context) (string, error) {
	if err := p.enterSelf(ctx); err != nil {
		return "", err
	}
	var names []string
	for _, m := range p.Methods {
		t, err := p.bindOne(ctx, m)
		if err != nil {
			return "", err
		}
		p.kept, names = append(p.kept, t), append(names, string(m))
	}
	more := ""
	if m := p.spare(); m != "" {
		var err error
		if p.lost, err = p.bindOne(ctx, m); err != nil {
			return "", err
		}
		more = ", and one more " + string(m) + ", which is going to be lost"
	}
	seen, err := p.operator.Observe(ctx)
	if err != nil {
		return "", err
	}
	bound := len(p.kept)
	if p.lost != nil {
		bound++
	}
	if len(seen.Authenticators) != bound {
		return "", failed("", "%d authenticators were bound, and the gateway lists %d", bound, len(seen.Authenticators))
	}
	return "bound " + strings.Join(names, " and ") + ", which is enough" + more + "; what is bound counts at once, in a trial alone", nil
}

// spare is the method of which there can be two; "": there is none.
func (p *person) spare() attest.Method {
	i := slices.IndexFunc(p.Methods, func(m attest.Method) bool { return m != attest.MethodRecoveryCode && m != attest.MethodPassphrase })
	if i < 0 {
		return ""
	}
	return p.Methods[i]
}

// enterSelf opens the page of the session, which holds the token that its changes need.
func (p *person) enterSelf(ctx context.Context) error {
	list, err := p.self.open(ctx, p.address("/authenticators"))
	if err != nil {
		return err
	}
	form, ok := list.leadingTo("/begin")
	if !ok || list.status != 200 || form.values.Get("csrf") == "" {
		return failed("The site of this address must have the directive regrant, and lead to this gateway.",
			"%s is not the page of recovery methods: status %d, %q", shown(list.url), list.status, list.title)
	}
	p.csrf = form.values.Get("csrf")
	return nil
}

func (p *person) bindOne(ctx context.Context, m attest.Method) (thing, error) {
	t, err := newThing(m, p.Issuer)
	if err != nil {
		return nil, err
	}
	var effective time.Time
	if d, ok := t.(*device); ok {
		effective, err = p.bindDevice(ctx, d)
	} else {
		effective, err = p.bindThing(ctx, t)
	}
	if no, ok := errors.AsType[*refused](err); ok {
		return nil, failed(mendBinding, "the %s was not bound: %v", m, no)
	}
	if err == nil && time.Until(effective) > time.Minute {
		err = failed("", "the %s counts only from %s on", m, effective.Format(time.DateTime))
	}
	return t, err
}

// bindThing does both halves of an enrolment.
func (p *person) bindThing(ctx context.Context, t thing) (effective time.Time, err error) {
	path := p.address("/authenticators/" + string(t.method()))
	var begun wire.BeginResponse
	if err := p.self.call(ctx, path+"/begin", p.csrf, members{}, &begun); err != nil {
		return effective, err
	}
	answer, err := t.answer(json.RawMessage(begun.Options), begun.Text)
	if err != nil {
		return effective, err
	}
	answer["state"], answer["label"] = begun.State, label
	var bound wire.FinishResponse
	if err := p.self.call(ctx, path+"/finish", p.csrf, answer, &bound); err != nil {
		return effective, err
	}
	t.keep(bound.Codes)
	return bound.EffectiveAt, nil
}

// bindDevice binds a device by a code of the operator's.
func (p *person) bindDevice(ctx context.Context, d *device) (effective time.Time, err error) {
	code, err := p.operator.ActivationCode(ctx)
	if err != nil {
		return effective, err
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, d.key)
	if err != nil {
		return effective, err
	}
	var bound wire.EnrollResponse
	r, err := newCall(ctx, p.address("/devices/enroll"), wire.EnrollRequest{
		ActivationCode: code, CSR: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: csr})), Label: label,
	})
	if err != nil {
		return effective, err
	}
	err = newBrowser(p.transport).answered(r, &bound) // no page of a browser sends this
	d.chain = bound.CertificateChain
	return bound.EffectiveAt, err
}
