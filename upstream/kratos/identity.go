package kratos

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/regrant/regrant/upstream"
)

// identity is what is read of Kratos' identity.
type identity struct {
	ID          string                `json:"id"`
	State       string                `json:"state"`
	Credentials map[string]credential `json:"credentials"`
}

// credential is all of an identity's credentials of one type.
type credential struct {
	Identifiers []string       `json:"identifiers"`
	Config      jsontext.Value `json:"config"` // only of the types asked for
}

// naming are the types whose identifiers a person types to sign in. Kratos lists
// them under "password" also for those who have none. A passkey's are random.
var naming = []string{"password", "code", "webauthn"}

// account lists every name by which Kratos lets the person sign in.
func (i identity) account() upstream.Account {
	account := upstream.Account{ID: i.ID}
	for _, kind := range naming {
		for _, name := range i.Credentials[kind].Identifiers {
			if name != "" && name != i.ID && !slices.Contains(account.Identifiers, name) {
				account.Identifiers = append(account.Identifiers, name)
			}
		}
	}
	slices.Sort(account.Identifiers)
	return account
}

// all lists the identifiers of every credential, by which Kratos finds an
// identity: also those of social sign-ins, which nobody types.
func (i identity) all() (all []string) {
	for _, c := range i.Credentials {
		all = append(all, c.Identifiers...)
	}
	return all
}

func (i identity) active() bool { return i.State == "active" }

// whole tells whether i is an identity that an answer can be about. It may have no
// identifier: nobody has to be able to sign in.
func (i identity) whole() bool {
	return i.ID != "" && (i.State == "active" || i.State == "inactive") && i.Credentials != nil
}

// otp are the types of one-time codes: the device's, and the look-up codes that
// stand in for it.
var otp = []string{"totp", "lookup_secret"}

func (i identity) hasOTP() bool {
	return slices.ContainsFunc(otp, func(kind string) bool { _, has := i.Credentials[kind]; return has })
}

// Resolve implements [upstream.Adapter].
func (a *Adapter) Resolve(ctx context.Context, identifier string) (upstream.Account, error) {
	if identifier == "" {
		return upstream.Account{}, upstream.ErrNoAccount
	}
	found, err := list[identity](ctx, a.api, "/identities?credentials_identifier="+url.QueryEscape(identifier))
	if err != nil {
		return upstream.Account{}, upstream.CouldNotTell(err)
	}
	same := func(known string) bool { return strings.EqualFold(known, identifier) }
	var named []upstream.Account
	for _, i := range found {
		switch account := i.account(); {
		case !i.whole() || !slices.ContainsFunc(i.all(), same):
			return upstream.Account{}, fmt.Errorf("resolving: %w: somebody else was found", upstream.ErrUnavailable)
		case slices.ContainsFunc(account.Identifiers, same):
			named = append(named, account)
		}
	}
	switch len(named) {
	case 0:
		return upstream.Account{}, upstream.ErrNoAccount
	case 1:
		return named[0], nil
	default:
		return upstream.Account{}, upstream.ErrAmbiguous
	}
}

// State implements [upstream.Adapter]. Beside a Hydra that is too old nothing is
// granted that could not be ended there.
func (a *Adapter) State(ctx context.Context, id string) (upstream.State, error) {
	if a.cfg.Hydra != nil {
		if err := a.cfg.Hydra.CheckVersion(ctx); err != nil {
			return upstream.State{}, fmt.Errorf("at Hydra: %w", err)
		}
	}
	var document jsontext.Value // all of it, for the marks
	if err := a.read(ctx, id, &document); err != nil {
		return upstream.State{}, err
	}
	var i identity
	if err := json.Unmarshal(document, &i); err != nil {
		return upstream.State{}, fmt.Errorf("reading the identity: %w: not the JSON expected", upstream.ErrUnavailable)
	}
	if err := i.is(id); err != nil {
		return upstream.State{}, err
	}
	state := upstream.State{Account: i.account(), Enabled: i.active(), Privilege: upstream.PrivilegeOrdinary}
	for _, m := range a.privileged {
		if m.of(document) {
			state.Privilege = upstream.PrivilegePrivileged
		}
	}
	return state, nil
}

// identity reads one identity, with what it holds of some types of credentials.
func (a *Adapter) identity(ctx context.Context, id string, with ...string) (identity, error) {
	var i identity
	if err := a.read(ctx, id, &i, with...); err != nil {
		return identity{}, err
	}
	if err := i.is(id); err != nil {
		return identity{}, err
	}
	return i, nil
}

// is tells whether an answer is about the identity that was asked for.
func (i identity) is(id string) error {
	if i.ID != id || !i.whole() {
		return fmt.Errorf("reading the identity: %w: the answer is about somebody else", upstream.ErrUnavailable)
	}
	return nil
}

// read reads what Kratos shows of an identity.
func (a *Adapter) read(ctx context.Context, id string, into any, with ...string) error {
	if !upstream.Segment(id) {
		return upstream.ErrNoAccount
	}
	path := "/identities/" + id
	if len(with) > 0 {
		path += "?" + url.Values{"include_credential": with}.Encode()
	}
	err := a.api.get(ctx, path, into)
	if errors.Is(err, errNotFound) {
		return upstream.ErrNoAccount
	}
	return err
}
