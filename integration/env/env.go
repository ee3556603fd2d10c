// Package env starts everything that a recovery needs, for demos and for the tests that knock at the front door: Caddy
// with the module, an identity provider behind it, an application, and the operator's webhook. All of it is real and
// listens on loopback only; all of it ends with the Env.
package env

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"github.com/regrant/regrant/integration/child"
	"github.com/regrant/regrant/integration/keycloak"
)

// Kinds of identity provider.
const (
	Keycloak = "keycloak"
	Demo     = "demo"
	Kratos   = "kratos" // with a login app, on PostgreSQL
	Hydra    = "hydra"  // with a login app that has users of its own, on PostgreSQL

	// KratosHydra is Kratos as the login app of Hydra, through which the application signs people in.
	KratosHydra = "kratos-hydra"

	// KeycloakOIDC is Keycloak, of which the gateway knows no more than that it is an OpenID provider that brokers to it. Whoever recovers
	// needs a link that an operator made, see [keycloak.Server.Link]; nobody can sign in for self-service, since the client may not ask for names.
	KeycloakOIDC = "keycloak-oidc"
)

// Options say what to start.
type Options struct {
	IdP       string    // one of the kinds
	Bin       string    // folder with caddy, regrant and, for Demo, demoidp
	Dir       string    // everything is kept below; it must exist
	Log       io.Writer // output of the programs
	Probation string    // of new devices; default 0s
	Patient   bool      // limits so wide that a hundred attempts at once pass
	Network   string    // limit of one network, such as "3 1h"; default: the gateway's
	Caddy     string    // program in Bin to run as Caddy; default: caddy
	Users     []string  // accounts besides alice and bob; in front of Keycloak, if it is Bare
	Through   string    // address by which the gateway calls the identity provider, the admin APIs of Kratos and Hydra too, to put faults in between; default: the IdP's own
	Global    string    // further global options of the Caddyfile
	Site      string    // further directives of the site
	Hosts     []string  // names of the site besides localhost, which nothing but a browser has to find; the first is the issuer's
	Gateway   []string  // more options of the gateway, such as clients, each as in a Caddyfile
	Method    string    // more options of the method
	Bare      bool      // the identity provider does not know the gateway: `caddy regrant init` is to set it up
	NoGrant   bool      // programs get no access tokens of Keycloak or Hydra
	Plain     bool      // without the option secret: the files of the store are not encrypted
	Variables []string  // of Caddy's environment, each NAME=value
	Keycloak  []string  // further options of Keycloak's own
	Kratos    string    // further configuration of Kratos' own, in YAML; it wins
	Hydra     string    // further configuration of Hydra's own, in YAML; it wins
	HydraDev  bool      // Hydra in its mode for development
	SMTP      int       // port of the mail server that Kratos sends to; default: it sends nothing
	Devices   string    // mode of the client_auth of a site for devices; default: there is no such site
}

// Env is a running environment. The exported fields without tags are for Go; the tagged ones are what `make up` prints.
type Env struct {
	Origin string `json:"origin"`  // https://localhost:PORT, the identity provider's
	Issuer string `json:"issuer"`  // {origin}/recovery, or the same at the first of Options.Hosts
	CAFile string `json:"ca_file"` // anchor of Origin's certificate

	// Devices is where devices connect with their certificates, on the port of Origin; "" if there is no such site.
	Devices string `json:"devices,omitempty"`

	IdP   string `json:"idp"`   // the identity provider's own address
	Admin string `json:"admin"` // Caddy's admin address
	Bin   string `json:"bin"`
	Dir   string `json:"dir"`

	// Upstream is the name of the gateway's upstream, where there are several; else "".
	Upstream string `json:"-"`

	Kind     string         `json:"-"`
	NoGrant  bool           `json:"-"` // see Options
	App      *App           `json:"-"`
	Hook     *Hook          `json:"-"`
	Provider Provider       `json:"-"`
	Roots    *x509.CertPool `json:"-"`
	Client   *http.Client   `json:"-"` // trusts Roots, follows no redirects

	log       io.Writer
	names     []string // that Caddy serves
	program   string
	variables []string
	caddy     *child.Child
	caddyfile string
	second    *Env // nil: there is none
}

// Provider is the identity provider as a demo or test looks at it, from the side.
type Provider interface {
	// URL is its own address.
	URL() string
	// Sessions counts the sessions of the user at the provider.
	Sessions(ctx context.Context, user string) (int, error)
	// Links counts the user's links to the gateway's broker.
	Links(ctx context.Context, user string) (int, error)
	// Stop ends it.
	Stop()
}

