// Package caddymodule is the front door: it makes the gateway a part of Caddy.
//
// The app [App] holds what a configuration declares and, once it runs, the one
// runtime made from it: store, keys, services and workers. The directive
// [Handler] puts that runtime in front of an identity provider. What the app is
// made of (the identity provider, methods, notifiers, storage) are guest modules in
// namespaces of their own. The admin API and the subcommands reach the app of
// the active configuration.
//
// Provisioning opens nothing: a configuration can be validated on a machine that
// has neither the secrets nor the network. The runtime opens with the first of
// [App.Start] and the first request that needs it, and is released in
// [App.Cleanup]. While it cannot open, recovery answers 503 and other traffic
// passes.
package caddymodule

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/regrant/regrant/internal/downloads"
	"github.com/regrant/regrant/internal/revocation"
)

func init() {
	caddy.RegisterModule(App{})
}

// App is the account-recovery gateway of an identity provider, or of several.
//
// It holds the state of recoveries and the workers that carry them on. The HTTP
// handler `regrant` puts it in front of the identity provider. Each upstream has keys,
// tokens, accounts and a journal of its own: nothing of one counts at another.
// Methods, notifiers, clients, limits and the store are shared.
type App struct {
	// The origin under which people reach the identity provider through the
	// gateway, for example `https://id.example.com`. HTTPS is demanded. It is
	// what proofs are bound to, so changing it ends every recovery under way.
	// Upstreams may have others of their own. Placeholders are allowed. Required.
	Issuer string `json:"issuer,omitempty"`

	// The path below which the gateway answers itself. Default: `/recovery`.
	Path string `json:"path,omitempty"`

	// Where state is kept. Default: the `badger` module with its own default
	// directory.
	StorageRaw json.RawMessage `json:"storage,omitempty" caddy:"namespace=regrant.storage inline_key=engine"`

	// The secret that protects every key in the store: the base64 of at least 32
	// random bytes, as `openssl rand -base64 32` makes it. Usually a placeholder
	// such as `{file./etc/regrant/secret}`, which is read when the configuration
	// starts. Default: a random one, kept in the file
	// `regrant/<host of issuer>.secret` of Caddy's data directory, made with
	// mode 0600 at the first start. Whoever has the store and the secret has
	// everything; without the secret the store is lost.
	//
	// With a secret given here, the files of the store are encrypted too, which has
	// to be so from the first start on.
	Secret string `json:"secret,omitempty"`

	// The secret until now, while it is being changed: what is under it comes under
	// the new one. It can be left out once Caddy was started anew. Default: none.
	PreviousSecret string `json:"previous_secret,omitempty"`

	// How often the keys change that sign tokens and seal what clients carry, at
	// least a day. A new key is published an hour before it signs, and an old one
	// verifies for an hour more. Default: 90 days.
	RotateKeys caddy.Duration `json:"rotate_keys,omitempty"`

	// The identity providers: one, or several, each with a name of its own and below an origin and path of its own. At least
	// one is required.
	UpstreamsRaw []json.RawMessage `json:"upstreams,omitempty" caddy:"namespace=regrant.upstreams inline_key=type"`

	// The ways to prove oneself, in the order in which they are offered. At
	// least one is required.
	MethodsRaw []json.RawMessage `json:"methods,omitempty" caddy:"namespace=regrant.methods inline_key=method"`

	// Who is told about recoveries. At least one is required, because the owner
	// of an account is told of every recovery.
	NotifiersRaw []json.RawMessage `json:"notifiers,omitempty" caddy:"namespace=regrant.notifiers inline_key=notifier"`

	// Programs, besides the built-in one, that may recover accounts for people.
	Clients []*RecoveryClient `json:"clients,omitempty"`

	// That programs must prove possession of their key with a nonce of the
	// gateway (RFC 9449, section 8). A proof can then not be made long before it
	// is used. Programs that do not know nonces are shut out. Default: off.
	DPoPNonce bool `json:"dpop_nonce,omitempty"`

	// A folder with the program `regrant` for the systems that people's devices
	// have, such as `regrant-linux-amd64`, and nothing else: up to 64 files, no
	// folders, no links. They are offered at `downloads` below the gateway's path,
	// with their checksums, and pages that tell people to run the program lead
	// there. The folder is read when the configuration starts; a file that
	// changes afterwards is not served until the configuration is loaded again.
	// Default: none, and nothing is offered.
	Downloads string `json:"downloads,omitempty"`

	// How often recoveries may be tried.
	Throttle *Throttle `json:"throttle,omitempty"`

	ctx       caddy.Context
	logger    *slog.Logger
	origin    *url.URL
	realms    []*realm
	methods   []method
	device    *DeviceCertificate // the defaults where it is not among the methods
	passkey   *Passkey           // nil: it is not among the methods
	notifiers []*Webhook
	lists     []*revocation.AndroidStatus // of revoked keys with which Android attests
	folder    *downloads.Folder           // of programs; nil: none are offered
	storage   *BadgerStorage
	limiter   *limiter
	warnLoose func()                 // once, of proxies that are believed too much
	parts     func() (*parts, error) // made once, when the configuration starts
	opener    *opener
}

