package hydra

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/regrant/regrant/internal/setup"
)

// Server is a Hydra that was asked for its version and for what it calls itself.
type Server struct {
	o       Options
	api     api
	said    metadata
	secrets map[string]string // by client; "" where the file is not there
}

// Connect asks the server what it is, and refuses what the gateway could not work with. It changes nothing.
func Connect(ctx context.Context, o Options) (*Server, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	s := &Server{o: o, api: newAPI(o), secrets: map[string]string{}}
	if err := s.api.checkVersion(ctx); err != nil {
		return nil, err
	}
	var err error
	if s.said, err = s.api.metadata(ctx); err != nil {
		return nil, err
	}
	for id, path := range o.files() {
		if s.secrets[id], err = setup.ReadSecret(path); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Plan says what is to be changed. It changes nothing.
func (s *Server) Plan(ctx context.Context) (setup.Plan, error) {
	for id, secret := range s.secrets {
		if secret == "" {
			s.secrets[id] = rand.Text() + rand.Text()
		}
	}
	plan, err := setup.Make(ctx, s.wishes())
	if err != nil {
		return setup.Plan{}, err
	}
	plan.Notes, err = s.notes(ctx, plan)
	return plan, err
}

func (s *Server) wishes() []setup.Wish {
	wishes := s.clientWishes(ClientID, "the gateway itself: it signs people in to see and change their recovery methods, and can do nothing else", s.o.wantClient)
	if len(s.o.GrantScope) > 0 {
		wishes = append(wishes, s.clientWishes(GrantID, "access tokens of programs are issued to it; it takes assertions that Hydra trusts, and can do nothing else", s.o.wantGrant)...)
	}
	return wishes
}

func (s *Server) clientWishes(id, why string, want func(setup.State) (setup.State, error)) []setup.Wish {
	path := s.o.files()[id]
	return []setup.Wish{
		{Object: setup.SecretFile(path, s.secrets[id]), Why: "the secret with which the gateway is the client " + id, Want: setup.KeptSecret},
		{Object: s.api.client(id), Why: why, Want: want},
		{Object: s.opening(id), Why: "the client takes this secret and no other", Want: setup.Always(setup.State{"kept in": path})},
	}
}

// Find returns the object of a kind and name, for undoing.
func (s *Server) Find(kind, name string) (setup.Object, error) {
	switch kind {
	case fileKind:
		return setup.SecretFile(name, ""), nil
	case clientKind:
		return s.api.client(name), nil
	case secretKind:
		return s.opening(name), nil
	}
	return setup.Object{}, fmt.Errorf("the record names a %q, which nothing here makes", kind)
}
