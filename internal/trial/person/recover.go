package person

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/wire"
)

const mendProof = "The journal names the reason, as recovery-refused (`caddy regrant recoveries`, and the log)."

// lose reports an authenticator lost, and shows that it proves nothing any more.
func (p *person) lose(ctx context.Context) (string, error) {
	if p.lost == nil {
		return "", skipped("nobody can have two authenticators of these methods, so none is lost")
	}
	before, err := p.operator.Observe(ctx)
	if err != nil {
		return "", err
	}
	id := before.Authenticators[len(before.Authenticators)-1] // the oldest come first
	err = p.self.call(ctx, p.address("/report-lost"), p.csrf, wire.ReportLostRequest{ID: id}, nil)
	if no, ok := errors.AsType[*refused](err); ok {
		return "", failed("", "the authenticator could not be reported lost: %v", no)
	}
	if err != nil {
		return "", err
	}
	after, err := p.operator.Observe(ctx)
	if err != nil {
		return "", err
	}
	if len(after.Authenticators) != len(p.bound) {
		return "", failed("", "it was reported lost, and still counts")
	}
	_, _, err = p.attest(ctx, newBrowser(p.transport), []thing{p.lost})
	no, ok := errors.AsType[*refused](err)
	switch {
	case err == nil:
		return "", failed("", "an authenticator that was reported lost still proves something")
	case !ok:
		return "", err
	case no.status != http.StatusForbidden || no.code != string(wire.ProblemRefused):
		return "", failed("", "a proof by the lost authenticator was answered with %v, and not refused", no)
	}
	return "reported lost: it is not listed any more, and a proof by it is refused", nil
}

// modeAssist is what a trial does not look at in that mode.
const modeAssist = "this is mode assist: the identity provider's own recovery was left as it is, beside the gateway's, and nothing is said about it here"

// forget comes from the identity provider, as whoever has lost the password.
func (p *person) forget(ctx context.Context) (string, error) {
	at, way, err := p.entrance(ctx)
	if err == nil {
		err = p.untold(at)
	}
	if away, ok := errors.AsType[*untold](err); ok && away.at != nil && originOf(away.at) != originOf(p.issuer) {
		return "", failed(p.Path.MendEntry, "whoever forgot the password is led away: %v", away)
	}
	if err != nil {
		return "", err
	}
	if at.status != http.StatusOK || !p.ours(at.url) {
		return "", failed(p.Path.MendEntry, "whoever forgot the password does not arrive at the gateway, but at %s: status %d, %s", shown(at.url), at.status, excerpt(at))
	}
	return way + ": " + shown(at.url), nil
}

// entrance goes to the gateway, and tells by which way.
func (p *person) entrance(ctx context.Context) (at *page, way string, err error) {
	const own = "the identity provider's own way for who forgot the password leads to the gateway"
	const start = "whoever goes to the gateway's own start page arrives"
	if p.Path.URL != "" {
		at, err = p.away.open(ctx, p.Path.URL)
		return at, own, err
	}
	if p.Path.Link == "" {
		at, err = p.away.open(ctx, p.Issuer)
		return at, start, err
	}
	login, err := p.signInPage(ctx, p.away)
	if err != nil {
		return nil, "", err
	}
	href := login.link(p.Path.Link)
	switch {
	case href != "" && p.Path.Assist:
		way = "the button on the sign-in page leads to the gateway"
	case href != "":
		way = own
	case p.Path.Assist:
		at, err = p.away.open(ctx, p.Issuer)
		return at, "the sign-in page has no button for the gateway; " + start, err
	default:
		return nil, "", failed(p.Path.MendEntry, "the sign-in page %s has no link for who forgot the password: status %d, %s", shown(login.url), login.status, excerpt(login))
	}
	at, err = p.away.click(ctx, login, href)
	return at, way, err
}

// signInPage goes through the gateway's own sign-in to the page of the identity provider.
func (p *person) signInPage(ctx context.Context, b *browser) (*page, error) {
	own, err := b.open(ctx, p.address("/authenticators"))
	if err != nil {
		return nil, err
	}
	form, ok := own.leadingTo("/login")
	if !ok {
		return nil, failed("The site of this address must have the directive regrant, and lead to this gateway.",
			"%s offers no sign-in: status %d, %s", shown(own.url), own.status, excerpt(own))
	}
	login, err := b.submit(ctx, own, form, nil)
	if err == nil {
		err = p.untold(login)
	}
	return login, err
}

// untold is why a page of the gateway's says nothing about a recovery: it has no time for strangers, or something is away.
func (p *person) untold(at *page) error {
	if p.ours(at.url) && (at.status == http.StatusTooManyRequests || at.status == http.StatusServiceUnavailable) {
		return &untold{fmt.Sprintf("the gateway answers %d: %s", at.status, excerpt(at)), mendLater, nil}
	}
	return nil
}

// ours tells whether an address is one of the gateway's.
func (p *person) ours(u *url.URL) bool {
	return originOf(u) == originOf(p.issuer) && (u.Path == p.issuer.Path || strings.HasPrefix(u.Path, p.issuer.Path+"/"))
}

// excerpt is what a page says, in short.
func excerpt(p *page) string {
	const most = 160
	text := []rune(strings.TrimSpace(p.title + " – " + p.text))
	if len(text) > most {
		text = append(text[:most], '…')
	}
	return "“" + string(text) + "”"
}

// attest begins a recovery and proves it with things: as a program if one of them is a device, whose key then holds it, else in the browser.
func (p *person) attest(ctx context.Context, b *browser, things []thing) (wire.AttestResponse, *program, error) {
	if deviceOf(things) != nil {
		g, err := p.newProgram(things)
		if err != nil {
			return wire.AttestResponse{}, nil, err
		}
		answer, err := p.attestAs(ctx, g, things)
		return answer, g, err
	}
	answer, err := p.argue(ctx, "", func(path string, in, out any) error { return b.call(ctx, p.address(path), "", in, out) }, things)
	return answer, nil, err
}

// attestAs is attest for a program.
func (p *person) attestAs(ctx context.Context, g *program, things []thing) (wire.AttestResponse, error) {
	return p.argue(ctx, deviceClient, func(path string, in, out any) error { return g.call(ctx, p.address(path), in, out) }, things)
}

// argue begins a recovery for a client, "" for a browser's, and brings the proofs.
func (p *person) argue(ctx context.Context, client string, call func(path string, in, out any) error, things []thing) (answer wire.AttestResponse, err error) {
	var begun wire.InitiateResponse
	request := wire.InitiateRequest{AccountIdentifier: p.Account, Actions: []string{string(attest.ActionSignIn)}, ClientID: client}
	if err := call("/initiate", request, &begun); err != nil {
		return answer, err
	}
	proof := wire.AttestRequest{RecoveryID: begun.RecoveryID}
	for _, t := range things {
		said, err := t.evidence(begun.Statement)
		if err != nil {
			return answer, err
		}
		element, err := json.Marshal(said)
		if err != nil {
			return answer, err
		}
		proof.Evidence = append(proof.Evidence, jsontext.Value(element))
	}
	return answer, call("/attest", proof, &answer)
}

// deviceOf is the device among things; nil: there is none.
func deviceOf(things []thing) *device {
	for _, t := range things {
		if d, ok := t.(*device); ok {
			return d
		}
	}
	return nil
}
