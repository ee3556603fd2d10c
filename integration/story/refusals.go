package story

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"

	"github.com/regrant/regrant/integration/claimant"
	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/integration/kratos"
	"github.com/regrant/regrant/internal/wire"
)

// exchange is a second recovery, by a program: its token is exchanged at the token endpoint.
func (s *Story) exchange(ctx context.Context) error {
	c, err := s.claimant()
	if err != nil {
		return err
	}
	granted, answer, err := c.Recover(ctx, s.account)
	if err != nil {
		return err
	}
	if err := s.saw(answer.Status == http.StatusOK && granted.Outcome == "granted", "the device's proof is granted a recovery token: %s, reference %s", digest(granted.RecoveryToken), granted.Reference); err != nil {
		return err
	}
	token, answer, err := c.Exchange(ctx, granted.RecoveryToken)
	if err != nil {
		return err
	}
	if err := s.saw(answer.Status == http.StatusOK && token.TokenType == "DPoP", "the token endpoint exchanges it for an access token of type %s, scope %s, %d s", token.TokenType, token.Scope, token.ExpiresIn); err != nil {
		return err
	}
	done, answer, err := c.Complete(ctx, token.AccessToken)
	if err != nil {
		return err
	}
	switch p := s.Env.Provider.(type) {
	case *env.KratosProvider:
		return s.seesSession(ctx, p, done, answer)
	case env.KeycloakProvider:
		if !s.Env.NoGrant {
			return s.seesToken(ctx, p, done, answer)
		}
	case *env.HydraProvider:
		if !s.Env.NoGrant {
			return s.seesHydrasToken(ctx, p, done, answer)
		}
	}
	return s.saw(answer.Status == http.StatusOK && done.Outcome == "handoff", "the completion ran and waits for a browser: %q", done.Outcome)
}

// seesSession shows the session token that a program was given to whoever made it.
func (s *Story) seesSession(ctx context.Context, k *env.KratosProvider, done wire.CompleteResponse, answer claimant.Answer) error {
	session, err := k.Server.Whoami(ctx, kratos.Token(done.SessionToken))
	if err != nil {
		return err
	}
	return s.saw(answer.Status == http.StatusOK && done.Outcome == "session" && session.Active,
		"the completion gives Kratos' own session token: %s; whoami: by %s", digest(done.SessionToken), session.Methods[0].Method)
}

// seesToken shows the access token that a program was given to the realm that granted it.
func (s *Story) seesToken(ctx context.Context, k env.KeycloakProvider, done wire.CompleteResponse, answer claimant.Answer) error {
	id, err := k.Server.UserID(ctx, s.user)
	if err != nil {
		return err
	}
	whose, err := k.Server.Whose(ctx, done.AccessToken)
	if err != nil {
		return err
	}
	return s.saw(answer.Status == http.StatusOK && done.Outcome == "session" && whose == id,
		"the completion gives Keycloak's own access token of type %s: %s, for %d s; userinfo: alice's", done.TokenType, digest(done.AccessToken), done.ExpiresIn)
}

// seesHydrasToken shows the access token that a program was given to the Hydra that granted it.
func (s *Story) seesHydrasToken(ctx context.Context, h *env.HydraProvider, done wire.CompleteResponse, answer claimant.Answer) error {
	told, err := h.Server.Introspect(ctx, done.AccessToken)
	if err != nil {
		return err
	}
	return s.saw(answer.Status == http.StatusOK && done.Outcome == "session" && told.Active && told.Subject == s.user,
		"the completion gives Hydra's own access token of type %s: %s, for %d s; introspection: alice's, scope %s", done.TokenType, digest(done.AccessToken), done.ExpiresIn, told.Scope)
}

// Refusal is one attempt of somebody else. Try goes through t, so that a test can put another answer in the way, and
// returns an error unless it was refused.
type Refusal struct {
	Name string
	Try  func(ctx context.Context, t http.RoundTripper) error
}

func (s *Story) refuse(ctx context.Context, r Refusal) error {
	if err := r.Try(ctx, s.Env.Client.Transport); err != nil {
		return fmt.Errorf("%s: %w", r.Name, err)
	}
	return s.saw(true, "refused: %s", r.Name)
}

