package env

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/regrant/regrant/integration/hydra"
	"github.com/regrant/regrant/integration/kratos"
	"github.com/regrant/regrant/integration/postgres"
	"github.com/regrant/regrant/integration/selfservice"
)

// KratosProvider is a real Kratos on PostgreSQL, with a login app. Its people are alice and bob at example.com.
type KratosProvider struct {
	Server *kratos.Server
	Hydra  *hydra.Server // whose login app it is; nil: of none

	state  *postgres.Server
	ui     *selfservice.App
	people map[string]string // address → id
}

// mailing is what somebody has written down of a Kratos that mails people who have forgotten their password, and knows nothing of the gateway.
const mailing = `# Our Kratos. It mails a link to people who have forgotten their password.
identity:
  default_schema_id: default
selfservice:
  flows:
    recovery: { enabled: true, use: link }
  methods:
    link: { enabled: true }
    code: { enabled: true, passwordless_enabled: true }
`

func startKratos(ctx context.Context, e *Env, c config) (_ Provider, err error) {
	k := &KratosProvider{people: map[string]string{}}
	defer func() {
		if err != nil {
			k.Stop()
		}
	}()
	if c.Bare {
		c.Kratos = mailing
	}
	dir := filepath.Join(c.Dir, "kratos")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if k.state, err = postgres.Start(ctx, c.StatePort, e.log, "kratos", "hydra"); err != nil {
		return nil, err
	}
	o := kratos.Options{
		Program: filepath.Join(e.Bin, "kratos"), Dir: dir, DSN: k.state.URL("kratos"), Ports: [2]int{c.IdPPort, c.AdminPort},
		Origin: c.Origin, UseContinueWithTransitions: true, RequiredAAL: "highest_available", Log: e.log, Extra: c.Kratos, SMTP: c.SMTP,
	}
	ui := selfservice.Options{Address: fmt.Sprintf("127.0.0.1:%d", c.UIPort), Origin: c.Origin}
	if c.Kind == KratosHydra {
		if k.Hydra, err = runHydra(ctx, e, c, k.state, [2]int{c.HydraPort, c.HydraAdmin}); err != nil {
			return nil, err
		}
		o.Hydra, ui.Hydra, ui.Clients = k.Hydra.AdminURL, k.Hydra.AdminURL, []string{appClient}
	}
	if k.Server, err = kratos.Start(ctx, o); err != nil {
		return nil, err
	}
	ui.Kratos = k.Server.PublicURL
	k.ui, err = selfservice.Start(ui)
	if err != nil {
		return nil, err
	}
	for _, name := range append([]string{"alice", "bob"}, c.Users...) {
		if k.people[name+"@example.com"], err = k.Server.Create(ctx, name+"@example.com", name+"-password"); err != nil {
			return nil, err
		}
	}
	return k, nil
}

// URL is the public API's own address.
func (k *KratosProvider) URL() string { return k.Server.PublicURL }

// Stop ends it.
func (k *KratosProvider) Stop() {
	if k.ui != nil {
		k.ui.Stop()
	}
	if k.Server != nil {
		k.Server.Stop()
	}
	if k.Hydra != nil {
		k.Hydra.Stop()
	}
	if k.state != nil {
		k.state.Stop()
	}
}

// Sessions counts what the admin API lists of somebody's address.
func (k *KratosProvider) Sessions(ctx context.Context, address string) (int, error) {
	sessions, err := k.Server.Sessions(ctx, k.people[address])
	return len(sessions), err
}

// ID is what Kratos calls the person with an address.
func (k *KratosProvider) ID(address string) string { return k.people[address] }

// Links is always 0: nobody is linked here.
func (k *KratosProvider) Links(context.Context, string) (int, error) { return 0, nil }
