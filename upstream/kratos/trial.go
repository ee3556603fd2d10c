package kratos

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/go-json-experiment/json"

	"github.com/regrant/regrant/upstream"
)

var _ upstream.Trials = (*Adapter)(nil)

// MakeTrial implements [upstream.Trials].
func (a *Adapter) MakeTrial(ctx context.Context, name, password string) (upstream.Account, error) {
	schema, traits, err := a.traits(ctx, name)
	if err != nil {
		return upstream.Account{}, err
	}
	wish := map[string]any{
		"schema_id": schema, "traits": traits, "state": "active",
		"credentials": map[string]any{"password": map[string]any{"config": map[string]string{"password": password}}},
	}
	if a.marked(wish) { // a schema that gives power to everybody it names
		return upstream.Account{}, fmt.Errorf("making an identity: %w: what the identity schema demands makes it privileged", upstream.ErrRefused)
	}
	var made identity
	err = a.api.call(ctx, http.MethodPost, "/identities", wish, http.StatusCreated, &made)
	if said := (*refusal)(nil); errors.As(err, &said) && said.status/100 == 4 {
		return upstream.Account{}, fmt.Errorf("making an identity: %w: Kratos answers %w", upstream.ErrRefused, said)
	}
	if err != nil {
		return upstream.Account{}, upstream.CouldNotTell(err)
	}
	i, err := a.identity(ctx, made.ID)
	if err == nil && !i.account().IsTrial(name) {
		err = errors.New("it cannot sign in by its name")
	}
	if err != nil {
		return upstream.Account{}, upstream.CouldNotTell(err)
	}
	return i.account(), nil
}

// marked tells whether an identity like this would count as privileged. What cannot be read could be.
func (a *Adapter) marked(wish map[string]any) bool {
	document, err := json.Marshal(wish)
	return err != nil || slices.ContainsFunc(a.privileged, func(m Mark) bool { return m.of(document) })
}

// EndTrial implements [upstream.Trials]. Kratos ends the sessions of whom it deletes.
func (a *Adapter) EndTrial(ctx context.Context, name, id string) error {
	if id == "" {
		found, err := a.findTrial(ctx, name)
		if errors.Is(err, upstream.ErrNoAccount) {
			return nil
		}
		if err != nil {
			return upstream.CouldNotTell(err)
		}
		id = found
	}
	i, err := a.identity(ctx, id)
	switch {
	case errors.Is(err, upstream.ErrNoAccount):
		return nil
	case err != nil:
		return err
	case !i.account().IsTrial(name):
		return fmt.Errorf("deleting an identity: %w: it is none that was made for this trial", upstream.ErrRefused)
	}
	err = a.api.call(ctx, http.MethodDelete, "/identities/"+id, nil, http.StatusNoContent, nil)
	if err != nil && !errors.Is(err, errNotFound) {
		return upstream.CouldNotTell(err)
	}
	if _, err = a.identity(ctx, id); errors.Is(err, upstream.ErrNoAccount) {
		return nil
	}
	return fmt.Errorf("deleting an identity: %w: it is still there", upstream.ErrUnavailable)
}

// findTrial finds the identity by either name that its schema may have given it.
func (a *Adapter) findTrial(ctx context.Context, name string) (id string, err error) {
	for _, known := range []string{name, upstream.TrialAddress(name)} {
		found, err := a.Resolve(ctx, known)
		if err == nil {
			return found.ID, nil
		}
		if !errors.Is(err, upstream.ErrNoAccount) {
			return "", err
		}
	}
	return "", upstream.ErrNoAccount
}

// TrialSessions implements [upstream.Trials].
func (a *Adapter) TrialSessions(ctx context.Context, id string) ([]upstream.TrialSession, error) {
	if _, err := a.identity(ctx, id); err != nil {
		return nil, err
	}
	seen := []upstream.TrialSession{}
	for s, err := range a.sessions(ctx, id, false) {
		if err != nil {
			return nil, err
		}
		seen = append(seen, upstream.TrialSession{ID: s.ID, BeganAt: s.IssuedAt})
	}
	return seen, nil
}

// TrialPath implements [upstream.Trials]. In mode assist Kratos' own recovery begins where the gateway's does in mode strict.
func (a *Adapter) TrialPath() upstream.TrialPath {
	path := upstream.TrialPath{
		MendEntry: "The site of " + a.cfg.PublicURL + " must have the directive regrant before what leads to Kratos.",
		MendSignIn: "Kratos' serve.public.base_url must be " + a.cfg.PublicURL + ", the method code must be enabled in selfservice.methods, and the addresses of " +
			"upstream kratos must be those of its public and its admin API. Kratos' own log names the error.",
		Program: upstream.TrialProgram{Option: "session_tokens"},
	}
	if a.cfg.Programs {
		path.Program.URL = a.cfg.PublicURL + "/sessions/whoami"
		path.Program.Mend = "session_tokens needs feature_flags.use_continue_with_transitions in Kratos' configuration, and the method code in selfservice.methods. The gateway's log says what " +
			"Kratos answered."
	}
	if !a.cfg.Strict {
		path.Assist = true
		return path
	}
	path.URL = a.cfg.PublicURL + "/self-service/recovery/browser"
	path.MendEntry += " With a path in Kratos' serve.public.base_url, base_path has to name it."
	return path
}
