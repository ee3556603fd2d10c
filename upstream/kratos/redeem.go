package kratos

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"golang.org/x/net/publicsuffix"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/upstream"
)

// codeLasts is how long a recovery code is good, which is redeemed at once. One
// that a crash leaves behind is known to nobody, and over soon.
const codeLasts = "30s"

// recovery is a flow of Kratos' with its code, made for one redeeming.
type recovery struct {
	flow, code string
	program    bool
	target     string // where the person came from; "" nowhere that Kratos allows
	again      bool   // the target is a login
}

// redeemed is what Kratos gave for the code.
type redeemed struct {
	cookies  []string // of a browser
	location string
	token    string // of a program
	wall     bool   // the second factor that the person still has comes next, at Kratos
	lasts    time.Duration
}

// recoveryFlow has the admin API make a flow with a code. Where the person came
// from goes into the flow, if Kratos allows it: it knows the addresses to which
// it may send people.
func (a *Adapter) recoveryFlow(ctx context.Context, id string, s upstream.Session) (recovery, error) {
	to := recovery{program: s.Program}
	if !s.Program {
		to.target, to.again = a.target(s.Entry)
	}
	err := a.makeCode(ctx, id, &to)
	if refused := (*refusal)(nil); errors.As(err, &refused) && to.target != "" && refused.status == http.StatusBadRequest {
		to.target = ""
		err = a.makeCode(ctx, id, &to)
	}
	return to, upstream.CouldNotTell(err)
}

func (a *Adapter) makeCode(ctx context.Context, id string, to *recovery) error {
	kind, path := "browser", "/recovery/code"
	if to.program {
		kind = "api"
	}
	if to.target != "" {
		path += "?" + url.Values{"return_to": {to.target}}.Encode()
	}
	wish := map[string]string{"identity_id": id, "expires_in": codeLasts, "flow_type": kind}
	var made struct {
		Link string `json:"recovery_link"`
		Code string `json:"recovery_code"`
	}
	err := a.api.call(ctx, http.MethodPost, path, wish, http.StatusCreated, &made)
	if errors.Is(err, errNotFound) { // the identity is there
		return fmt.Errorf("making a recovery code: %w: switch selfservice.methods.code on in Kratos", upstream.ErrUnavailable)
	}
	if err != nil {
		return err
	}
	link, err := url.Parse(made.Link)
	if err != nil || link.Query().Get("flow") == "" || made.Code == "" {
		return fmt.Errorf("making a recovery code: %w: flow or code is missing", upstream.ErrUnavailable)
	}
	to.flow, to.code = link.Query().Get("flow"), made.Code
	return nil
}

// redeem submits the code, as the browser or the program would that nobody gives
// it to.
func (a *Adapter) redeem(ctx context.Context, to recovery, userAgent string) (*redeemed, error) {
	kind, accept, body := "application/x-www-form-urlencoded", "text/html", url.Values{"method": {"code"}, "code": {to.code}}.Encode()
	if to.program {
		text, err := json.Marshal(map[string]string{"method": "code", "code": to.code})
		if err != nil {
			return nil, fmt.Errorf("encoding a code: %v", err)
		}
		kind, accept, body = "application/json", "application/json", string(text)
	}
	address := a.api.public + "/self-service/recovery?" + url.Values{"flow": {to.flow}}.Encode()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("redeeming a recovery code: %w", upstream.ErrUnavailable)
	}
	r.Header.Set("Content-Type", kind)
	r.Header.Set("Accept", accept)
	r.Header.Set("User-Agent", userAgent)
	answer, err := upstream.Ask(a.api.http, r)
	if err != nil {
		return nil, fmt.Errorf("redeeming a recovery code: %w", err)
	}
	if to.program {
		return programs(answer)
	}
	return a.browsers(answer)
}

// browsers reads what a browser is answered: cookies, and the way to the
// settings, which may be another host of the same site.
func (a *Adapter) browsers(answer upstream.Response) (*redeemed, error) {
	got := &redeemed{cookies: answer.Header.Values("Set-Cookie")}
	to, err := url.Parse(answer.Header.Get("Location"))
	public, err2 := url.Parse(a.cfg.PublicURL + "/self-service/recovery")
	if answer.Status != http.StatusSeeOther || err != nil || err2 != nil || *to == (url.URL{}) || len(got.credentials()) == 0 {
		return nil, fmt.Errorf("redeeming a recovery code: %w: no session came, status %d", upstream.ErrUnavailable, answer.Status)
	}
	if to = public.ResolveReference(to); !sameSite(to, public) {
		return nil, fmt.Errorf("redeeming a recovery code: %w: the settings are on another site, where the session is not good", upstream.ErrUnavailable)
	}
	got.location = to.String()
	return got, nil
}

