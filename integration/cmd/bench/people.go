package main

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"

	"github.com/regrant/regrant/integration/browser"
	"github.com/regrant/regrant/integration/claimant"
	"github.com/regrant/regrant/integration/env"
)

// person has an account at the identity provider and a device enrolled for it.
type person struct {
	*claimant.Claimant
	e             *env.Env
	hops          *hops
	name, account string
	id            string // at the identity provider

	way    string
	finish finish
}

// concerns tells whether a request may be about p: it is about nobody else.
func (p *person) concerns(head string, people []*person) bool {
	return !slices.ContainsFunc(people, func(other *person) bool { return other != p && strings.Contains(head, other.id) })
}

// names are those of n people.
func names(n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf("person%d", i+1))
	}
	return all
}

// settle gives a person an account, where the environment has not made it, and a device.
func settle(ctx context.Context, e *env.Env, h *hops, name string) (*person, error) {
	p := &person{e: e, hops: h, name: name, account: name + "@example.com", id: name + "-0001"}
	args := []string{"activation-code", "--as", "Benchmark"}
	switch server := e.Provider.(type) {
	case env.KeycloakProvider:
		var err error
		if p.id, err = server.Server.NewUser(ctx, name); err != nil {
			return nil, err
		}
		if e.Kind == env.KeycloakOIDC { // whose gateway makes no link, and cannot ask
			if err := server.Server.Link(ctx, p.id, p.id); err != nil {
				return nil, err
			}
			args = append(args, "--subject", p.id)
		}
	case *env.KratosProvider:
		p.id = server.ID(p.account)
	default: // which the gateway cannot ask
		args = append(args, "--subject", p.id)
	}
	if e.Kind == env.Demo {
		p.account = name + "@demo.example"
	}
	var code struct {
		Code string `json:"code"`
	}
	if err := e.Operator(ctx, &code, append(args, p.account)...); err != nil {
		return nil, err
	}
	dir := filepath.Join(e.Dir, name)
	if _, err := e.Run(ctx, "regrant", "device", "enroll", "--issuer", e.Issuer, "--code", code.Code, "--dir", dir, "--label", "device", "--ca-file", e.CAFile); err != nil {
		return nil, err
	}
	var err error
	p.Claimant, err = claimant.FromDevice(e.Issuer, &http.Client{Transport: h}, dir)
	return p, err
}

// granted is the token of a new recovery.
func (p *person) granted(ctx context.Context) (string, error) {
	out, a, err := p.Recover(ctx, p.account)
	if err == nil && a.Status != http.StatusOK {
		err = fmt.Errorf("a proof is answered %d: %s", a.Status, a.Body)
	}
	return out.RecoveryToken, err
}

// finish is what completes a recovery that is granted: what is measured.
type finish func(ctx context.Context) error

// inBrowser goes from the application's own sign-in as far as the confirmation, whose button completes.
func (p *person) inBrowser(ctx context.Context) (finish, error) {
	b := browser.New(p.e.Roots).Fresh(p.hops)
	login, err := b.Open(ctx, p.e.Entrance())
	if err != nil {
		return nil, err
	}
	if _, err := b.Click(ctx, login, "Forgot"); err != nil {
		return nil, err
	}
	token, err := p.granted(ctx)
	if err != nil {
		return nil, err
	}
	handoff, a, err := p.Handoff(ctx, token)
	if err != nil || a.Status != http.StatusOK {
		return nil, fmt.Errorf("the handoff is answered %d: %v", a.Status, err)
	}
	page, err := b.Post(ctx, "http://127.0.0.1:9/", p.e.Issuer+"/continue", map[string]string{"code": handoff.Code})
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		in, err := b.Submit(ctx, page, "/continue", nil)
		if err == nil && !strings.Contains(in.Text(), p.e.Welcome(p.name)) && !strings.Contains(in.Text(), "recovered, "+p.name) {
			err = fmt.Errorf("the completion ends at %s, by way of %v: %d %s", in.URL.Path, in.Via, in.Status, in.Text())
		}
		return err
	}, nil
}

// inProgram goes as far as the access token for which the program has exchanged the recovery token (RFC 7523), with which it completes.
func (p *person) inProgram(ctx context.Context) (finish, error) {
	token, err := p.granted(ctx)
	if err != nil {
		return nil, err
	}
	access, a, err := p.Exchange(ctx, token)
	if err != nil || a.Status != http.StatusOK {
		return nil, fmt.Errorf("the exchange is answered %d: %v", a.Status, err)
	}
	return func(ctx context.Context) error {
		done, a, err := p.Complete(ctx, access.AccessToken)
		if err == nil && done.Outcome != "session" {
			err = fmt.Errorf("the completion is answered %d: %s", a.Status, done.Outcome)
		}
		return err
	}, nil
}
