package caddymodule

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/dustin/go-humanize"

	"github.com/regrant/regrant/storage"
	"github.com/regrant/regrant/storage/badger"
)

func init() {
	caddy.RegisterModule(BadgerStorage{})
}

// BadgerStorage keeps state in a directory of this machine, which belongs to one
// Caddy process at a time. Its files are encrypted if the app has a `secret`.
type BadgerStorage struct {
	// The directory. It is made when the configuration starts, with mode 0700, and
	// holds nothing else. Default: `regrant/<host of issuer>` in Caddy's data
	// directory.
	Dir string `json:"dir,omitempty"`

	// How much of the disk stays free, in bytes. Below it nothing is written: no
	// recovery is granted, and traffic passes. At least 128 MiB, which the store
	// may need to rewrite what it holds. A store that is open keeps the reserve it
	// was opened with until Caddy ends. Default: 256 MiB.
	Reserve uint64 `json:"reserve,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (BadgerStorage) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "regrant.storage.badger",
		New: func() caddy.Module { return new(BadgerStorage) },
	}
}

// Provision replaces placeholders and checks the reserve. It opens nothing.
func (s *BadgerStorage) Provision(caddy.Context) error {
	return firstError(s.checkReserve(), expand(&s.Dir))
}

func (s *BadgerStorage) checkReserve() error {
	if s.Reserve != 0 && s.Reserve < badger.MinReserve {
		return fmt.Errorf("reserve %s is too small: write at least %s", humanize.IBytes(s.Reserve), humanize.IBytes(badger.MinReserve))
	}
	return nil
}

// UnmarshalCaddyfile sets up the storage. Syntax:
//
//	storage badger [<dir>] {
//	    reserve <size>
//	}
func (s *BadgerStorage) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume module name
	if d.NextArg() {
		s.Dir = d.Val()
	}
	if d.NextArg() {
		return d.ArgErr()
	}
	for d.NextBlock(0) {
		if d.Val() != "reserve" {
			return unknown(d, "reserve")
		}
		if s.Reserve != 0 {
			return twice(d)
		}
		if err := s.readReserve(d); err != nil {
			return err
		}
	}
	return nil
}

func (s *BadgerStorage) readReserve(d *caddyfile.Dispenser) (err error) {
	var text string
	if !d.Args(&text) || d.NextArg() {
		return d.ArgErr()
	}
	if s.Reserve, err = humanize.ParseBytes(text); err != nil || s.Reserve == 0 {
		return d.Errf("reserve is a size such as 512MiB, not '%s'", text)
	}
	return wrap(d, s.checkReserve())
}

// stores holds the open stores by directory. A reload opens the new configuration
// before it closes the old one, and a directory can be open only once.
var stores = caddy.NewUsagePool()

// handle is one configuration's share of an open store.
type handle struct {
	storage.DB
	key string
}

// openStore opens the store in c.Dir, or shares it with a configuration that has it
// open.
func openStore(c badger.Config) (h *handle, err error) {
	if c.Dir, err = filepath.Abs(c.Dir); err != nil {
		return nil, err
	}
	value, shared, err := stores.LoadOrNew(c.Dir, func() (caddy.Destructor, error) {
		db, err := badger.Open(c)
		return opened{db, c.Key}, err
	})
	if err != nil {
		// The pool has no share of ours to give back.
		return nil, explain(err)
	}
	h = &handle{DB: value.(opened).DB, key: c.Dir}
	if !shared {
		return h, nil
	}
	if err := share(value.(opened).key, c); err != nil {
		return nil, errors.Join(explain(err), h.Close())
	}
	return h, nil
}

// share tells whether a store that is open under the key of the configuration that
// runs may be shared with c. It refuses what opening the files would refuse: a store
// without a key has no previous one, even if c names none.
func share(running []byte, c badger.Config) error {
	switch {
	case bytes.Equal(running, c.Key):
		return nil
	case len(running) == 0:
		return badger.ErrPlain
	case len(c.Key) == 0:
		return badger.ErrEncrypted
	case !bytes.Equal(running, c.PreviousKey):
		return badger.ErrKey
	}
	c.Logger.Warn("the files of the store come under the new secret when Caddy is started anew; keep 'previous' until then", "dir", c.Dir)
	return nil
}

// explain says what to do about a secret that does not fit the files of the store.
func explain(err error) error {
	switch {
	case errors.Is(err, badger.ErrKey):
		return fmt.Errorf("%w: the secret is not the one that the store was made with; give that one, or write 'secret NEW { previous OLD }' to change it", err)
	case errors.Is(err, badger.ErrPlain):
		return fmt.Errorf("%w: the store was made without the option 'secret'; take it out, or begin with an empty directory", err)
	case errors.Is(err, badger.ErrEncrypted):
		return fmt.Errorf("%w: the store was made with the option 'secret'; give the same secret again", err)
	}
	return err
}

// Close gives the share back; the last one closes the store. Call it once.
func (h *handle) Close() error {
	_, err := stores.Delete(h.key)
	return err
}

// opened is an open store with the key that encrypts it.
type opened struct {
	storage.DB
	key []byte
}

// Destruct implements [caddy.Destructor].
func (o opened) Destruct() error { return o.Close() }

var (
	_ caddy.Provisioner     = (*BadgerStorage)(nil)
	_ caddyfile.Unmarshaler = (*BadgerStorage)(nil)
)
