package caddymodule

import (
	"context"
	"encoding/base64"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/devicecert"
	"github.com/regrant/regrant/fosite/broker"
	"github.com/regrant/regrant/fosite/grant"
	"github.com/regrant/regrant/internal/account"
	"github.com/regrant/regrant/internal/authority"
	"github.com/regrant/regrant/internal/enrolment"
	"github.com/regrant/regrant/internal/gateway"
	"github.com/regrant/regrant/internal/journal"
	"github.com/regrant/regrant/internal/keys"
	"github.com/regrant/regrant/internal/login"
	"github.com/regrant/regrant/internal/notify"
	"github.com/regrant/regrant/internal/policy"
	"github.com/regrant/regrant/internal/reconcile"
	"github.com/regrant/regrant/internal/recovery"
	"github.com/regrant/regrant/internal/trial"
	"github.com/regrant/regrant/storage"
	"github.com/regrant/regrant/upstream"
)

// services are the rooms behind the door, built on one store.
type services struct {
	db           storage.DB
	ring         *keys.Ring
	adapter      upstream.Adapter
	accounts     *account.Store
	journal      *journal.Journal
	outbox       *notify.Outbox
	authority    *authority.Authority
	programs     *authority.Programs
	login        *login.Service
	trials       *trial.Service
	trialMethods []attest.Method // with which one is made; none: software can hold none that are enough
	trialProgram []attest.Method // likewise, of a program without a browser
	enrolment    *enrolment.Service
	recovery     *recovery.Service
	grant        *grant.Server
	broker       *broker.Server // nil: the identity provider makes its sessions itself
	brokerClient Client
	reconcile    *reconcile.Reconciler
}

// common is what the services of all realms stand on.
type common struct {
	*parts
	db       storage.DB
	root     authority.Root
	operator *devicecert.OperatorCA // nil: there is none
}

// services builds them from the ground up. Everything stored lies below the name
// of the upstream: another one's accounts are other people, even where
// their identifiers are the same.
func (r *realm) services(ctx context.Context, c common) (s services, err error) {
	a, own := r.app, c.realms[r.index]
	s = services{db: c.db, adapter: own.adapter, brokerClient: own.broker}
	if s.ring, err = a.openKeys(ctx, c.db, r.name, c.parts); err != nil {
		return s, err
	}
	if s.brokerClient.Secret == "" {
		s.brokerClient.Secret = base64.RawURLEncoding.EncodeToString(s.ring.Secret(keys.BrokerClient))
	}
	s.accounts = account.New(r.name, s.ring.Sealer(keys.Record))
	s.journal = journal.New(r.name)
	s.outbox = notify.New(r.name, c.db, c.senders, r.logger)
	s.login = login.New(login.Config{
		Namespace: r.name, Issuer: r.issuer(), DB: c.db, Ring: s.ring, Accounts: s.accounts, Provider: s.adapter, Clock: time.Now,
	})
	s.trials = trial.New(trial.Config{
		Namespace: r.name, DB: c.db, Ring: s.ring, Adapter: s.adapter, Trials: own.trials,
		Accounts: s.accounts, Logins: s.login, Journal: s.journal, Outbox: s.outbox, Logger: r.logger,
	})
	s.authority, err = authority.Open(ctx, authority.Config{
		Namespace: r.name, Upstream: r.name, Issuer: r.issuer(),
		DB: c.db, Ring: s.ring, Adapter: s.adapter,
		Accounts: s.accounts, Journal: s.journal, Outbox: s.outbox,
		Root:      c.root,
		Lifetime:  time.Duration(a.device.Lifetime),
		Probation: a.device.Terms().Probation,
		Waived:    s.trials.Live,
		Compute:   a.limiter.Strangers.Compute,
		Operator:  c.operator,
		Attestors: a.attestors(),
		Logger:    r.logger,
	})
	if err != nil {
		return s, err
	}
	formats, config, err := r.formats(s, c.operator)
	if err != nil {
		return s, err
	}
	verifier, err := attest.NewVerifier(formats...)
	if err != nil {
		return s, err
	}
	rules, err := policy.New(config)
	if err != nil {
		return s, err
	}
	s.trialMethods, s.trialProgram = a.trialMethods(rules.Enough), a.trialMethods(rules.EnoughWithoutBrowser)
	s.programs = s.authority.Programs(verifier, a.probation)
	var devices *authority.Authority // where people may add some
	if a.has(attest.MethodDeviceCertificate) || a.has(attest.MethodTPM) {
		devices = s.authority
	}
	s.enrolment = enrolment.New(enrolment.Config{
		Namespace: r.name, Issuer: r.issuer(),
		DB: c.db, Ring: s.ring, Accounts: s.accounts, Logins: s.login,
		Verifier: verifier, Policy: rules, Journal: s.journal, Outbox: s.outbox, Devices: devices,
		Probation: a.probation, Waived: s.trials.Live, Clock: time.Now,
		Compute: a.limiter.Strangers.Compute,
	})
	s.recovery = r.recovery(s, verifier, rules)
	if err := r.tokens(&s, c.clients); err != nil {
		return s, err
	}
	s.recovery.SetMinter(s.grant)
	s.reconcile = reconcile.New(reconcile.Config{
		Namespace: r.name, DB: c.db, Provider: s.adapter, Accounts: s.accounts, Revoker: s.authority, Journal: s.journal, Logger: r.logger,
	})
	return s, nil
}

