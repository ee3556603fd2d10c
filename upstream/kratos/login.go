package kratos

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/regrant/regrant/upstream"
)

// Authentication context classes, named here: Kratos has the first word only.
const (
	classAAL1   = "aal1"
	classAAL2   = "aal2"
	classStrong = "aal2-phishing-resistant"
)

// classes are what they prove.
var classes = map[string]upstream.Assurance{
	classAAL1:   {AAL: upstream.AAL1},
	classAAL2:   {AAL: upstream.AAL2},
	classStrong: {AAL: upstream.AAL2, PhishingResistant: true},
}

// LoginURL implements [upstream.Adapter]. The person signs in anew, also in a
// session that stands, and where a second factor is asked for with that one, too:
// twice, where Kratos itself demands the highest level of a new session.
func (a *Adapter) LoginURL(_ context.Context, l upstream.Login) (string, error) {
	back, err := url.Parse(l.RedirectURI)
	if err != nil {
		return "", fmt.Errorf("starting a login: %v", err)
	}
	back.RawQuery = url.Values{"state": {l.State}}.Encode()
	to := back.String()
	if slices.ContainsFunc(l.ACR, func(class string) bool { return classes[class].AAL >= upstream.AAL2 }) {
		to = a.login(url.Values{"aal": {"aal2"}, "refresh": {"true"}, returnTo: {to}})
	}
	return a.login(url.Values{"refresh": {"true"}, returnTo: {to}}), nil
}

func (a *Adapter) login(query url.Values) string {
	return a.cfg.PublicURL + "/self-service/login/browser?" + query.Encode()
}

// LoginResult implements [upstream.Adapter]: Kratos says whose session the
// browser's cookies are. What counts is what was proved since l began, the first
// factor with it. A session that a recovery made proves nothing here.
func (a *Adapter) LoginResult(ctx context.Context, back upstream.Answer, l upstream.Login) (upstream.Principal, error) {
	header := cookieHeader(back.Cookies)
	if header == nil {
		return upstream.Principal{}, fmt.Errorf("%w: no cookie came", upstream.ErrRefused)
	}
	called := a.now()
	s, clock, err := a.api.whoami(ctx, header)
	if refused := (*refusal)(nil); errors.As(err, &refused) &&
		(refused.status == http.StatusUnauthorized || refused.status == http.StatusForbidden) {
		return upstream.Principal{}, fmt.Errorf("%w: the session counts for nothing", upstream.ErrRefused)
	}
	if err != nil {
		return upstream.Principal{}, upstream.CouldNotTell(err)
	}
	var ahead time.Duration
	if !clock.IsZero() {
		ahead = clock.Sub(called)
	}
	used, at := s.since(l.Started.Add(ahead))
	if !s.Active || !reaches(used, "aal1") {
		return upstream.Principal{}, fmt.Errorf("%w: nobody has signed in since the login began", upstream.ErrRefused)
	}
	i, err := a.identity(ctx, s.Identity.ID, "webauthn", "passkey")
	if err != nil {
		return upstream.Principal{}, err
	}
	if !i.active() {
		return upstream.Principal{}, fmt.Errorf("%w: the identity is inactive", upstream.ErrRefused)
	}
	return upstream.Principal{
		AccountID: i.ID, Identifiers: i.account().Identifiers, AuthenticatedAt: at.Add(-ahead),
		ACR: class(used), AMR: amr(used), Best: i.best(),
	}, nil
}

// cookieHeader is the cookies as they came, but for the gateway's own.
func cookieHeader(cookies []*http.Cookie) http.Header {
	var pairs []string
	for _, c := range cookies {
		if !strings.HasPrefix(c.Name, "__Host-regrant") {
			pairs = append(pairs, c.Name+"="+c.Value)
		}
	}
	if len(pairs) == 0 {
		return nil
	}
	return http.Header{"Cookie": {strings.Join(pairs, "; ")}}
}

// since are the methods of a sign-in that were completed after began, by Kratos'
// clock, and when the last of them was. Recoveries are no sign-in.
func (s session) since(began time.Time) (used []method, at time.Time) {
	for _, m := range s.Methods {
		recovered := m.Method == "code_recovery" || m.Method == "link_recovery"
		if recovered || m.CompletedAt.Before(began.Add(-clockSkew)) {
			continue
		}
		used = append(used, m)
		if m.CompletedAt.After(at) {
			at = m.CompletedAt
		}
	}
	return used, at
}

// clockSkew is how much earlier by Kratos' clock a sign-in may be than the login
// that it belongs to: more than what is cut off where Kratos tells the time, and
// than an answer is under way.
const clockSkew = 5 * time.Second

// reaches tells whether one of the methods is of that level of Kratos'.
func reaches(used []method, aal string) bool {
	return slices.ContainsFunc(used, func(m method) bool { return m.AAL == aal })
}

// class is what the methods reach together: level 2 only with both of Kratos'.
func class(used []method) string {
	switch {
	case !reaches(used, "aal1") || !reaches(used, "aal2"):
		return classAAL1
	case slices.Contains(amr(used), "hwk"):
		return classStrong
	default:
		return classAAL2
	}
}

// amr names the methods by RFC 8176. One that is not here is none that counts:
// Kratos' codes come by mail or text message, and what another provider did at a
// social sign-in is not known.
func amr(used []method) (values []string) {
	names := map[string]string{"password": "pwd", "totp": "otp", "lookup_secret": "otp", "webauthn": "hwk", "passkey": "hwk"}
	for _, m := range used {
		if name := names[m.Method]; name != "" && !slices.Contains(values, name) {
			values = append(values, name)
		}
	}
	return values
}

// best is the least that the credentials of an identity reach together.
func (i identity) best() upstream.Assurance {
	best := upstream.Assurance{AAL: upstream.AAL1}
	if i.hasOTP() {
		best.AAL = upstream.AAL2
	}
	for _, kind := range []string{"webauthn", "passkey"} {
		var config struct {
			Credentials []struct {
				Passwordless bool `json:"is_passwordless"`
			} `json:"credentials"`
		}
		if json.Unmarshal(i.Credentials[kind].Config, &config) != nil {
			continue
		}
		for _, key := range config.Credentials {
			best.PhishingResistant = true
			if kind == "webauthn" && !key.Passwordless {
				best.AAL = upstream.AAL2
			}
		}
	}
	return best
}