// Start starts everything, and stops what it started when one part cannot be started.
func Start(ctx context.Context, o Options) (_ *Env, err error) {
	e := &Env{Kind: o.IdP, NoGrant: o.NoGrant, Bin: o.Bin, Dir: o.Dir, log: o.Log, program: cmp.Or(o.Caddy, "caddy"), variables: o.Variables}
	defer func() {
		if err != nil {
			e.Stop()
		}
	}()
	ports, err := keycloak.FreePorts(8)
	if err != nil {
		return nil, err
	}
	e.Origin = fmt.Sprintf("https://localhost:%d", ports[0])
	e.Issuer = fmt.Sprintf("https://%s:%d/recovery", append(slices.Clone(o.Hosts), "localhost")[0], ports[0])
	e.names = append(slices.Clone(o.Hosts), "localhost")
	if o.Devices != "" {
		e.Devices = fmt.Sprintf("https://devices.localhost:%d", ports[0])
		e.names = append(e.names, "devices.localhost")
	}
	e.Admin = fmt.Sprintf("127.0.0.1:%d", ports[1])
	e.CAFile = filepath.Join(o.Dir, "caddy", "pki", "authorities", "local", "root.crt")

	hookSecret := make([]byte, 32)
	_, _ = rand.Read(hookSecret)
	if e.Hook, err = startHook(hookSecret); err != nil {
		return nil, err
	}
	app, listener, err := startApp(appClient)
	if err != nil {
		return nil, err
	}
	e.App = app
	c := config{
		Dir: o.Dir, Port: ports[0], Admin: e.Admin, Origin: e.Origin, IdPPort: ports[2], AdminPort: ports[3], StatePort: ports[4],
		Upstream: o.Through, UpstreamAdmin: o.Through, Kind: o.IdP,
		ClientSecret: random(), ProgramsSecret: random(), NoGrant: o.NoGrant, BrokerSecret: random(), Hook: e.Hook.URL, HookSecret: base64.StdEncoding.EncodeToString(hookSecret),
		Probation: o.Probation, App: app.CallbackURL(), Network: o.Network, Users: o.Users,
		Global: o.Global, Site: o.Site, Method: o.Method, Devices: o.Devices,
		Plain: o.Plain, Hosts: o.Hosts, Issuer: strings.TrimSuffix(e.Issuer, "/recovery"),
	}
	c.Gateway, c.Keycloak, c.Kratos, c.SMTP, c.Bare = o.Gateway, o.Keycloak, o.Kratos, o.SMTP, o.Bare
	c.Hydra, c.HydraDev = o.Hydra, o.HydraDev
	if c.Upstream == "" {
		c.Upstream, c.UpstreamAdmin = fmt.Sprintf("http://127.0.0.1:%d", c.IdPPort), fmt.Sprintf("http://127.0.0.1:%d", c.AdminPort)
	}
	switch o.IdP {
	case Kratos, Hydra:
		c.UIPort = ports[5]
	case KratosHydra:
		c.UIPort, c.HydraPort, c.HydraAdmin = ports[5], ports[6], ports[7]
		c.UpstreamHydra = cmp.Or(o.Through, fmt.Sprintf("http://127.0.0.1:%d", c.HydraAdmin))
	}
	if o.Patient {
		c.Network = "1000000 1m"
	}
	if c.Probation == "" {
		c.Probation = "0s"
	}
	if err := e.startCaddy(ctx, c); err != nil {
		return nil, err
	}
	if e.Provider, err = startProvider(ctx, e, c); err != nil {
		return nil, err
	}
	e.IdP = e.Provider.URL()
	app.serve(listener, endpointsOf(e), e.Client)
	return e, nil
}

// Entrance is where a person goes who wants to sign in.
func (e *Env) Entrance() string {
	if e.Kind == Kratos {
		return e.Origin + "/ui/login?return_to=" + url.QueryEscape(e.Origin+"/ui/")
	}
	return e.App.URL + "/"
}

// User is what the identity provider calls somebody.
func (e *Env) User(name string) string {
	switch e.Kind {
	case Kratos, KratosHydra:
		return name + "@example.com"
	case Hydra:
		return subject(name)
	}
	return name
}

// Welcome is what whoever has signed in there reads.
func (e *Env) Welcome(user string) string {
	if e.Kind == Kratos {
		return user + "@example.com by "
	}
	return "Signed in as " + user
}

// appClient is the application's client id at the identity provider.
const appClient = "demo-app"

// Stop ends everything.
func (e *Env) Stop() {
	e.second.stopPeople()
	e.stopPeople()
	e.caddy.Stop()
	if e.Hook != nil {
		e.Hook.stop()
	}
}
