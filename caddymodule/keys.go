package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/regrant/regrant/fosite/grant"
	"github.com/regrant/regrant/internal/journal"
	"github.com/regrant/regrant/internal/keys"
	"github.com/regrant/regrant/storage"
)

const defaultRotateKeys = 90 * 24 * time.Hour

func (a *App) unmarshalSecret(d *caddyfile.Dispenser) error {
	if err := readOnce(d, &a.Secret); err != nil {
		return err
	}
	for d.NextBlock(1) {
		if d.Val() != "previous" {
			return unknown(d, "previous")
		}
		if err := readOnce(d, &a.PreviousSecret); err != nil {
			return err
		}
	}
	return nil
}

func (a *App) unmarshalRotateKeys(d *caddyfile.Dispenser) error {
	if a.RotateKeys != 0 {
		return twice(d)
	}
	if err := readDuration(d, &a.RotateKeys); err != nil || a.RotateKeys != 0 {
		return err
	}
	return d.Errf("rotate_keys 0s is too short: write at least %v", keys.MinEvery)
}

// checkKeys checks the options that concern keys.
func (a *App) checkKeys() error {
	if a.PreviousSecret != "" && a.Secret == "" {
		return errors.New("previous_secret is given without secret: write the new one as secret")
	}
	for _, s := range []struct{ name, text string }{{"secret", a.Secret}, {"the previous secret", a.PreviousSecret}} {
		if s.text == "" || hasPlaceholder(s.text) {
			continue
		}
		if _, err := decodeSecret(s.name, s.text); err != nil {
			return err
		}
	}
	if every := time.Duration(a.RotateKeys); every != 0 && every < keys.MinEvery {
		return fmt.Errorf("rotate_keys %v is too short: write at least %v", every, keys.MinEvery)
	}
	return nil
}

// openKeys opens the keys of the namespace. Those that are still under the previous
// secret come under the new one.
func (a *App) openKeys(ctx context.Context, db storage.DB, namespace string, p *parts) (*keys.Ring, error) {
	if p.previous != nil {
		done, err := keys.Rewrap(ctx, db, namespace, p.secret, p.previous)
		if err != nil {
			return nil, err
		}
		if done {
			a.logger.Info("the keys in the store are under the new secret")
		}
	}
	return keys.Open(ctx, db, namespace, p.secret)
}

// rotation says when keys rotate by themselves, which is journalled.
func (a *App) rotation(s services) keys.Rotation {
	every := time.Duration(a.RotateKeys)
	if every == 0 {
		every = defaultRotateKeys
	}
	return keys.Rotation{Every: every, Tell: s.journalTurns(""), Logger: a.logger}
}

// journalTurns writes that somebody, or time alone, made new keys.
func (s services) journalTurns(actor string) keys.Tell {
	return func(tx storage.Tx, turns []keys.Turn) error {
		detail := make(map[string]string, len(turns))
		for _, turn := range turns {
			detail[string(turn.Purpose)] = turn.ID
		}
		return s.journal.Append(tx, journal.Entry{Kind: journal.KindKeysRotated, Actor: actor, Detail: detail})
	}
}

// rotateKeysRequest asks for new keys ahead of time.
type rotateKeysRequest struct {
	As string `json:"as"`
}

// rotateKeys answers with the keys that wait for their use, and never with a private one.
func rotateKeys(ctx context.Context, c adminCall) (any, error) {
	var in rotateKeysRequest
	if err := c.decodeChange(&in, &in.As); err != nil {
		return nil, err
	}
	return c.ring.Rotate(ctx, c.journalTurns(in.As))
}

// signers is where a token server asks for the keys with which it signs and verifies, as they are at the time.
func signers(ring *keys.Ring, p keys.Purpose) func() []grant.Key {
	return func() []grant.Key {
		turning := ring.Signing(p)
		list := make([]grant.Key, len(turning)) // broker.Key is the same type
		for i, k := range turning {
			list[i] = grant.Key(k)
		}
		return list
	}
}

// thumbprints is where the identifiers of the keys of p are asked for, as they are at the time. No client may have such a
// key for its own.
func thumbprints(ring *keys.Ring, p keys.Purpose) func() []string {
	return func() (out []string) {
		for _, k := range ring.Signing(p) {
			out = append(out, k.ID)
		}
		return out
	}
}
