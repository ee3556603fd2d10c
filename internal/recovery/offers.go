package recovery

import (
	"context"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/storage"
)

// Offer is one method by which the claimant may prove himself.
type Offer struct {
	Method  attest.Method
	Options []byte // JSON, where the method has any
}

// offers are the methods with what their clients need. They depend on the configuration, the statement and named alone.
func (s *Service) offers(st attest.Statement, methods []attest.Method, named map[attest.Method][][]byte) []Offer {
	offers := make([]Offer, 0, len(methods))
	for _, m := range methods {
		options, err := s.options(st, m, named[m])
		if err != nil { // a method that cannot be asked for is not offered
			s.Logger.Error("a method is not offered", "method", string(m), "error", err)
			continue
		}
		offers = append(offers, Offer{Method: m, Options: options})
	}
	return offers
}

func (s *Service) options(st attest.Statement, m attest.Method, named [][]byte) ([]byte, error) {
	if n, _ := s.namer(m); n != nil {
		return n.PromptNaming(st, named)
	}
	if p, ok := s.Verifier.Format(m).(attest.Prompter); ok {
		return p.Prompt(st)
	}
	return nil, nil
}

// named are the handles that offers name, among others, to whoever asks about an account.
func (s *Service) named(ctx context.Context, account attest.Identifier) (map[attest.Method][][]byte, error) {
	named := map[attest.Method][][]byte{}
	for _, m := range s.Verifier.Methods() {
		n, limit := s.namer(m)
		if n == nil {
			continue
		}
		err := s.DB.View(ctx, func(r storage.Reader) (err error) {
			named[m], err = s.Accounts.Named(r, m, account, limit)
			return err
		})
		if err != nil {
			return nil, unavailable("reading what is named", err)
		}
	}
	return named, nil
}

// namer is the format of m where it names handles, and how many; nil: it names none.
func (s *Service) namer(m attest.Method) (n attest.Namer, limit int) {
	n, ok := s.Verifier.Format(m).(attest.Namer)
	if !ok || n.Names() == 0 {
		return nil, 0
	}
	return n, n.Names()
}
