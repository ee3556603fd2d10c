package revocation

import (
	"context"
	"sync"
	"time"

	"github.com/regrant/regrant/attest/certpath"
	"github.com/regrant/regrant/attest/revocation"
)

// Statements returns what is known now about the certificates of path, which leads from a leaf to an anchor and holds.
// The responder is asked for what it has not said yet; for that, and for the first fetch of a CRL, it waits a few
// seconds at most. What comes later is there for whoever asks next.
func (s *Source) Statements(path certpath.Path) (out revocation.Statements) {
	ctx, cancel := context.WithTimeout(context.Background(), s.patience)
	defer cancel()
	s.issuers.learn(path[1:]...)
	answers := make([]*revocation.Response, len(path.Below()))
	var asking sync.WaitGroup
	for i := range answers {
		asking.Go(func() { answers[i] = s.responder.ask(ctx, path[i], path[i+1]) })
	}
	for _, c := range s.crls {
		select {
		case <-c.tried:
		case <-ctx.Done():
		}
		if h := c.current(s.clock()); h != nil {
			out.CRLs = append(out.CRLs, h.statement)
		}
	}
	asking.Wait()
	for _, answer := range answers {
		if answer != nil {
			out.Responses = append(out.Responses, answer)
		}
	}
	return out
}

// Age is how long ago the CRL was fetched whose last fetch is the longest ago, counted from the start while it never was. It
// is 0 without CRLs. A nil Source has none.
func (s *Source) Age() (age time.Duration) {
	if s == nil {
		return 0
	}
	for _, c := range s.crls {
		age = max(age, s.clock().Sub(*c.fetched.Load()))
	}
	return age
}