// programs reads what a program is answered.
func programs(answer upstream.Response) (*redeemed, error) {
	if answer.Status == http.StatusUnprocessableEntity {
		return nil, fmt.Errorf("redeeming a recovery code: %w: set feature_flags.use_continue_with_transitions to true in Kratos, "+
			"or sessions off in the gateway's programs", upstream.ErrUnavailable)
	}
	var said struct {
		Next []struct {
			Token string `json:"ory_session_token"`
		} `json:"continue_with"`
	}
	if answer.Status == http.StatusOK && answer.JSON && json.Unmarshal(answer.Body, &said) == nil {
		for _, next := range said.Next {
			if next.Token != "" {
				return &redeemed{token: next.Token}, nil
			}
		}
	}
	return nil, fmt.Errorf("redeeming a recovery code: %w: no session came, status %d", upstream.ErrUnavailable, answer.Status)
}

// credentials are the headers by which the session is somebody's; none: there is
// none.
func (g *redeemed) credentials() http.Header {
	if g.token != "" {
		return http.Header{"X-Session-Token": {g.token}}
	}
	var pairs []string
	for _, c := range (&http.Response{Header: http.Header{"Set-Cookie": g.cookies}}).Cookies() {
		if !strings.HasPrefix(c.Name, "csrf_token") && c.Value != "" {
			pairs = append(pairs, c.Name+"="+c.Value)
		}
	}
	if len(pairs) == 0 {
		return nil
	}
	return http.Header{"Cookie": {strings.Join(pairs, "; ")}}
}

// next is where the browser goes: to the settings if something is to be set
// there, else back to where it came from. Whoever has to sign in there again can
// set a password first: the settings lead on to the target.
func (to recovery) next(settings string, wanted []attest.Action) string {
	if sets(wanted) || to.again || to.target == "" {
		return settings
	}
	return to.target
}

// sets tells whether something is to be set in the settings.
func sets(wanted []attest.Action) bool {
	return slices.Contains(wanted, attest.ActionResetPassword) || slices.Contains(wanted, attest.ActionReplaceOTP)
}

// leads is next, but for a login of Hydra's: Kratos would ask for the lost
// credential there, so with nothing to set the gateway accepts it.
func (a *Adapter) leads(ctx context.Context, to recovery, got *redeemed, s upstream.Session) (string, error) {
	if !sets(s.Actions) && a.cfg.Hydra != nil && !got.wall {
		back, err := a.acceptAtHydra(ctx, s)
		if !errors.Is(err, upstream.ErrNoLogin) {
			return back, err
		}
	}
	return to.next(got.location, s.Actions), nil
}

// acceptAtHydra accepts the login of Hydra's that the person came from.
func (a *Adapter) acceptAtHydra(ctx context.Context, s upstream.Session) (string, error) {
	back, err := a.cfg.Hydra.Accept(ctx, s)
	if err != nil {
		return "", err
	}
	to, err := url.Parse(back)
	ours, err2 := url.Parse(a.cfg.PublicURL)
	if err != nil || err2 != nil || !sameSite(to, ours) {
		return "", fmt.Errorf("accepting a login: %w: it leads to another site", upstream.ErrUnavailable)
	}
	return back, nil
}

// sameSite tells whether two addresses are of one site: of the same host, or of
// hosts under one registered domain.
func sameSite(u, v *url.URL) bool {
	one, other := strings.ToLower(u.Hostname()), strings.ToLower(v.Hostname())
	if u.Scheme != v.Scheme || one == "" || u.User != nil {
		return false
	}
	if one == other {
		return true
	}
	for _, host := range []string{one, other} {
		if _, err := netip.ParseAddr(host); err == nil {
			return false // no domain, though it has dots
		}
	}
	domain, err := publicsuffix.EffectiveTLDPlusOne(one)
	as, err2 := publicsuffix.EffectiveTLDPlusOne(other)
	return err == nil && err2 == nil && domain == as
}
