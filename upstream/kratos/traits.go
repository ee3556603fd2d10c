package kratos

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"github.com/go-json-experiment/json"

	"github.com/regrant/regrant/upstream"
)

// schema is what is read of an identity schema, and of each part of it (JSON Schema, with Kratos' own keyword).
type schema struct {
	Type       any               `json:"type"`
	Format     string            `json:"format"`
	Enum       []any             `json:"enum"`
	Required   []string          `json:"required"`
	Properties map[string]schema `json:"properties"`
	Minimum    float64           `json:"minimum"`
	Kratos     struct {
		Credentials struct {
			Password struct {
				Identifier bool `json:"identifier"`
			} `json:"password"`
		} `json:"credentials"`
	} `json:"ory.sh/kratos"`
}

// traits makes those of an account for a trial: what the schema named default demands, or else the first one by which somebody signs in with a
// password, and no more.
func (a *Adapter) traits(ctx context.Context, name string) (id string, traits map[string]any, err error) {
	r, err := upstream.Request(ctx, http.MethodGet, a.api.public+"/schemas", nil)
	if err != nil {
		return "", nil, fmt.Errorf("reading the schemas: %w", err)
	}
	answer, err := upstream.Ask(a.api.http, r)
	if err != nil {
		return "", nil, fmt.Errorf("reading the schemas: %w", err)
	}
	var all []struct {
		ID     string `json:"id"`
		Schema schema `json:"schema"`
	}
	if answer.Status != http.StatusOK || !answer.JSON || json.Unmarshal(answer.Body, &all) != nil {
		return "", nil, fmt.Errorf("reading the schemas: %w: status %d is not the answer expected", upstream.ErrUnavailable, answer.Status)
	}
	for _, s := range all {
		values, named := s.Schema.Properties["traits"].fill(name)
		if named && (id == "" || s.ID == "default") {
			id, traits = s.ID, values
		}
	}
	if id == "" {
		return "", nil, fmt.Errorf("making an identity: %w: no identity schema of Kratos has a name to sign in by with a password", upstream.ErrRefused)
	}
	return id, traits, nil
}

// fill gives a value to each property that is required or names the account. named tells whether one names it.
func (s schema) fill(name string) (values map[string]any, named bool) {
	values = map[string]any{}
	for key, p := range s.Properties {
		inner, names := p.fill(name)
		required := slices.Contains(s.Required, key)
		switch {
		case names || len(p.Properties) > 0 && required:
			values[key], named = inner, named || names
		case p.Kratos.Credentials.Password.Identifier:
			values[key], named = p.text(name, name), true
		case required:
			values[key] = p.value(name)
		}
	}
	return values, named
}

// value is one that a person would have typed.
func (s schema) value(name string) any {
	switch {
	case len(s.Enum) > 0:
		return s.Enum[0]
	case s.Type == "boolean":
		return false
	case s.Type == "number", s.Type == "integer":
		return s.Minimum
	case s.Type == "array":
		return []any{}
	default:
		return s.text(name, "Trial")
	}
}

func (s schema) text(name, otherwise string) string {
	if s.Format == "email" {
		return upstream.TrialAddress(name)
	}
	return otherwise
}
