package person

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/regrant/regrant/internal/wire"
	"github.com/regrant/regrant/upstream"
)

const (
	sessionTime = 20 * time.Second // until a session shows at the identity provider
	doneTime    = 90 * time.Second // until a recovery is closed, and its way in taken away
	noticeTime  = 45 * time.Second
	// cut is what the times of servers may lack: they are cut to whole seconds, and so is what is known of their clocks.
	cut = 3 * time.Second
)

// Kinds of entries of the journal, as the protocol of a recovery has them.
const (
	granted   = "recovery-granted"
	session   = "recovery-session"
	done      = "recovery-done"
	abandoned = "recovery-abandoned"
)

// signInBefore makes a session with the password, where the page for that can be used without scripts. The recovery has to end it.
func (p *person) signInBefore(ctx context.Context) (string, error) {
	b := newBrowser(p.transport)
	login, err := p.signInPage(ctx, b)
	if err != nil {
		return "", err
	}
	form, ok := login.signIn()
	if !ok {
		return "", skipped("no session was made before: the sign-in page has no form for name and password that works without scripts")
	}
	if _, err := b.submit(ctx, login, form, url.Values{form.name: {p.Account}, form.password: {p.Password}}); err != nil {
		return "", err
	}
	seen, ok, err := p.await(ctx, sessionTime, func(s Seen) bool { return len(s.Sessions) > 0 })
	if err != nil {
		return "", err
	}
	if !ok {
		return "", skipped("no session was made before: the sign-in asks for more than name and password")
	}
	for _, s := range seen.Sessions {
		p.old = append(p.old, s.ID)
	}
	return fmt.Sprintf("signed in with the password: the identity provider lists %s, begun %s", sessions(len(p.old)), clock(seen.Sessions[0].BeganAt)), nil
}

// prove begins the recovery, proves it, and notes its reference.
func (p *person) prove(ctx context.Context) (string, error) {
	answer, device, err := p.attest(ctx, p.away, p.kept)
	if err := p.isGranted(answer, err); err != nil {
		return "", err
	}
	if device != nil {
		if err := p.handOver(ctx, device, answer.RecoveryToken); err != nil {
			return "", err
		}
	}
	seen, err := p.operator.Observe(ctx)
	if err != nil {
		return "", err
	}
	if at := p.entry(seen, granted); at.IsZero() {
		return "", failed("", "the recovery was granted, and is not in the journal")
	}
	return "the gateway has granted recovery " + p.reference, nil
}

// isGranted is nil if an attest was answered with a grant, whose reference it notes.
func (p *person) isGranted(answer wire.AttestResponse, err error) error {
	if no, ok := errors.AsType[*refused](err); ok {
		return failed(mendProof, "the proof was not accepted: %v", no)
	}
	if err != nil {
		return err
	}
	if answer.Outcome != wire.OutcomeGranted || answer.Reference == "" {
		return failed(mendProof, "the recovery was not granted: the gateway answers %q", answer.Outcome)
	}
	p.reference = answer.Reference
	return nil
}

// handOver brings a program's recovery into the browser, as far as the page that asks whether it is meant.
func (p *person) handOver(ctx context.Context, g *program, token string) error {
	var code wire.HandoffResponse
	err := g.call(ctx, p.address("/handoff"), wire.HandoffRequest{RecoveryToken: token}, &code)
	if no, ok := errors.AsType[*refused](err); ok {
		return failed(mendProof, "the recovery could not be handed over to the browser: %v", no)
	}
	if err != nil {
		return err
	}
	form := form{action: p.address("/continue"), method: http.MethodPost, values: url.Values{"code": {code.Code}}}
	loopback := &page{url: &url.URL{Scheme: "http", Host: "127.0.0.1", Path: "/"}}
	p.last, err = p.away.submit(ctx, loopback, form, nil)
	return err
}

