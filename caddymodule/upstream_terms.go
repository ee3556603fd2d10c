package caddymodule

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// UpstreamTerms is what can be written about every upstream, so that several can stand in one app. A module that embeds
// it has them.
type UpstreamTerms struct {
	// What the upstream is called: in commands, metrics and notices, and in the store, where all that is kept of it lies
	// below this name. So it is given once and never changed. No two upstreams have the same. Default: what the
	// module makes of what it stands for, such as `keycloak-<realm>`.
	Name string `json:"name,omitempty"`

	// The origin under which people reach this upstream, in the form of the app's `issuer`. Default: that of the app.
	Issuer string `json:"issuer,omitempty"`

	// The path below which the gateway answers for this upstream. Upstreams at one origin need paths of which none lies
	// below another. Default: that of the app.
	Path string `json:"path,omitempty"`
}

// upstreamTerms are these terms, for [Upstream].
func (t *UpstreamTerms) upstreamTerms() *UpstreamTerms { return t }

// unmarshal reads an upstream: its address, and a block with these terms and the options of its kind. See [readBlock].
func (t *UpstreamTerms) unmarshal(d *caddyfile.Dispenser, address *string, option func(*caddyfile.Dispenser) error, values, whole func() error) error {
	d.Next() // consume module name
	if err := readOnce(d, address); err != nil {
		return err
	}
	if err := values(); err != nil {
		return d.WrapErr(err)
	}
	termOr := func(d *caddyfile.Dispenser) error {
		if known, err := t.unmarshalTerm(d); known || err != nil {
			return err
		}
		return option(d)
	}
	return readBlock(d, 0, termOr, values, whole)
}

// unmarshalTerm reads the option at which d stands if it is one of the terms:
//
//	name   <name>
//	issuer <origin> [<path>]
//	path   <path>
func (t *UpstreamTerms) unmarshalTerm(d *caddyfile.Dispenser) (known bool, err error) {
	switch d.Val() {
	case "name":
		return true, readOnce(d, &t.Name)
	case "path":
		return true, readOnce(d, &t.Path)
	case "issuer":
		path := ""
		if err := readOptional(d, &t.Issuer, &path); err != nil || path == "" {
			return true, err
		}
		if t.Path != "" {
			return true, d.Err("the path is there twice: keep the one of 'issuer' or 'path'")
		}
		t.Path = path
		return true, nil
	}
	return false, nil
}

// expand replaces the placeholders in them.
func (t *UpstreamTerms) expand() error { return expand(&t.Name, &t.Issuer, &t.Path) }

// checkTerms checks the terms that are given.
func (t *UpstreamTerms) checkTerms() error {
	return firstError(checkWord("name", t.Name), checkIssuer(t.Issuer), checkPath(t.Path))
}

// seat is where an upstream stands: what it is called, and where people reach it.
type seat struct{ name, origin, path string }

// seatOf fills in what the upstream leaves to the app.
func (a *App) seatOf(u Upstream) seat {
	own := u.upstreamTerms()
	return seat{u.name(), cmp.Or(own.Issuer, a.Issuer), cmp.Or(own.Path, a.Path, defaultPath)}
}

func (s seat) issuer() string { return s.origin + s.path }

// checkApart checks that no two upstreams are in each other's way, as far as their seats are known.
func checkApart(seats []seat) error {
	for i, s := range seats {
		for _, before := range seats[:i] {
			if err := s.apartFrom(before); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s seat) apartFrom(before seat) error {
	if s.name == before.name {
		return fmt.Errorf("two upstreams are called %[1]q, and all that is kept of one would be the other's: "+
			"write in the new one a name that no other has, such as 'name %[1]s-2', and never change it", s.name)
	}
	switch {
	case hasPlaceholder(s.issuer() + before.issuer()):
		return nil
	case s.path == before.path && hostname(s.origin) == hostname(before.origin):
		// Browsers keep cookies by host, whatever the port, and those of a gateway have its path in their names.
		return fmt.Errorf("the upstreams %q and %q are both at %s, or at one host but for the port: write in one of them another 'issuer ORIGIN' or another 'path', such as 'path %s-2'",
			before.name, s.name, s.issuer(), s.path)
	case s.origin != before.origin:
		return nil
	}
	outer, inner := before, s
	if len(outer.path) > len(inner.path) {
		outer, inner = inner, outer
	}
	if strings.HasPrefix(inner.path, outer.path+"/") {
		return fmt.Errorf("the path %[1]s of upstream %[2]q lies below %[3]s of %[4]q, which answers there: write one beside it, such as 'path %[3]s-2'",
			inner.path, inner.name, outer.path, outer.name)
	}
	return nil
}

// hostname is that of an origin, without its port.
func hostname(origin string) string {
	u, err := url.Parse(origin)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// checkSeats checks that no upstream is in another's way, before they are loaded.
func (a *App) checkSeats() error {
	if a.Issuer == "" {
		return nil // nor is the path known yet, which is written beside it
	}
	return checkApart(a.seats())
}

// seats are those of upstreams that are not loaded yet.
func (a *App) seats() (seats []seat) {
	for _, raw := range a.UpstreamsRaw {
		if u := readUpstream(raw); u != nil {
			seats = append(seats, a.seatOf(u))
		}
	}
	return seats
}

// readUpstream reads an upstream without provisioning it; nil: it is none, which is for loading to say.
func readUpstream(raw json.RawMessage) Upstream {
	var kind struct {
		Type string `json:"type"`
	}
	if json.Unmarshal(raw, &kind) != nil {
		return nil
	}
	info, err := caddy.GetModule("regrant.upstreams." + kind.Type)
	if err != nil {
		return nil
	}
	u, ok := info.New().(Upstream)
	if !ok || json.Unmarshal(raw, u) != nil {
		return nil
	}
	return u
}
