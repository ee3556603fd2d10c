package keycloak

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/regrant/regrant/upstream"
)

var _ upstream.Trials = (*Adapter)(nil)

// newUser is Keycloak's UserRepresentation of an account for a trial. It is complete, or a sign-in would stop at a form: no required action,
// whatever the realm gives to others, and a verified address, so that nothing is mailed.
type newUser struct {
	Username        string              `json:"username"`
	Enabled         bool                `json:"enabled"`
	Email           string              `json:"email,omitzero"`
	EmailVerified   bool                `json:"emailVerified"`
	FirstName       string              `json:"firstName,omitzero"`
	LastName        string              `json:"lastName,omitzero"`
	Attributes      map[string][]string `json:"attributes,omitempty"`
	RequiredActions []string            `json:"requiredActions"`
	Credentials     []newPassword       `json:"credentials"`
}

type newPassword struct {
	Type      string `json:"type"`
	Value     string `json:"value"`
	Temporary bool   `json:"temporary"`
}

// MakeTrial implements [upstream.Trials].
func (a *Adapter) MakeTrial(ctx context.Context, name, password string) (upstream.Account, error) {
	u := newUser{
		Username: name, Enabled: true, EmailVerified: true, RequiredActions: []string{},
		Credentials: []newPassword{{Type: "password", Value: password}},
	}
	if err := a.fillProfile(ctx, &u); errors.Is(err, errForbidden) {
		return upstream.Account{}, errMayNotMake
	} else if err != nil {
		return upstream.Account{}, err
	}
	answer, err := a.api.ask(ctx, http.MethodPost, "/users", u)
	if err != nil {
		return upstream.Account{}, err
	}
	if answer.Status == http.StatusForbidden {
		return upstream.Account{}, errMayNotMake
	}
	if answer.Status != http.StatusCreated {
		return upstream.Account{}, notMade(answer)
	}
	made, err := a.Resolve(ctx, name)
	if err == nil && !made.IsTrial(name) {
		err = errors.New("somebody else was found")
	}
	if err != nil {
		return upstream.Account{}, upstream.CouldNotTell(err)
	}
	return made, nil
}

// errMayNotMake is the end of a trial where the gateway has rights over the members of a group alone, which no new account is.
var errMayNotMake = fmt.Errorf("making an account: %w: %w: the gateway's client may make none", upstream.ErrUnsupported, upstream.ErrRefused)

// notMade is why Keycloak made no account. What it says is about ours alone, so it may be shown.
func notMade(answer upstream.Response) error {
	var said struct {
		Error        string `json:"error"`
		ErrorMessage string `json:"errorMessage"`
		Field        string `json:"field"`
	}
	if !answer.JSON || json.Unmarshal(answer.Body, &said) != nil || answer.Status/100 != 4 {
		return fmt.Errorf("making an account: %w: status %d is not the answer expected", upstream.ErrUnavailable, answer.Status)
	}
	return fmt.Errorf("making an account: %w: Keycloak says %.200q", upstream.ErrRefused, said.ErrorMessage+said.Error+" "+said.Field)
}

// attribute is what is read of the realm's user profile.
type attribute struct {
	Name        string         `json:"name"`
	Required    map[string]any `json:"required"` // of whom and when does not matter here; nil: of nobody
	Validations struct {
		Options struct {
			Options []string `json:"options"`
		} `json:"options"`
	} `json:"validations"`
}

// fillProfile sets what the realm's user profile demands. Whatever lacks something is asked for it at the next sign-in.
func (a *Adapter) fillProfile(ctx context.Context, u *newUser) error {
	var profile struct {
		Attributes []attribute `json:"attributes"`
	}
	if err := a.api.get(ctx, "/users/profile", &profile); err != nil {
		return upstream.CouldNotTell(err)
	}
	for _, field := range profile.Attributes {
		if field.Required == nil {
			continue
		}
		switch field.Name {
		case "username":
		case "email":
			u.Email = upstream.TrialAddress(u.Username)
		case "firstName":
			u.FirstName = "Trial"
		case "lastName":
			u.LastName = "Regrant"
		default:
			if u.Attributes == nil {
				u.Attributes = map[string][]string{}
			}
			u.Attributes[field.Name] = append(field.Validations.Options.Options, "trial")[:1]
		}
	}
	return nil
}

