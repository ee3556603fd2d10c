package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"regexp"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/regrant/regrant/internal/doctor"
	doctorhydra "github.com/regrant/regrant/internal/doctor/hydra"
	doctorkeycloak "github.com/regrant/regrant/internal/doctor/keycloak"
	"github.com/regrant/regrant/internal/keys"
	"github.com/regrant/regrant/storage/badger"
	"github.com/regrant/regrant/upstream/hydra"
	"github.com/regrant/regrant/upstream/keycloak"
)

// examined is what the gateway finds in itself, and what others need to know to examine the rest. It holds no secret.
type examined struct {
	Deployment doctor.Deployment `json:"deployment"`
	Findings   []doctor.Finding  `json:"findings"`
}

// described is an upstream as the doctor has to know it.
type described struct {
	provider doctor.Provider
	assist   bool      // the identity provider's own recovery stays beside the gateway
	clients  []*Client // whose secrets are configured; some may be nil
}

// examining bounds what one call of the doctor's does.
const examining = 2 * time.Minute

// examine answers with what can be told from inside only.
func examine(ctx context.Context, c adminCall) (any, error) {
	if err := c.decode(&struct{}{}); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, examining)
	defer cancel()
	d := c.deployment()
	findings := doctor.Examine(ctx, c.inside(ctx), doctor.GatewayChecks)
	// Its own adapter, because the one of the runtime counts its calls as those of recoveries.
	adapter, err := c.realm.upstream.adapter(c.realm.origin, c.realm.issuer())
	if err != nil {
		return nil, err
	}
	switch own := adapter.(type) {
	case *keycloak.Adapter:
		findings = append(findings, doctor.Examine[doctorkeycloak.Inside](ctx, own, doctorkeycloak.InsideChecks)...)
	case *hydra.Adapter:
		findings = append(findings, doctor.Examine(ctx, own, doctorhydra.InsideChecks)...)
	}
	return examined{d, findings}, nil
}

// describeDeployment answers with what stands where, without examining it.
func describeDeployment(_ context.Context, c adminCall) (any, error) { return c.deployment(), nil }

// deployment describes what stands where.
func (c adminCall) deployment() doctor.Deployment {
	r := c.realm
	own := r.upstream.described()
	d := doctor.Deployment{
		Name: r.name, Origin: r.origin, Path: r.path, Strict: !own.assist, Provider: own.provider, AdminDefault: caddy.DefaultAdminListen,
	}
	d.Calls = append([]string{d.Provider.URL}, d.Provider.Admins()...)
	for _, n := range r.app.notifiers {
		d.Calls = append(d.Calls, originOf(n.URL))
	}
	for _, k := range c.ring.Signing(keys.Grant) {
		d.Keys = append(d.Keys, k.ID)
	}
	return d
}

// inside gathers what the gateway sees of itself.
func (c adminCall) inside(ctx context.Context) doctor.Gateway {
	a := c.realm.app
	g := doctor.Gateway{RotateEvery: a.rotation(c.services).Every, Reserve: a.storage.Reserve, Warnings: c.realm.upstream.warnings()}
	if g.Reserve == 0 {
		g.Reserve = badger.DefaultReserve
	}
	g.Free, g.FreeErr = badger.FreeSpace(a.storeDir())
	g.Exchange, g.Replay, g.Replayed = c.tryExchange(ctx)
	ages, err := c.ring.Ages(ctx)
	g.KeyAgeErr = err
	for _, age := range ages {
		g.KeyAge = max(g.KeyAge, age)
	}
	_, g.Waiting, g.WaitingErr = c.outbox.Waiting(ctx)
	g.Lost, g.LostErr = c.outbox.Lost(ctx, doctor.Remembered)
	for _, m := range a.methods {
		if m.terms.RiskAnalysis != "" {
			g.Risks = append(g.Risks, fmt.Sprintf("%s stands on %s", m.name, m.terms.RiskAnalysis))
		}
	}
	for _, path := range c.realm.secretFiles() {
		g.Files = append(g.Files, lookAt(path))
	}
	for _, n := range a.notifiers {
		g.Notifiers = append(g.Notifiers, doctor.Reached{Address: originOf(n.URL), Err: dial(ctx, n.URL)})
	}
	return g
}

// filed is a placeholder that Caddy replaces by what is in a file.
var filed = regexp.MustCompile(`\{file\.([^{}]+)\}`)

// secretFiles are those that the configuration reads secrets from, and the one made at the first start.
func (r *realm) secretFiles() (paths []string) {
	a := r.app
	configured := []string{a.Secret, a.PreviousSecret}
	for _, c := range r.upstream.described().clients {
		if c != nil {
			configured = append(configured, c.Secret)
		}
	}
	for _, n := range a.notifiers {
		configured = append(configured, n.Secret)
	}
	for _, c := range a.Clients {
		configured = append(configured, c.Secret)
	}
	for _, text := range configured {
		for _, found := range filed.FindAllStringSubmatch(text, -1) {
			paths = append(paths, found[1])
		}
	}
	if a.Secret == "" {
		paths = append(paths, stateDir(a.origin)+".secret")
	}
	return paths
}

func lookAt(path string) doctor.SecretFile {
	info, err := os.Stat(path)
	if err != nil {
		return doctor.SecretFile{Path: path, Err: err}
	}
	return doctor.SecretFile{Path: path, Mode: uint32(info.Mode().Perm())}
}

// dial asks whether somebody listens, and sends nothing.
func dial(ctx context.Context, address string) error {
	u, err := url.Parse(address)
	if err != nil {
		return errors.New("its address cannot be read") // which may hold a secret
	}
	port := u.Port()
	if port == "" {
		port = u.Scheme // a name of the port, too
	}
	conn, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return err
	}
	return conn.Close()
}

// originOf is an address without what may be a secret in it: many receivers know their senders by the path alone.
func originOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}
