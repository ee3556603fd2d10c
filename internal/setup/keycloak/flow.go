package keycloak

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/go-json-experiment/json"

	"github.com/regrant/regrant/internal/setup"
)

// execution is a step as Keycloak lists it: all of a flow in one list, each with its depth.
type execution struct {
	ID            string `json:"id"`
	Provider      string `json:"providerId"`
	DisplayName   string `json:"displayName"`
	Requirement   string `json:"requirement"`
	Subflow       bool   `json:"authenticationFlow"`
	Configuration string `json:"authenticationConfig"`
	Level         int    `json:"level"`
}

// flow is a flow of the realm's, with everything below it.
func (r *Realm) flow(alias string) setup.Object {
	return setup.Object{
		Kind: "authentication flow", Name: alias,
		Read: func(ctx context.Context) (setup.State, error) {
			f, err := r.readFlow(ctx, alias)
			if f == nil || err != nil {
				return nil, err
			}
			return f.state()
		},
		Write: func(ctx context.Context, _, to setup.State) error {
			path, err := r.flowPath(ctx, alias)
			if err != nil {
				return err
			}
			if to == nil {
				if path != "" {
					_, err = r.api.send(ctx, http.MethodDelete, path, nil)
				}
				return err
			}
			return r.writeFlow(ctx, alias, path, to)
		},
	}
}

func (f flow) state() (setup.State, error) {
	return setup.StateOf(struct {
		Description string `json:"description"`
		Steps       []step `json:"steps"`
	}{f.Description, f.Steps})
}

func (r *Realm) flowPath(ctx context.Context, alias string) (string, error) {
	return r.byName(ctx, "/authentication/flows", "alias", alias)
}

// flowID is that of a flow by alias, and flowAlias the other way round. What is not there is "" in both.
func (r *Realm) flowID(ctx context.Context, alias string) (string, error) {
	flows, err := r.topFlows(ctx)
	for _, f := range flows {
		if f.Alias == alias {
			return f.ID, nil
		}
	}
	if err == nil && alias != "" {
		err = fmt.Errorf("the realm has no flow %q", alias)
	}
	return "", err
}

func (r *Realm) flowAlias(ctx context.Context, id string) (string, error) {
	if id == "" {
		return "", nil
	}
	flows, err := r.topFlows(ctx)
	for _, f := range flows {
		if f.ID == id {
			return f.Alias, nil
		}
	}
	return "", err
}

// topFlow is a flow as the realm lists it.
type topFlow struct {
	ID          string `json:"id"`
	Alias       string `json:"alias"`
	Description string `json:"description"`
	BuiltIn     bool   `json:"builtIn"`
}

func (r *Realm) topFlows(ctx context.Context) (flows []topFlow, err error) {
	return flows, r.api.get(ctx, "/authentication/flows", &flows)
}

// readFlow returns nil if there is no such flow.
func (r *Realm) readFlow(ctx context.Context, alias string) (*flow, error) {
	flows, err := r.topFlows(ctx)
	if err != nil {
		return nil, err
	}
	for _, f := range flows {
		if f.Alias != alias {
			continue
		}
		if f.BuiltIn {
			return nil, errors.New("it is one of Keycloak's own")
		}
		list, err := r.executions(ctx, alias)
		if err != nil {
			return nil, err
		}
		steps, _, err := r.tree(ctx, list, 0)
		return &flow{alias, f.Description, steps}, err
	}
	return nil, nil
}

func (r *Realm) executions(ctx context.Context, alias string) (list []execution, err error) {
	return list, r.api.get(ctx, "/authentication/flows/"+url.PathEscape(alias)+"/executions", &list)
}

// tree reads the steps at a depth and what is below them, and returns what is left of the list.
func (r *Realm) tree(ctx context.Context, list []execution, depth int) (steps []step, rest []execution, err error) {
	for len(list) > 0 && list[0].Level == depth {
		e := list[0]
		s := step{Requirement: e.Requirement}
		list = list[1:]
		if e.Subflow {
			s.Subflow = e.DisplayName
			s.Steps, list, err = r.tree(ctx, list, depth+1)
		} else {
			s.Authenticator = e.Provider
			s.Config, err = r.configuration(ctx, e)
		}
		if err != nil {
			return nil, nil, err
		}
		steps = append(steps, s)
	}
	return steps, list, nil
}

// settings are what steps here are configured with. A step with something else may hold a secret, and nothing here writes it.
var settings = map[string]bool{"defaultProvider": true, "loa-condition-level": true, "loa-max-age": true}