func (s *Story) refusals(ctx context.Context) error {
	list, err := s.Refusals(ctx)
	if err != nil {
		return err
	}
	for _, r := range list {
		if err := s.refuse(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// Refusals prepares the attempts. The last of them revokes the device.
func (s *Story) Refusals(ctx context.Context) ([]Refusal, error) {
	c, err := s.claimant()
	if err != nil {
		return nil, err
	}
	list := []Refusal{
		{"a recovery token that was used before", func(ctx context.Context, t http.RoundTripper) error { return s.replayToken(ctx, with(c, t)) }},
		{"a proof that was used before", func(ctx context.Context, t http.RoundTripper) error { return s.replay(ctx, with(c, t)) }},
		{"a stolen certificate without its key", func(ctx context.Context, t http.RoundTripper) error {
			thief := with(c, t)
			thief.Holder = claimant.NewKey()
			thief.Device = thief.Holder
			return s.refused(thief.Recover(ctx, s.account))
		}},
		{"the owner's proof in another holder's recovery (the relay)", func(ctx context.Context, t http.RoundTripper) error {
			thief := with(c, t)
			thief.Holder = claimant.NewKey()
			return s.refused(thief.Recover(ctx, s.account))
		}},
		{"the owner's proof brought by another holder", func(ctx context.Context, t http.RoundTripper) error {
			in, answer, err := with(c, t).Initiate(ctx, s.account)
			if err != nil || answer.Status != http.StatusOK {
				return expect(answer, err, http.StatusOK, "")
			}
			thief := with(c, t)
			thief.Holder = claimant.NewKey()
			return s.refused(thief.Attest(ctx, in.RecoveryID, c.Proof(in.Statement)))
		}},
		{"somebody else's account", func(ctx context.Context, t http.RoundTripper) error {
			return s.refused(with(c, t).Recover(ctx, s.named(s.account, "bob")))
		}},
	}
	for _, spelling := range s.spellings {
		list = append(list, s.mailReset(spelling))
	}
	return append(list, Refusal{"a device that was revoked", func(ctx context.Context, t http.RoundTripper) error {
		if err := s.revoke(ctx); err != nil {
			return err
		}
		return s.refused(with(c, t).Recover(ctx, s.account))
	}}), nil
}

// with is c through another transport.
func with(c *claimant.Claimant, t http.RoundTripper) *claimant.Claimant {
	changed, client := *c, *c.Client
	client.Transport = t
	changed.Client = &client
	return &changed
}

// expect compares what came with what had to come.
func expect(a claimant.Answer, err error, status int, code string) error {
	if err != nil {
		return err
	}
	if a.Status != status || a.Code() != code {
		return fmt.Errorf("answered %d %q, want %d %q", a.Status, a.Code(), status, code)
	}
	return nil
}

// refused says that an attest ended in 403, and tells nothing more.
func (s *Story) refused(_ any, a claimant.Answer, err error) error {
	return expect(a, err, http.StatusForbidden, "refused")
}

func (s *Story) replay(ctx context.Context, c *claimant.Claimant) error {
	in, answer, err := c.Initiate(ctx, s.account)
	if err != nil || answer.Status != http.StatusOK {
		return expect(answer, err, http.StatusOK, "")
	}
	proof := c.Proof(in.Statement)
	if _, answer, err = c.Attest(ctx, in.RecoveryID, proof); err != nil || answer.Status != http.StatusOK {
		return expect(answer, err, http.StatusOK, "")
	}
	_, answer, err = c.Attest(ctx, in.RecoveryID, proof)
	return expect(answer, err, http.StatusBadRequest, "recovery-expired")
}

func (s *Story) replayToken(ctx context.Context, c *claimant.Claimant) error {
	granted, answer, err := c.Recover(ctx, s.account)
	if err != nil || answer.Status != http.StatusOK {
		return expect(answer, err, http.StatusOK, "")
	}
	if _, answer, err = c.Exchange(ctx, granted.RecoveryToken); err != nil || answer.Status != http.StatusOK {
		return expect(answer, err, http.StatusOK, "")
	}
	_, answer, err = c.Exchange(ctx, granted.RecoveryToken)
	return expect(answer, err, http.StatusBadRequest, "invalid_grant")
}

// revoke ends the device, as the operator.
func (s *Story) revoke(ctx context.Context) error {
	var list []struct {
		ID     string `json:"id"`
		Status string `json:"status"`
	}
	account := s.account
	if s.subject != "" {
		account = s.subject
	}
	if err := s.Env.Operator(ctx, &list, "authenticators", account); err != nil {
		return err
	}
	if len(list) == 0 {
		return errors.New("the account has no authenticator")
	}
	return s.Env.Operator(ctx, nil, "revoke", list[0].ID, "--as", "Demo Operator", "--reason", "stolen")
}

// mailReset asks for the mailed reset. It may lead to the gateway, or nowhere; a reset form of the provider is never
// shown, so no mail can be asked for.
func (s *Story) mailReset(path string) Refusal {
	return Refusal{"the e-mail reset, spelled " + path, s.reset(s.Env.Origin + path)}
}

// past asks the identity provider itself, at its own address, as somebody does who has found a way around the gateway.
func (s *Story) past(ctx context.Context) error {
	for _, path := range s.spellings {
		if err := s.refuse(ctx, Refusal{"at the identity provider's own address, " + path, s.reset(s.Env.IdP + path)}); err != nil {
			return err
		}
	}
	return nil
}

func (s *Story) reset(address string) func(context.Context, http.RoundTripper) error {
	return func(ctx context.Context, t http.RoundTripper) error {
		b := s.person.Fresh(t)
		page, err := b.Open(ctx, address)
		if err != nil {
			return err
		}
		atGateway := strings.HasPrefix(page.URL.String(), s.Env.Issuer+s.arrives) && page.Status == http.StatusOK
		failed := page.Status >= 400 || page.URL.Path == s.fails
		if !atGateway && !failed {
			return fmt.Errorf("%s answers %d with %q at %s", address, page.Status, page.Title, page.URL.Path)
		}
		return nil
	}
}

// Addresses tells where to look while the environment stays up.
func Addresses(out io.Writer, e *env.Env) {
	fmt.Fprintf(out, "\nThe application:       %s\nThe gateway:           %s\nIdentity provider:     %s\nCaddy's admin address: %s\n", e.App.URL, e.Issuer, e.IdP, e.Admin)
	fmt.Fprintf(out, "Anchor for browsers:   %s\nPrograms:              %s\n", e.CAFile, filepath.Clean(e.Bin))
}
