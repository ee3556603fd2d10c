package person

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/regrant/regrant/internal/wire"
)

// deviceClient is the client of `regrant device`, which everybody may be who holds a key.
const deviceClient = "regrant-device"

// programSteps recover the account once more, by a program that has no browser.
func (p *person) programSteps() []step {
	no := ""
	switch {
	case p.Path.Program.URL == "":
		no = "programs are given nothing of the identity provider's here, and go on in a browser: the upstream has no " + p.Path.Program.Option
	case len(p.Programs) == 0:
		no = "no methods that software can hold are enough for a program here: alone, a passkey counts in a browser only"
	}
	if no != "" {
		return []step{{"program", func(context.Context) (string, error) { return "", skipped(no) }}}
	}
	return []step{
		{"program", p.recoverAsProgram},
		{"program's token", p.showToken},
		{"used again", p.redeemAgain},
		{"program's journal", p.recorded},
	}
}

// newProgram makes a program that recovers with things: with the key of a device if one is among them, which has to hold its recoveries, else with a new one.
func (p *person) newProgram(things []thing) (*program, error) {
	g := &program{browser: newBrowser(p.transport)}
	if d := deviceOf(things); d != nil {
		g.key = d.key
		return g, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	g.key = key
	return g, err
}

// recoverAsProgram proves, redeems the recovery token, and completes.
func (p *person) recoverAsProgram(ctx context.Context) (string, error) {
	carried := p.those(p.Programs)
	g, err := p.newProgram(carried)
	if err != nil {
		return "", err
	}
	answer, err := p.attestAs(ctx, g, carried)
	if err := p.isGranted(answer, err); err != nil {
		return "", err
	}
	p.program, p.redeemed = g, answer.RecoveryToken
	access, err := p.redeem(ctx)
	if no, ok := errors.AsType[*refused](err); ok {
		return "", failed(mendProof, "the recovery token was not redeemed: %v", no)
	}
	if err != nil {
		return "", err
	}
	if err := p.complete(ctx, access); err != nil {
		return "", err
	}
	lasts := ""
	if p.given.ExpiresIn > 0 {
		lasts = fmt.Sprintf(", good for %s", time.Duration(p.given.ExpiresIn)*time.Second)
	}
	return fmt.Sprintf("a program recovered by %s without a browser, as %s, and was given the identity provider's own token%s", methodsOf(carried), p.reference, lasts), nil
}

// redeem trades the recovery token for an access token of the gateway's (RFC 7523 section 2.1).
func (p *person) redeem(ctx context.Context) (access string, err error) {
	form := url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "client_id": {deviceClient}, "assertion": {p.redeemed}}
	got, err := p.program.post(ctx, p.address("/token"), formType, []byte(form.Encode()), "")
	if err != nil {
		return "", err
	}
	var out wire.TokenResponse
	err = got.read(&out)
	return out.AccessToken, err
}

// complete asks for the end of the recovery. The gateway answers 503 where the identity provider gave nothing, and also where that is away: then it cannot be
// looked at from the operator's side either. A moment without an answer looks the same, so it is asked three times.
func (p *person) complete(ctx context.Context, access string) error {
	ask := func() (answer, error) {
		return p.program.post(ctx, p.address("/complete"), jsonType, []byte("{}"), access)
	}
	got, err := ask()
	for again := 2; again > 0 && err == nil && got.status == http.StatusServiceUnavailable; again-- {
		if err = pause(ctx); err == nil {
			got, err = ask()
		}
	}
	if err != nil {
		return err
	}
	if got.status == http.StatusServiceUnavailable {
		if _, err := p.operator.Observe(ctx); err != nil {
			return err
		}
		return failed(p.Path.Program.Mend, "the identity provider gave the program nothing: the gateway answers %v", got.refusal())
	}
	err = got.read(&p.given)
	if no, ok := errors.AsType[*refused](err); ok {
		return failed(p.Path.Program.Mend, "the recovery was not completed: %v", no)
	}
	if err == nil && p.given.AccessToken+p.given.SessionToken == "" {
		err = failed(p.Path.Program.Mend, "the program was given no token, but is to go on in a browser: the gateway answers %q", p.given.Outcome)
	}
	return err
}

// pause is between two tries.
func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Second):
		return nil
	}
}

// showToken shows the token to the identity provider, as its applications would.
func (p *person) showToken(ctx context.Context) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.Path.Program.URL, nil)
	if err != nil {
		return "", err
	}
	bear(r, p.given)
	got, err := newBrowser(p.transport).send(r)
	if err != nil {
		return "", err
	}
	if got.status == http.StatusTooManyRequests || got.status >= 500 {
		return "", &untold{fmt.Sprintf("%s answers %d", shown(r.URL), got.status), "Try again; the identity provider's log says more.", nil}
	}
	var who struct {
		Subject  string `json:"sub"`
		Identity struct {
			ID string `json:"id"`
		} `json:"identity"`
	}
	if got.status != http.StatusOK || json.Unmarshal([]byte(got.body), &who) != nil {
		return "", failed(p.Path.Program.Mend, "the identity provider does not accept its own token: %s answers %d", shown(r.URL), got.status)
	}
	if cmp.Or(who.Subject, who.Identity.ID) != p.AccountID {
		return "", failed("", "the token is not the account's: so says %s", shown(r.URL))
	}
	return "the identity provider accepts it, and says that it is the account's: " + shown(r.URL), nil
}

// bear makes r that of whoever was given this.
func bear(r *http.Request, given wire.CompleteResponse) {
	r.Header.Set("Accept", jsonType)
	r.Header.Set("User-Agent", userAgent)
	if given.SessionToken != "" {
		r.Header.Set("X-Session-Token", given.SessionToken)
		return
	}
	r.Header.Set("Authorization", given.TokenType+" "+given.AccessToken)
}

// redeemAgain brings the recovery token once more.
func (p *person) redeemAgain(ctx context.Context) (string, error) {
	_, err := p.redeem(ctx)
	no, ok := errors.AsType[*refused](err)
	switch {
	case err == nil:
		return "", failed("", "a recovery token was redeemed twice")
	case !ok:
		return "", err
	case no.status != http.StatusBadRequest || no.code != "invalid_grant":
		return "", failed("", "a recovery token that was redeemed is answered with %v, and not refused as used", no)
	}
	return "the recovery token is refused the second time", nil
}