// enter goes on in the browser, as far as the session of the identity provider.
func (p *person) enter(ctx context.Context) (string, error) {
	at, err := p.last, error(nil)
	if at == nil {
		at, err = p.away.open(ctx, p.address("/continue"))
	}
	if err != nil {
		return "", err
	}
	form, ok := at.leadingTo("/continue")
	if !ok {
		return "", failed("", "the gateway does not go on with the recovery: status %d, %s", at.status, excerpt(at))
	}
	end, err := p.away.submit(ctx, at, form, nil)
	if err == nil {
		err = p.untold(end)
	}
	if err != nil {
		return "", err
	}
	began := func(s Seen) (new []upstream.TrialSession) {
		since := p.entry(s, granted).Add(-cut)
		return slices.DeleteFunc(slices.Clone(s.Sessions), func(l upstream.TrialSession) bool {
			return slices.Contains(p.old, l.ID) || l.BeganAt.Before(since)
		})
	}
	seen, ok, err := p.await(ctx, sessionTime, func(s Seen) bool { return len(began(s)) > 0 })
	if err != nil {
		return "", err
	}
	if !ok {
		return "", failed(p.Path.MendSignIn, "the identity provider made no session: the browser ends at %s, status %d, %s", shown(end.url), end.status, excerpt(end))
	}
	if new := began(seen); len(new) != 1 {
		return "", failed("", "the recovery made %s and not one", sessions(len(new)))
	}
	return fmt.Sprintf("the identity provider lists one session of the recovery, begun %s; the browser ends at %s", clock(began(seen)[0].BeganAt), shown(end.url)), nil
}

// oldEnded looks for the session from before.
func (p *person) oldEnded(ctx context.Context) (string, error) {
	if len(p.old) == 0 {
		return "", skipped("there was no session before")
	}
	seen, err := p.operator.Observe(ctx)
	if err != nil {
		return "", err
	}
	for _, s := range seen.Sessions {
		if slices.Contains(p.old, s.ID) {
			return "", failed("", "the session from before the recovery still stands")
		}
	}
	return fmt.Sprintf("the session from before is not listed any more; there is %s", sessions(len(seen.Sessions))), nil
}

// recorded waits for the end of the recovery and reads its entries.
func (p *person) recorded(ctx context.Context) (string, error) {
	seen, ok, err := p.await(ctx, doneTime, func(s Seen) bool {
		return !p.entry(s, done).IsZero() || !p.entry(s, abandoned).IsZero()
	})
	if err != nil {
		return "", err
	}
	kinds, mend := p.kinds(seen), p.Path.MendSignIn
	if p.program != nil {
		mend = p.Path.Program.Mend
	}
	switch {
	case !p.entry(seen, abandoned).IsZero():
		return "", failed(mend, "the recovery was abandoned: the journal has %s", strings.Join(kinds, ", "))
	case !ok:
		return "", failed(mend, "the recovery is not closed after %s: the journal has %s", doneTime, strings.Join(kinds, ", "))
	case p.entry(seen, granted).IsZero() || p.entry(seen, session).IsZero():
		return "", failed("", "the journal lacks entries: it has %s", strings.Join(kinds, ", "))
	}
	return "the journal has, under " + p.reference + ": " + strings.Join(kinds, ", "), nil
}

// told waits until every receiver has got every notice.
func (p *person) told(ctx context.Context) (string, error) {
	seen, ok, err := p.await(ctx, noticeTime, func(s Seen) bool { return len(s.Notices) == 0 })
	if err != nil {
		return "", err
	}
	if !ok {
		return "", failed("Look at the receivers that notify names: the gateway's log says \"notice not delivered\", and why.",
			"notices have not reached every receiver after %s: %s", noticeTime, strings.Join(seen.Notices, ", "))
	}
	return "every notice of it has reached every receiver", nil
}

// entry is when something of the recovery was journalled; zero: it was not.
func (p *person) entry(s Seen, kind string) time.Time {
	for _, e := range s.Journal {
		if e.Kind == kind && e.Reference == p.reference {
			return e.At
		}
	}
	return time.Time{}
}

func (p *person) kinds(s Seen) (kinds []string) {
	for _, e := range s.Journal {
		if e.Reference == p.reference {
			kinds = append(kinds, e.Kind)
		}
	}
	return kinds
}

func sessions(n int) string {
	if n == 1 {
		return "one session"
	}
	return fmt.Sprintf("%d sessions", n)
}

func clock(t time.Time) string { return t.UTC().Format("15:04:05Z") }