func (r *realm) recovery(s services, verifier *attest.Verifier, rules *policy.Policy) *recovery.Service {
	return recovery.New(recovery.Config{
		Namespace: r.name, Issuer: r.issuer(),
		DB: s.db, Ring: s.ring, Adapter: s.adapter,
		Accounts: s.accounts, Journal: s.journal, Outbox: s.outbox,
		Verifier:  verifier,
		Policy:    rules,
		Clock:     time.Now,
		Probation: r.app.probation(attest.MethodRecoveryCode),
		Compute:   r.app.limiter.Strangers.Compute,
		Logger:    r.logger,
	})
}

// tokens makes the two token servers; each has signing keys of its own.
func (r *realm) tokens(s *services, clients []grant.Client) (err error) {
	s.grant, err = grant.New(grant.Config{
		Issuer:     r.issuer(),
		Keys:       signers(s.ring, keys.Grant),
		OtherKeys:  thumbprints(s.ring, keys.Broker),
		Secret:     s.ring.Secret(keys.GrantSecret),
		Clock:      time.Now,
		Recoveries: s.recovery.Grants(),
		Actions:    append(actionNames(s.adapter.Facts().Actions), string(attest.ActionRehearse)),
		Clients:    clients,
	})
	if err != nil {
		return err
	}
	if s.adapter.Facts().Direct { // nobody brokers to us
		return nil
	}
	s.broker, err = broker.New(broker.Config{
		Issuer: r.issuer() + "/oidc",
		Client: broker.Client{
			ID:           s.brokerClient.ID,
			Secret:       s.brokerClient.Secret,
			RedirectURIs: s.adapter.Facts().BrokerRedirects,
		},
		Audience: s.adapter.Facts().Audience,
		Keys:     signers(s.ring, keys.Broker),
		Secret:   s.ring.Secret(keys.BrokerSecret),
		Clock:    time.Now,
		Logins:   s.recovery.Logins(),
	})
	if err == nil && s.adapter.Facts().Audience != "" {
		s.recovery.SetAsserter(s.broker.Assertion)
	}
	return err
}

func actionNames(actions []attest.Action) []string {
	names := make([]string, len(actions))
	for i, action := range actions {
		names[i] = string(action)
	}
	return names
}

func (r *realm) gateway(s services) (*gateway.Gateway, error) {
	a := r.app
	return gateway.New(gateway.Config{
		Origin: r.origin, Path: r.path,
		Ring: s.ring, Adapter: s.adapter,
		Recovery: s.recovery, Grant: s.grant, Broker: s.broker,
		Authority: s.authority, Programs: s.programs, Login: s.login, Enrolment: s.enrolment,
		Throttle: a.limiter.Limiter, Downloads: a.folder,
		ClientIP: a.clientIP,
		Nonces:   a.DPoPNonce,
		Logger:   r.logger,

		RelatedOrigins: r.related,
	})
}
