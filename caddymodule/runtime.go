package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/regrant/regrant/fosite/grant"
	"github.com/regrant/regrant/internal/gateway"
	"github.com/regrant/regrant/internal/keys"
	"github.com/regrant/regrant/internal/notify"
	"github.com/regrant/regrant/internal/observe"
	"github.com/regrant/regrant/internal/revocation"
	"github.com/regrant/regrant/storage/badger"
	"github.com/regrant/regrant/upstream"
)

// parts is what a configuration says beyond its plain values: it needs the
// secrets, and neither disk nor network.
type parts struct {
	secret []byte // nil: from the file made at first start
	// previous is the secret that the store may still be under; nil: none.
	previous []byte
	// storageKey encrypts the files of the store; nil: they are plain. The secret that
	// is made at first start lies on the same disk and would keep nothing from whoever
	// reads that.
	storageKey, previousStorageKey []byte
	realms                         []realmParts // as those of the app
	senders                        []notify.Sender
	clients                        []grant.Client
}

// realmParts are those of one upstream.
type realmParts struct {
	adapter upstream.Adapter
	trials  upstream.Trials // nil: none can be made there
	broker  Client
}

// assemble reads the secrets and makes the parts. Its errors are mistakes in the
// configuration.
func (a *App) assemble() (*parts, error) {
	p := new(parts)
	if err := a.readSecrets(p); err != nil {
		return nil, err
	}
	for _, w := range a.notifiers {
		sender, err := w.sender()
		if err != nil {
			return nil, err
		}
		p.senders = append(p.senders, sender)
	}
	for _, r := range a.realms {
		own, err := r.assemble()
		if err != nil {
			return nil, fmt.Errorf("upstream %q: %w", r.name, err)
		}
		p.realms = append(p.realms, own)
	}
	var err error
	if p.clients, err = a.readClients(); err != nil {
		return nil, err
	}
	return p, a.openDownloads() // last, since it is to be closed
}

func (r *realm) assemble() (p realmParts, err error) {
	p.broker = r.upstream.brokerClient()
	if p.broker.Secret, err = readStrongSecret("the secret of broker_client", p.broker.Secret); err != nil {
		return p, err
	}
	adapter, err := r.upstream.adapter(r.origin, r.issuer())
	if err != nil {
		return p, err
	}
	p.trials, _ = adapter.(upstream.Trials)
	p.adapter = observe.Adapter(r.name, adapter)
	return p, r.app.device.Identity.checkAsked(adapter.Facts())
}

// runtime is what runs for one configuration.
type runtime struct {
	app        *App
	realms     []*serving         // as those of the app
	revocation *revocation.Source // nil: nothing is fetched
	store      *handle
	cancel     context.CancelFunc
	workers    sync.WaitGroup
}

// serving is what runs for one realm.
type serving struct {
	services
	realm   *realm
	gateway *gateway.Gateway
}

// of is what serves a realm, which may be one of a configuration that has ended; nil: there is no such realm any more.
func (rt *runtime) of(r *realm) *serving {
	if rt.app == r.app {
		return rt.realms[r.index]
	}
	for _, s := range rt.realms {
		if s.realm.seat == r.seat {
			return s
		}
	}
	return nil
}

// open opens the store and starts the workers. It calls nobody over the network.
func (a *App) open(ctx context.Context) (*runtime, error) {
	parts, err := a.parts()
	if err != nil {
		return nil, err
	}
	if parts, err = a.withSecret(parts); err != nil {
		return nil, err
	}
	store, err := openStore(badger.Config{
		Dir: a.storeDir(), Reserve: a.storage.Reserve, Logger: a.logger,
		Key: parts.storageKey, PreviousKey: parts.previousStorageKey,
	})
	if err != nil {
		return nil, fmt.Errorf("opening the store: %w", err)
	}
	rt, err := a.start(ctx, parts, store)
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return rt, nil
}

// withSecret fills in the secret that is made at first start. It lies beside the
// store and not in it, so that a copy of the store opens nothing.
func (a *App) withSecret(p *parts) (*parts, error) {
	if p.secret != nil {
		return p, nil
	}
	secret, err := keys.LoadSecret(stateDir(a.origin) + ".secret")
	if err != nil {
		return nil, err
	}
	complete := *p
	complete.secret = secret
	return &complete, nil
}

func (a *App) storeDir() string {
	if a.storage.Dir != "" {
		return a.storage.Dir
	}
	return stateDir(a.origin)
}

// start builds the services on an open store and runs their workers.
func (a *App) start(ctx context.Context, p *parts, store *handle) (*runtime, error) {
	c := common{parts: p, db: observe.DB(store)}
	var err error
	if c.root, err = a.root(); err != nil {
		return nil, err
	}
	rt := &runtime{app: a, store: store}
	if c.operator, rt.revocation, err = a.operatorCA(); err != nil {
		return nil, err
	}
	for _, r := range a.realms {
		s := &serving{realm: r}
		if s.services, err = r.services(ctx, c); err != nil {
			return nil, fmt.Errorf("upstream %q: %w", r.name, err)
		}
		if s.gateway, err = r.gateway(s.services); err != nil {
			return nil, fmt.Errorf("upstream %q: %w", r.name, err)
		}
		rt.realms = append(rt.realms, s)
	}
	workers, cancel := context.WithCancel(ctx)
	rt.cancel = cancel
	rt.begin(workers)
	return rt, nil
}

// begin starts the workers.
func (rt *runtime) begin(ctx context.Context) {
	for _, s := range rt.realms {
		rt.work(ctx, s.realm.name, "carrying recoveries on", s.recovery.Run)
		rt.work(ctx, s.realm.name, "telling of recoveries", s.outbox.Run)
		rt.work(ctx, s.realm.name, "rotating keys", func(ctx context.Context) error { return s.ring.Run(ctx, rt.app.rotation(s.services)) })
		rt.work(ctx, s.realm.name, "ending devices that nobody confirmed", s.authority.Run)
		rt.work(ctx, s.realm.name, "ending trials", s.trials.Run)
		rt.work(ctx, s.realm.name, "following accounts at the identity provider", s.reconcile.Run)
	}
	if rt.revocation != nil {
		rt.work(ctx, "", "fetching statements about revocation", rt.revocation.Run)
	}
	for _, list := range rt.app.lists {
		rt.work(ctx, "", "fetching the status list of Android's attestation", list.Run)
	}
}

// work runs one worker until the runtime is closed. Without an upstream it works for all.
func (rt *runtime) work(ctx context.Context, upstream, doing string, run func(context.Context) error) {
	rt.workers.Go(func() {
		if err := run(ctx); err != nil && ctx.Err() == nil {
			rt.app.logger.Error("a worker ended; reload the configuration", "upstream", upstream, "doing", doing, "error", err)
		}
	})
}

// close ends the workers and gives the share of the store back.
func (rt *runtime) close() error {
	rt.cancel()
	rt.workers.Wait()
	return rt.store.Close()
}
