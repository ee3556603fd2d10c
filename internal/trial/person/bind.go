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
	for _, m := range p.needed() {
		t, err := p.bindOne(ctx, m)
		if err != nil {
			return "", err
		}
		p.bound = append(p.bound, t)
	}
	p.kept = p.those(p.Methods)
	more := ""
	if rest := p.bound[len(p.kept):]; len(rest) > 0 {
		more = ", and " + methodsOf(rest) + " for a program"
	}
	if m := p.spare(); m != "" {
		var err error
		if p.lost, err = p.bindOne(ctx, m); err != nil {
			return "", err
		}
		more += ", and one more " + string(m) + ", which is going to be lost"
	}
	seen, err := p.operator.Observe(ctx)
	if err != nil {
		return "", err
	}
	bound := len(p.bound)
	if p.lost != nil {
		bound++
	}
	if len(seen.Authenticators) != bound {
		return "", failed("", "%d authenticators were bound, and the gateway lists %d", bound, len(seen.Authenticators))
	}
	return "bound " + methodsOf(p.kept) + ", which is enough" + more + "; what is bound counts at once, in a trial alone", nil
}

// needed are the methods that are to be bound, what recovers in the browser first.
func (p *person) needed() []attest.Method {
	methods := slices.Clone(p.Methods)
	if p.Path.Program.URL == "" {
		return methods
	}
	for _, m := range p.Programs {
		if !slices.Contains(methods, m) {
			methods = append(methods, m)
		}
	}
	return methods
}

// those are the bound ones of methods.
func (p *person) those(methods []attest.Method) []thing {
	return slices.DeleteFunc(slices.Clone(p.bound), func(t thing) bool { return !slices.Contains(methods, t.method()) })
}

func methodsOf(things []thing) string {
	names := make([]string, len(things))
	for i, t := range things {
		names[i] = string(t.method())
	}
	return strings.Join(names, " and ")
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
