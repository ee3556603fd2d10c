package keycloak

import (
	"context"
	"errors"
	"fmt"
	"html"
	"slices"
	"strings"

	"github.com/regrant/regrant/internal/setup"
)

// Plan reads the realm and says what is to be changed. It changes nothing.
func (r *Realm) Plan(ctx context.Context) (setup.Plan, error) {
	if err := r.readSecrets(ctx); err != nil {
		return setup.Plan{}, err
	}
	wishes := r.files()
	wishes = append(wishes, r.tellingWishes()...)
	wishes = append(wishes, r.flowWishes()...)
	wishes = append(wishes, r.brokerWishes()...)
	wishes = append(wishes, r.clientWishes()...)
	wishes = append(wishes, r.grantWishes()...)
	group, err := r.groupWishes(ctx)
	if err != nil {
		return setup.Plan{}, err
	}
	narrow, notes, err := r.rights(ctx)
	if err != nil {
		return setup.Plan{}, err
	}
	wishes = slices.Concat(wishes, group, narrow)
	wishes = append(wishes, r.actionWishes()...)
	wishes = append(wishes, r.realmWishes()...)
	plan, err := setup.Make(ctx, wishes)
	if err != nil {
		return setup.Plan{}, err
	}
	more, err := r.notes(ctx)
	plan.Notes = slices.Concat(notes, forgotten(plan), more)
	return plan, err
}

// forgotten is what an undoing cannot bring back.
func forgotten(plan setup.Plan) []string {
	for _, c := range plan.Changes {
		if c.Kind == "identity provider" && c.Before != nil && c.Before["config."+secretDigest] != c.After["config."+secretDigest] {
			return []string{"the identity provider gets another client secret; --undo cannot put the earlier one back, which Keycloak tells nobody"}
		}
	}
	return nil
}

func (r *Realm) files() []setup.Wish {
	return []setup.Wish{
		{Object: setup.SecretFile(r.o.ClientSecretFile, r.clientSecret), Why: "the secret with which the gateway calls Keycloak", Want: setup.KeptSecret},
		{Object: setup.SecretFile(r.o.BrokerSecretFile, r.brokerSecret), Why: "the secret with which Keycloak calls the gateway", Want: setup.KeptSecret},
	}
}

// telling is the client scope by which applications see that a session began with a recovery.
const telling = "regrant"

func (r *Realm) tellingWishes() []setup.Wish {
	wishes := []setup.Wish{{Object: r.scope(telling), Why: "lets an application see that a session began with a recovery", Want: setup.Always(scopeState())}}
	for _, claim := range claims {
		wishes = append(wishes, setup.Wish{Object: r.mapper(telling + "/" + claim.name), Why: claim.why, Want: setup.Always(claim.state())})
	}
	wishes = append(wishes, setup.Wish{Object: r.defaultScope(telling), Why: "new clients get it; those that are there get it by --application", Want: setup.Always(member())})
	for _, id := range r.o.Applications {
		wishes = append(wishes, setup.Wish{Object: r.clientScope(id + "/" + telling), Why: "the application asked to be told", Want: setup.Always(member())})
	}
	return wishes
}

func (r *Realm) flowWishes() []setup.Wish {
	why := map[string]string{
		firstLoginFlow: "whoever comes from the gateway without a link is let in nowhere",
		recoverFlow:    "leads \"Forgot password?\" to the gateway where the realm is bound to it, which mode strict does",
		stepUpFlow:     "tells the gateway how strong a sign-in was; without, nobody with a second factor could change what recovers the account",
	}
	var wishes []setup.Wish
	for _, f := range r.o.flows() {
		wishes = append(wishes, setup.Wish{Object: r.flow(f.Alias), Why: why[f.Alias], Want: func(setup.State) (setup.State, error) { return f.state() }})
	}
	return wishes
}

func (r *Realm) brokerWishes() []setup.Wish {
	return []setup.Wish{
		{Object: r.provider(r.o.Alias), Why: "the way by which a recovered person comes back into the realm", Want: r.wantProvider},
		{Object: r.providerMapper(r.o.Alias + "/recovery id"), Why: "notes in the session which recovery it began with", Want: setup.Always(providerMapperState())},
	}
}

