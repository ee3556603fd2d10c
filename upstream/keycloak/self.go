package keycloak

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/regrant/regrant/upstream"
)

// Rights are the roles of the realm's administration that the gateway's service account needs.
func Rights() []string { return []string{"manage-users", "view-clients", "query-clients"} }

// Roles lists what the gateway's own service account may do: roles of clients as "client/role", roles of the realm by their
// names. Those that everybody has are left out. [ErrRolesUnseen] says that
// [Adapter.Reach] can tell more.
func (a *Adapter) Roles(ctx context.Context) ([]string, error) {
	id, err := a.api.self(ctx)
	if err != nil {
		return nil, err
	}
	clients, err := list[client](ctx, a.api, "/clients?clientId="+management)
	if err != nil || len(clients) != 1 {
		return nil, fmt.Errorf("reading the client realm-management: %w", cmp.Or(upstream.CouldNotTell(err), upstream.ErrUnavailable))
	}
	mappings := "/users/" + id + "/role-mappings"
	var direct struct {
		Clients map[string]struct {
			ID string `json:"id"`
		} `json:"clientMappings"`
	}
	if err := a.api.get(ctx, mappings, &direct); errors.Is(err, errForbidden) {
		return nil, fmt.Errorf("%w: %w", ErrRolesUnseen, err)
	} else if err != nil {
		return nil, upstream.CouldNotTell(err)
	}
	ids := map[string]string{management: clients[0].ID}
	for name, c := range direct.Clients {
		ids[name] = c.ID
	}
	var all []string
	for name, id := range ids {
		roles, err := list[role](ctx, a.api, mappings+"/clients/"+url.PathEscape(id)+"/composite")
		if err != nil {
			return nil, upstream.CouldNotTell(err)
		}
		for _, r := range roles {
			all = append(all, name+"/"+r.Name)
		}
	}
	realm, err := list[role](ctx, a.api, mappings+"/realm/composite")
	if err != nil {
		return nil, upstream.CouldNotTell(err)
	}
	for _, r := range realm {
		all = append(all, r.Name)
	}
	all = slices.DeleteFunc(all, a.everybodys)
	slices.Sort(all)
	return slices.Compact(all), nil
}

// everybodys tells whether a role is one that the realm gives to each new user.
func (a *Adapter) everybodys(name string) bool {
	return name == "default-roles-"+strings.ToLower(a.api.realm) || name == "offline_access" || name == "uma_authorization" || strings.HasPrefix(name, "account/")
}

// Application is a client of the realm, as far as a configuration can be wrong for recovery.
type Application struct {
	ClientID  string            `json:"clientId"`
	Enabled   bool              `json:"enabled"`
	Direct    bool              `json:"directAccessGrantsEnabled"`
	Implicit  bool              `json:"implicitFlowEnabled"`
	Redirects []string          `json:"redirectUris"`
	Settings  map[string]string `json:"attributes"`

	Public   bool   `json:"publicClient"`
	Bearer   bool   `json:"bearerOnly"`
	Standard bool   `json:"standardFlowEnabled"`
	Service  bool   `json:"serviceAccountsEnabled"`
	Consent  bool   `json:"consentRequired"`
	AllRoles bool   `json:"fullScopeAllowed"`
	Proves   string `json:"clientAuthenticatorType"`

	Own     bool `json:"-"` // the gateway's, see [Config].ClientID
	Granted bool `json:"-"` // programs are given access tokens as this client, see [Config].GrantClientID
}

// maxApplications is how many clients are looked at.
const maxApplications = 1000

// Applications lists the realm's clients.
func (a *Adapter) Applications(ctx context.Context) ([]Application, error) {
	apps, err := list[Application](ctx, a.api, fmt.Sprintf("/clients?max=%d", maxApplications))
	if len(apps) >= maxApplications { // there may be more, of which nobody could tell
		return nil, fmt.Errorf("reading the clients: %w: there are %d or more", upstream.ErrUnavailable, maxApplications)
	}
	for i := range apps {
		apps[i].Own = apps[i].ClientID == a.api.clientID
		apps[i].Granted = a.grantClient.id != "" && apps[i].ClientID == a.grantClient.id
	}
	return apps, upstream.CouldNotTell(err)
}

// Ahead asks the server for its time, and returns by how much it is ahead of the adapter's clock, to the second.
func (a *Adapter) Ahead(ctx context.Context) (time.Duration, error) {
	before := a.api.now()
	_, issued, _, err := a.api.login(ctx)
	if err != nil {
		return 0, err
	}
	after := a.api.now()
	// Its time is cut to the second, and it was read somewhere between.
	switch {
	case issued.Add(time.Second).Before(before):
		return issued.Add(time.Second).Sub(before), nil
	case issued.After(after):
		return issued.Sub(after), nil
	}
	return 0, nil
}

// self is the id of the service account's own user.
func (a *api) self(ctx context.Context) (string, error) {
	token, err := a.authorize(ctx)
	if err != nil {
		return "", err
	}
	c, ok := claimsOf(token)
	if !ok || !upstream.Segment(c.Subject) {
		return "", fmt.Errorf("reading the admin token: %w: it does not say whose it is", upstream.ErrUnavailable)
	}
	return c.Subject, nil
}
