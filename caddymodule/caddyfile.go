package caddymodule

import (
	"encoding/json"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

func init() {
	httpcaddyfile.RegisterGlobalOption("regrant", parseGlobalOption)
	httpcaddyfile.RegisterHandlerDirective("regrant", parseDirective)
	// After top-level rewrites, so that the path judged is the path forwarded,
	// and before anything that could answer in its place.
	httpcaddyfile.RegisterDirectiveOrder("regrant", httpcaddyfile.Before, "basic_auth")
}

// parseGlobalOption sets up the app from the global option.
func parseGlobalOption(d *caddyfile.Dispenser, existing any) (any, error) {
	app := new(App)
	if err := app.UnmarshalCaddyfile(d); err != nil {
		return nil, err
	}
	if existing != nil {
		return nil, d.Err("the global option regrant is there twice: keep one block")
	}
	return httpcaddyfile.App{Name: "regrant", Value: caddyconfig.JSON(app, nil)}, nil
}

// parseDirective sets up the handler. Syntax:
//
//	regrant [<matcher>] [<upstreams...>]
func parseDirective(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	handler := new(Handler)
	return handler, handler.UnmarshalCaddyfile(h.Dispenser)
}

// UnmarshalCaddyfile sets up the app. Syntax:
//
//	regrant {
//		issuer   <origin> [<path>]
//		storage  badger [<dir>] { reserve <size> }
//		secret   <secret> { previous <secret> }
//		rotate_keys <duration>
//		upstream keycloak <url> { ... }
//		upstream oidc <url> { ... }
//		method   <name> { ... }
//		notify   webhook <url> { ... }
//		client   <id> { ... }
//		dpop_nonce
//		downloads <folder>
//		throttle { ... }
//	}
func (a *App) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume option name
	if d.NextArg() {
		return d.ArgErr()
	}
	return readBlock(d, 0, a.unmarshalOption, a.checkValues, a.checkWhole)
}

func (a *App) unmarshalOption(d *caddyfile.Dispenser) error {
	switch d.Val() {
	case "issuer":
		return readOptional(d, &a.Issuer, &a.Path)
	case "secret":
		return a.unmarshalSecret(d)
	case "rotate_keys":
		return a.unmarshalRotateKeys(d)
	case "storage":
		if a.StorageRaw != nil {
			return twice(d)
		}
		raw, err := unmarshalGuest(d, "regrant.storage", "engine")
		a.StorageRaw = raw
		return err
	case "upstream":
		return appendGuest(d, &a.UpstreamsRaw, "regrant.upstreams", "type")
	case "method":
		return appendGuest(d, &a.MethodsRaw, "regrant.methods", "method")
	case "notify":
		return appendGuest(d, &a.NotifiersRaw, "regrant.notifiers", "notifier")
	case "client":
		return a.unmarshalClient(d)
	case "dpop_nonce":
		return readFlag(d, &a.DPoPNonce)
	case "downloads":
		return readOnce(d, &a.Downloads)
	case "throttle":
		if a.Throttle != nil {
			return twice(d)
		}
		a.Throttle = new(Throttle)
		return a.Throttle.unmarshal(d)
	default:
		return unknown(d, "issuer", "storage", "secret", "rotate_keys", "upstream", "method", "notify", "client", "dpop_nonce", "downloads", "throttle")
	}
}

// appendGuest parses one more guest module into list.
func appendGuest(d *caddyfile.Dispenser, list *[]json.RawMessage, namespace, key string) error {
	raw, err := unmarshalGuest(d, namespace, key)
	if err == nil {
		*list = append(*list, raw)
	}
	return err
}

// unmarshalGuest parses the guest module that the next argument names. The name
// goes into the JSON object under key.
func unmarshalGuest(d *caddyfile.Dispenser, namespace, key string) (json.RawMessage, error) {
	option := d.Val()
	if !d.NextArg() {
		return nil, d.ArgErr()
	}
	name := d.Val()
	if _, err := caddy.GetModule(namespace + "." + name); err != nil {
		var known []string
		for _, info := range caddy.GetModules(namespace) {
			if info.ID != devicePoolID { // which is of no use in here
				known = append(known, info.ID.Name())
			}
		}
		return nil, d.Errf("%s '%s' is not known: use one of %s", option, name, strings.Join(known, ", "))
	}
	guest, err := caddyfile.UnmarshalModule(d, namespace+"."+name)
	if err != nil {
		return nil, err
	}
	return caddyconfig.JSONModuleObject(guest, key, name, nil), nil
}

// readBlock reads the options of a block one by one. values checks what there is
// after each, so that an error names its line; whole checks that nothing is missing.
func readBlock(d *caddyfile.Dispenser, nesting int, option func(*caddyfile.Dispenser) error, values, whole func() error) error {
	for d.NextBlock(nesting) {
		if err := option(d); err != nil {
			return err
		}
		if err := values(); err != nil {
			return d.WrapErr(err)
		}
	}
	return wrap(d, whole())
}

// readFlag reads an option that stands alone.
func readFlag(d *caddyfile.Dispenser, target *bool) error {
	if *target {
		return twice(d)
	}
	if d.NextArg() {
		return d.ArgErr()
	}
	*target = true
	return nil
}

// readOnce reads exactly one argument for each target, and refuses an option
// that was read before.
func readOnce(d *caddyfile.Dispenser, targets ...*string) error {
	if *targets[0] != "" {
		return twice(d)
	}
	if !d.AllArgs(targets...) {
		return d.ArgErr()
	}
	return nil
}

// readList adds at least one argument to a list.
func readList(d *caddyfile.Dispenser, list *[]string) error {
	args := d.RemainingArgs()
	if len(args) == 0 {
		return d.ArgErr()
	}
	*list = append(*list, args...)
	return nil
}

// readDuration reads exactly one duration.
func readDuration(d *caddyfile.Dispenser, target *caddy.Duration) error {
	var text string
	if !d.AllArgs(&text) {
		return d.ArgErr()
	}
	duration, err := caddy.ParseDuration(text)
	if err != nil {
		return d.Errf("'%s' is not a time: write one such as 72h", text)
	}
	*target = caddy.Duration(duration)
	return nil
}

// readOptional is readOnce with a last argument that may be missing.
func readOptional(d *caddyfile.Dispenser, first, second *string) error {
	if *first != "" {
		return twice(d)
	}
	args := d.RemainingArgs()
	switch len(args) {
	case 2:
		*second = args[1]
		fallthrough
	case 1:
		*first = args[0]
		return nil
	default:
		return d.ArgErr()
	}
}

func twice(d *caddyfile.Dispenser) error {
	return d.Errf("option '%s' is there twice: keep one", d.Val())
}

func unknown(d *caddyfile.Dispenser, known ...string) error {
	return d.Errf("option '%s' is not known: use one of %s", d.Val(), strings.Join(known, ", "))
}

// wrap adds file and line to an error, if there is one.
func wrap(d *caddyfile.Dispenser, err error) error {
	if err == nil {
		return nil
	}
	return d.WrapErr(err)
}

var _ caddyfile.Unmarshaler = (*App)(nil)