// wantProvider leaves alone what is only looks.
func (r *Realm) wantProvider(now setup.State) (setup.State, error) {
	if now != nil && now["providerId"] != "oidc" {
		return nil, errors.New("it is no OpenID provider: use another --alias")
	}
	want := r.o.providerState()
	want["config."+secretDigest] = digest(r.brokerSecret)
	if now == nil || r.o.Button {
		want["hideOnLogin"] = !r.o.Button
		if name := now["displayName"]; name == nil || name == "" || name == unseen { // any other is an operator's own
			want["displayName"] = r.o.displayName()
		}
	}
	return want, nil
}

func (r *Realm) clientWishes() []setup.Wish {
	wishes := []setup.Wish{{Object: r.client(ClientID), Why: "the gateway itself: it reads accounts, and signs people in to see their recovery methods", Want: r.wantClient}}
	for _, scope := range clientScopes {
		wishes = append(wishes, setup.Wish{Object: r.clientScope(ClientID + "/" + scope), Why: "the gateway's own sign-in needs what it tells", Want: setup.Always(member())})
	}
	for _, role := range r.o.roles() {
		wishes = append(wishes,
			setup.Wish{Object: r.role(role.name), Why: role.why, Want: setup.Always(member())},
			setup.Wish{Object: r.roleScope(role.name), Why: "a token of the gateway's holds no role that is not named here", Want: setup.Always(member())})
	}
	return wishes
}

// wantClient leaves alone how an operator has made the gateway's sign-in tell how strong it was.
func (r *Realm) wantClient(now setup.State) (setup.State, error) {
	want := r.o.clientState()
	if own := now["attributes.acr.loa.map"]; own != nil && own != "" && own != levels {
		delete(want, "attributes.acr.loa.map")
		delete(want, "browserFlow")
	}
	return want, nil
}

func (r *Realm) actionWishes() []setup.Wish {
	wishes := []setup.Wish{{Object: r.requiredAction("idp_link"), Why: "a thief with a session could link his own proof to the account", Want: wantAction(false)}}
	for _, alias := range demanded {
		wishes = append(wishes, setup.Wish{Object: r.requiredAction(alias), Why: "a recovery ends in it where a credential is replaced", Want: wantAction(true)})
	}
	return wishes
}

func wantAction(enabled bool) func(setup.State) (setup.State, error) {
	return func(now setup.State) (setup.State, error) {
		if now == nil && enabled {
			return nil, errors.New("the realm does not have it: register it under Authentication, Required actions")
		}
		if now == nil {
			return nil, nil
		}
		return setup.State{"enabled": enabled}, nil
	}
}

func (r *Realm) realmWishes() []setup.Wish {
	if !r.o.Strict {
		return nil
	}
	return []setup.Wish{{Object: r.realm(r.o.Realm), Why: "mode strict: whoever has forgotten a password comes to the gateway, and nowhere else", Want: r.wantRealm}}
}

func (r *Realm) wantRealm(now setup.State) (setup.State, error) {
	want := setup.State{"resetCredentialsFlow": recoverFlow, "resetPasswordAllowed": true}
	if r.o.LinkOnLogin {
		link := r.o.loginLink()
		have, _ := now["displayNameHtml"].(string)
		if have == "" {
			title, _ := now["displayName"].(string)
			if title == "" {
				title = r.o.Realm
			}
			have = html.EscapeString(title)
		}
		if !strings.Contains(have, link) {
			have += link
		}
		want["displayNameHtml"] = have
	}
	return want, nil
}

func (o Options) loginLink() string {
	return fmt.Sprintf(`<br><a href="/realms/%s/login-actions/reset-credentials">Recover your account</a>`, o.Realm)
}

// rights looks for what the service account may do beyond its roles. They go with Narrow, and are shown without.
func (r *Realm) rights(ctx context.Context) (wishes []setup.Wish, notes []string, err error) {
	have, err := r.roles(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the roles of the service account: %w", err)
	}
	for _, name := range have {
		if slices.ContainsFunc(r.o.roles(), func(role needed) bool { return role.name == name }) {
			continue
		}
		if r.o.Narrow || r.o.RecoverableGroup != "" && name == manageUsers {
			gone := func(setup.State) (setup.State, error) { return nil, nil }
			wishes = append(wishes, setup.Wish{Object: r.role(name), Why: "the gateway does not need it", Want: gone})
			continue
		}
		notes = append(notes, fmt.Sprintf("the service account of %s also has the role %s, which the gateway does not need: --narrow takes it away", ClientID, name))
	}
	return wishes, notes, nil
}
