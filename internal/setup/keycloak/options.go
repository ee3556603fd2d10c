// Package keycloak knows what the gateway needs of a realm of Keycloak, plans it, and writes it down as a realm file or for
// Terraform.
//
// It calls the admin REST API as an administrator whose credentials are given for one run and kept nowhere. What the gateway
// itself may do afterwards is less: see upstream/keycloak.
package keycloak

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"

	"github.com/regrant/regrant/internal/setup"
	"github.com/regrant/regrant/upstream"
)

// Options say which realm is to be set up, and how.
type Options struct {
	// URL is where Keycloak itself is called, such as http://127.0.0.1:8080.
	URL string
	// Realm is its name; never master.
	Realm string
	// Origin is under which people reach Keycloak through the gateway, such as https://id.example.com.
	Origin string
	// Path below Origin at which the gateway answers, "/recovery" unless the configuration says otherwise.
	Path string
	// Alias of the gateway as identity provider of the realm.
	Alias string
	// Strict leads the realm's own "Forgot password?" to the gateway.
	Strict bool
	// Button shows a button on the login page that leads to the gateway.
	Button bool
	// LinkOnLogin puts a link to the recovery under the realm's name, on the login page and where a one-time password is asked for.
	LinkOnLogin bool
	// RecoverableGroup is the group whose members alone the gateway may recover. Empty: everybody.
	RecoverableGroup string
	// Narrow takes rights from the service account that it should not have.
	Narrow bool
	// Applications are clients of the realm that are to be told of recoveries.
	Applications []string
	// UpstreamGrant gives programs access tokens of the realm.
	UpstreamGrant bool
	// ClientSecretFile and BrokerSecretFile hold the secrets of the two directions, GrantSecretFile that of programs, or will.
	ClientSecretFile, BrokerSecretFile, GrantSecretFile string
}

// name is what realms and aliases may look like: what the gateway takes too.
var name = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// clientID is what the ids of clients may look like here: they go into paths and programs.
var clientID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,128}$`)

// Check refuses what the gateway could not work with, before anybody is asked.
func (o Options) Check() error {
	if o.Realm == "master" {
		return errors.New("the realm master cannot be recovered: whoever is recovered there administers every realm")
	}
	if !name.MatchString(o.Realm) || !name.MatchString(o.Alias) {
		return errors.New("realm and alias must be 1 to 64 letters, digits, hyphens and underscores")
	}
	for _, id := range o.Applications {
		if !clientID.MatchString(id) {
			return fmt.Errorf("%q is no id of a client that is taken here: write letters, digits, dots, hyphens and underscores", id)
		}
	}
	if err := setup.CheckOrigin(o.Origin); err != nil {
		return err
	}
	if o.RecoverableGroup != "" && !name.MatchString(o.RecoverableGroup) {
		return errors.New("the name of the group must be 1 to 64 letters, digits, hyphens and underscores")
	}
	if o.LinkOnLogin && !o.Strict {
		return errors.New("the link on the login page leads to the realm's own reset, which is the gateway's in mode strict only: use --button")
	}
	return nil
}

// checkURL refuses to send an administrator's password over a network that others can read.
func (o Options) checkURL() error {
	u, err := origin(o.URL)
	if err != nil {
		return fmt.Errorf("%q is not the address of a server, like http://127.0.0.1:8080, without a path", o.URL)
	}
	if u.Scheme == "http" && !upstream.Loopback(u.Hostname()) {
		return fmt.Errorf("%s would carry the administrator's password in the clear: use https, or run this on Keycloak's own machine", o.URL)
	}
	return nil
}

// origin reads scheme, host and port of an HTTP server.
func origin(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || s != u.Scheme+"://"+u.Host {
		return nil, errors.New("no origin")
	}
	return u, nil
}

// ClientID is the gateway's client in the realm.
const ClientID = "regrant-gateway"

// issuer is the gateway's.
func (o Options) issuer() string { return o.Origin + o.Path }

// BrokerID is the client id with which the realm calls the gateway.
func (o Options) BrokerID() string { return "keycloak-" + o.Realm }

// Target names the realm in records.
func (o Options) Target() string { return "Keycloak " + o.URL + ", realm " + o.Realm }

// Credentials are an administrator's, for one run.
type Credentials struct {
	// Realm in which the administrator signs in.
	Realm string
	// User and Password sign in at the client admin-cli.
	User, Password string
	// ClientID and ClientSecret sign in instead if there is no User: a service account.
	ClientID, ClientSecret string
	// HTTPClient makes the calls. Nil: the default one.
	HTTPClient *http.Client
}