func (r *Realm) configuration(ctx context.Context, e execution) (map[string]string, error) {
	if e.Configuration == "" {
		return nil, nil
	}
	var c struct {
		Config map[string]string `json:"config"`
	}
	if err := r.api.get(ctx, "/authentication/config/"+url.PathEscape(e.Configuration), &c); err != nil {
		return nil, err
	}
	for name := range c.Config {
		if !settings[name] {
			return nil, fmt.Errorf("its step %s has the setting %q, so it is somebody else's flow: rename it", e.Provider, name)
		}
	}
	return c.Config, nil
}

// writeFlow makes a flow, or gives one that is there other steps. The new ones are there before the old ones go, so that a
// closed door is never open; only subflows go first, because their aliases are unique. So are those of settings, which stay until
// their step goes: the new ones get a name of their own.
func (r *Realm) writeFlow(ctx context.Context, alias, path string, to setup.State) error {
	raw, err := json.Marshal(to)
	if err != nil {
		return err
	}
	want := flow{}
	if err := json.Unmarshal(raw, &want); err != nil {
		return err
	}
	about := map[string]any{"alias": alias, "description": want.Description, "providerId": "basic-flow", "topLevel": true, "builtIn": false}
	if path == "" {
		if _, err := r.api.send(ctx, http.MethodPost, "/authentication/flows", about); err != nil {
			return err
		}
		return r.addSteps(ctx, alias, want.Steps, "")
	}
	if _, err := r.api.send(ctx, http.MethodPut, path, about); err != nil {
		return err
	}
	old, err := r.executions(ctx, alias)
	if err != nil {
		return err
	}
	if err := r.removeSteps(ctx, old, true); err != nil {
		return err
	}
	if err := r.addSteps(ctx, alias, want.Steps, " "+rand.Text()); err != nil {
		return err
	}
	return r.removeSteps(ctx, old, false)
}

func (r *Realm) removeSteps(ctx context.Context, old []execution, subflows bool) error {
	for _, e := range old {
		if e.Level > 0 || e.Subflow != subflows {
			continue
		}
		if _, err := r.api.send(ctx, http.MethodDelete, "/authentication/executions/"+url.PathEscape(e.ID), nil); err != nil {
			return err
		}
	}
	return nil
}

// addSteps makes steps below a flow. Mark is added to the names of their settings.
func (r *Realm) addSteps(ctx context.Context, alias string, steps []step, mark string) error {
	for i, s := range steps {
		if err := r.addStep(ctx, alias, s, 10*(i+1), mark); err != nil {
			return err
		}
	}
	return nil
}

// addStep makes a step, which is disabled until it is whole.
func (r *Realm) addStep(ctx context.Context, alias string, s step, priority int, mark string) error {
	executions := "/authentication/flows/" + url.PathEscape(alias) + "/executions"
	var id string
	var err error
	if s.Subflow != "" {
		body := map[string]any{"alias": s.Subflow, "type": "basic-flow", "description": "", "provider": "registration-page-form", "priority": priority}
		id, err = r.api.send(ctx, http.MethodPost, executions+"/flow", body)
	} else {
		id, err = r.api.send(ctx, http.MethodPost, executions+"/execution", map[string]any{"provider": s.Authenticator, "priority": priority})
	}
	if err != nil {
		return err
	}
	if s.Config != nil {
		config := map[string]any{"alias": configAlias(alias, s) + mark, "config": s.Config}
		if _, err := r.api.send(ctx, http.MethodPost, "/authentication/executions/"+url.PathEscape(id)+"/config", config); err != nil {
			return err
		}
	}
	if err := r.addSteps(ctx, s.Subflow, s.Steps, mark); err != nil {
		return err
	}
	return r.require(ctx, executions, id, s)
}

// require sets the requirement of a step that was made: it begins as disabled. A subflow's answer names the flow and not
// the step, so the step is looked up.
func (r *Realm) require(ctx context.Context, executions, id string, s step) error {
	var list []map[string]any
	if err := r.api.get(ctx, executions, &list); err != nil {
		return err
	}
	for _, e := range list {
		if e["id"] == id || s.Subflow != "" && e["flowId"] == id {
			e["requirement"] = s.Requirement
			_, err := r.api.send(ctx, http.MethodPut, executions, e)
			return err
		}
	}
	return fmt.Errorf("%w: the step that was made is not listed", ErrAnswer)
}