// CaddyModule returns the Caddy module information.
func (App) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "regrant",
		New: func() caddy.Module { return new(App) },
	}
}

// Provision fills in defaults and checks everything that can be judged without
// opening, calling or making anything.
func (a *App) Provision(ctx caddy.Context) error {
	a.ctx, a.logger = ctx, ctx.Slogger()
	if err := expand(&a.Issuer, &a.Path, &a.Downloads); err != nil {
		return err
	}
	if a.Path == "" {
		a.Path = defaultPath
	}
	if err := a.checkWhole(); err != nil {
		return err
	}
	if err := a.checkValues(); err != nil {
		return err
	}
	origin, err := parseOrigin(a.Issuer)
	if err != nil {
		return err
	}
	a.origin = origin
	if err := a.loadGuests(ctx); err != nil {
		return err
	}
	for _, r := range a.realms {
		if err := r.provision(); err != nil {
			return err
		}
	}
	if err := a.checkCA(); err != nil {
		return err
	}
	if a.limiter, err = a.Throttle.limiter(a.issuer()); err != nil {
		return err
	}
	a.warnLoose = sync.OnceFunc(func() {
		a.logger.Warn("clients may choose their own address: set trusted_proxies_strict beside trusted_proxies, " +
			"unless every trusted proxy drops the X-Forwarded-For that it is sent")
	})
	a.parts = sync.OnceValues(a.assemble)
	a.opener = newOpener(a.open, time.Now)
	return a.registerMetrics(ctx)
}

// issuer tells this app from others of the process, before and after a reload.
func (a *App) issuer() string { return a.Issuer + a.Path }

// loadGuests loads and provisions the guest modules.
func (a *App) loadGuests(ctx caddy.Context) error {
	if len(a.StorageRaw) == 0 {
		a.StorageRaw = json.RawMessage(`{"engine":"badger"}`)
	}
	store, err := ctx.LoadModule(a, "StorageRaw")
	if err != nil {
		return fmt.Errorf("loading storage: %v", err)
	}
	upstreams, err := ctx.LoadModule(a, "UpstreamsRaw")
	if err != nil {
		return fmt.Errorf("loading upstream: %v", err)
	}
	methods, err := ctx.LoadModule(a, "MethodsRaw")
	if err != nil {
		return fmt.Errorf("loading methods: %v", err)
	}
	notifiers, err := ctx.LoadModule(a, "NotifiersRaw")
	if err != nil {
		return fmt.Errorf("loading notifiers: %v", err)
	}
	for _, n := range notifiers.([]any) {
		notifier, err := guest[*Webhook](n)
		if err != nil {
			return err
		}
		a.notifiers = append(a.notifiers, notifier)
	}
	if a.storage, err = guest[*BadgerStorage](store); err != nil {
		return err
	}
	if err := a.loadRealms(upstreams.([]any)); err != nil {
		return err
	}
	return a.loadMethods(ctx, methods.([]any))
}

// guest asserts that a loaded module is what its namespace promises.
func guest[T any](module any) (T, error) {
	g, ok := module.(T)
	if !ok {
		return g, fmt.Errorf("module of type %T does not fit its namespace", module)
	}
	return g, nil
}

// Start opens the runtime. What lies outside the configuration, such as a
// locked store, never fails it: it is logged, and opening is tried again by
// whoever needs it. A secret that cannot be read is a mistake in the
// configuration, so it does.
func (a *App) Start() error {
	if _, err := a.parts(); err != nil {
		return err
	}
	a.warn()
	if _, err := a.opener.get(a.ctx); err != nil {
		a.logger.Error("recovery is not available; other traffic passes", "error", err)
	}
	latest.Store(a.issuer(), a)
	return nil
}

// Stop does nothing: other apps of this configuration may still be serving.
func (a *App) Stop() error { return nil }

// Cleanup ends the workers and releases the store. It follows a failed
// Provision too.
func (a *App) Cleanup() error {
	if a.opener == nil {
		return nil
	}
	latest.CompareAndDelete(a.issuer(), a)
	return errors.Join(a.opener.close(), a.limiter.release(), a.closeDownloads())
}

// warn says once what is legal but wide open.
func (a *App) warn() {
	for _, m := range a.methods {
		if m.terms.RiskAnalysis != "" {
			a.logger.Warn("less grants a recovery than NIST SP 800-63B-4 asks", "method", m.name, "risk_analysis", m.terms.RiskAnalysis)
		}
	}
	if a.device.Revocation == revocationOff {
		a.logger.Warn("revoked certificates of the device CA in trust_pool still recover accounts: revocation is off",
			"risk_analysis", a.device.RiskAnalysis)
	}
	for _, r := range a.realms {
		for _, text := range r.upstream.warnings() {
			r.logger.Warn(text)
		}
	}
}

var (
	_ caddy.App          = (*App)(nil)
	_ caddy.Provisioner  = (*App)(nil)
	_ caddy.CleanerUpper = (*App)(nil)
)