// EndTrial implements [upstream.Trials]. Keycloak ends the sessions and links of whom it deletes.
func (a *Adapter) EndTrial(ctx context.Context, name, id string) error {
	if id == "" {
		found, err := a.Resolve(ctx, name)
		if errors.Is(err, upstream.ErrNoAccount) {
			return nil
		}
		if err != nil {
			return upstream.CouldNotTell(err)
		}
		id = found.ID
	}
	u, err := a.user(ctx, id)
	switch {
	case errors.Is(err, upstream.ErrNoAccount):
		return nil
	case err != nil:
		return err
	case !u.account().IsTrial(name):
		return fmt.Errorf("deleting an account: %w: it is none that was made for this trial", upstream.ErrRefused)
	}
	err = a.api.send(ctx, http.MethodDelete, "/users/"+id, nil)
	if err != nil && !errors.Is(err, errNotFound) {
		return upstream.CouldNotTell(err)
	}
	if _, err = a.user(ctx, id); errors.Is(err, upstream.ErrNoAccount) {
		return nil
	}
	return fmt.Errorf("deleting an account: %w: it is still there", upstream.ErrUnavailable)
}

// TrialSessions implements [upstream.Trials].
func (a *Adapter) TrialSessions(ctx context.Context, id string) ([]upstream.TrialSession, error) {
	if _, err := a.user(ctx, id); err != nil {
		return nil, err
	}
	all, err := a.allSessions(ctx, id)
	ahead := a.api.serverTime(time.Time{}).Sub(time.Time{})
	seen := make([]upstream.TrialSession, 0, len(all))
	for _, s := range all {
		seen = append(seen, upstream.TrialSession{ID: s.ID, BeganAt: s.started().Add(-ahead)})
	}
	slices.SortFunc(seen, func(x, y upstream.TrialSession) int { return x.BeganAt.Compare(y.BeganAt) })
	return seen, err
}

// TrialPath implements [upstream.Trials]. In mode assist the realm's own "Forgot password?" leads to its own mail; the button is there if somebody asked for it.
func (a *Adapter) TrialPath() upstream.TrialPath {
	enabled := "the identity provider " + a.alias + " must be enabled, with the addresses that `caddy regrant broker` prints."
	path := upstream.TrialPath{
		Link: "/login-actions/reset-credentials",
		MendEntry: "In the realm's settings, under Login, \"Forgot password\" must be on. The reset credentials flow of the realm must be one required " +
			"identity-provider-redirector to " + a.alias + ", and " + enabled,
		MendSignIn: "Compare the identity provider " + a.alias + " with what `caddy regrant broker` prints: token URL, JWKS URL, issuer, client ID and client secret. Keycloak must " +
			"reach the gateway under these addresses and trust its certificate. The event log of the realm names the error.",
		Program: a.trialProgram(),
	}
	if !a.guard.strict {
		path.Assist, path.Link, path.MendEntry = true, "/broker/"+a.alias+"/login", "In the realm, "+enabled
		path.MendSignIn = path.MendEntry + " Its browser flow must have the Identity Provider Redirector. " + path.MendSignIn
	}
	return path
}

// trialProgram is userinfo, which the scope of a program's token is good for.
func (a *Adapter) trialProgram() upstream.TrialProgram {
	p := upstream.TrialProgram{Option: "upstream_grant"}
	if a.grantClient.id != "" {
		p.URL = a.api.issuer + "/protocol/openid-connect/userinfo"
		p.Mend = "The identity provider " + a.alias + " must take the gateway's assertions (jwtAuthorizationGrantEnabled), and the client " + a.grantClient.id + " must take them of it, with the secret of upstream_grant: " +
			"`caddy regrant init keycloak --upstream-grant` shows what differs, and with --apply makes it that. New accounts must have no required action. The gateway's log has " +
			"Keycloak's own word."
	}
	return p
}
