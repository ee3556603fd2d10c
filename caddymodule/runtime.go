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
	adapter                        upstream.Adapter
	broker                         Client
	senders                        []notify.Sender
	clients                        []grant.Client
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
	p.broker = a.upstream.brokerClient()
	var err error
	if p.broker.Secret, err = readStrongSecret("the secret of broker_client", p.broker.Secret); err != nil {
		return nil, err
	}
	if p.clients, err = a.readClients(); err != nil {
		return nil, err
	}
	adapter, err := a.upstream.adapter(a.Issuer, a.issuer())
	if err != nil {
		return nil, err
	}
	if err := a.device.Identity.checkAsked(adapter.Facts()); err != nil {
		return nil, err
	}
	p.adapter = observe.Adapter(adapter)
	return p, a.openDownloads() // last, since it is to be closed
}

// runtime is what runs for one configuration.
type runtime struct {
	services
	gateway *gateway.Gateway
	store   *handle
	cancel  context.CancelFunc
	workers sync.WaitGroup
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
	root, err := a.root()
	if err != nil {
		return nil, err
	}
	s, err := a.services(ctx, p, observe.DB(store), root)
	if err != nil {
		return nil, err
	}
	gw, err := a.gateway(s)
	if err != nil {
		return nil, err
	}
	rt := &runtime{services: s, gateway: gw, store: store}
	workers, cancel := context.WithCancel(ctx)
	rt.cancel = cancel
	rt.work(workers, a, "carrying recoveries on", s.recovery.Run)
	rt.work(workers, a, "telling of recoveries", s.outbox.Run)
	rt.work(workers, a, "rotating keys", func(ctx context.Context) error { return s.ring.Run(ctx, a.rotation(s)) })
	rt.work(workers, a, "ending devices that nobody confirmed", s.authority.Run)
	rt.work(workers, a, "following accounts at the identity provider", s.reconcile.Run)
	if s.revocation != nil {
		rt.work(workers, a, "fetching statements about revocation", s.revocation.Run)
	}
	for _, list := range a.lists {
		rt.work(workers, a, "fetching the status list of Android's attestation", list.Run)
	}
	return rt, nil
}

// work runs one worker until the runtime is closed.
func (rt *runtime) work(ctx context.Context, a *App, doing string, run func(context.Context) error) {
	rt.workers.Go(func() {
		if err := run(ctx); err != nil && ctx.Err() == nil {
			a.logger.Error("a worker ended; reload the configuration", "doing", doing, "error", err)
		}
	})
}

// close ends the workers and gives the share of the store back.
func (rt *runtime) close() error {
	rt.cancel()
	rt.workers.Wait()
	return rt.store.Close()
}
