package integration

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/regrant/regrant/integration/checker"
	"github.com/regrant/regrant/integration/claimant"
	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/internal/wire"
)

// free is how often a code is guessed wrongly before it rests: until then each guess is judged, and counted.
const free = 4

// guesser guesses activation codes and counts what is answered.
type guesser struct {
	*claimant.Claimant
	csr string

	said     chan struct{} // one for each answer
	mu       sync.Mutex
	answered map[string]int
}

func newGuesser(t *testing.T, e *env.Env) *guesser {
	t.Helper()
	key := claimant.NewKey()
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	fatal(t, err)
	csr := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))
	return &guesser{Claimant: &claimant.Claimant{Issuer: e.Issuer, Client: e.Client}, csr: csr, said: make(chan struct{}, 1000), answered: map[string]int{}}
}

// code has a code made and returns the part that finds it. What proves it is thrown away.
func (g *guesser) code(t *testing.T, e *env.Env) (selector string) {
	t.Helper()
	var made struct {
		Code string `json:"code"`
	}
	fatal(t, e.Operator(t.Context(), &made, "activation-code", "--subject", "alice-0001", "alice@demo.example", "--as", "Test Operator"))
	return strings.ReplaceAll(made.Code, "-", "")[:6]
}

// guess brings a wrong one.
func (g *guesser) guess(ctx context.Context, selector string) {
	wrong := selector + strings.Repeat("0", 26)
	a, err := g.JSON(ctx, "/devices/enroll", wire.EnrollRequest{ActivationCode: wrong, CSR: g.csr})
	if err != nil || a.Status >= http.StatusInternalServerError {
		return // nobody was told anything
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.answered[selector]++
	g.said <- struct{}{}
}

// Guesses of several codes are under way when the gateway is killed. Each that was answered was counted before.
func TestSoakNoGuessGoesUncounted(t *testing.T) {
	e := own(t, env.Options{IdP: env.Demo, Patient: true})
	g := newGuesser(t, e)
	random := seeded(t)
	for range rounds(30) {
		var codes []string
		for range 4 {
			codes = append(codes, g.code(t, e))
		}
		var guesses sync.WaitGroup
		for range free {
			for _, selector := range codes {
				guesses.Go(func() { g.guess(t.Context(), selector) })
			}
		}
		over := make(chan struct{})
		go func() {
			guesses.Wait()
			close(over)
		}()
		for range 1 + random.IntN(free*len(codes)-1) {
			select {
			case <-g.said:
			case <-over: // some were not answered
			}
		}
		e.KillCaddy()
		<-over
		for len(g.said) > 0 { // answered while it was killed
			<-g.said
		}
		e.Client.CloseIdleConnections()
		startAgain(t, e)
	}
	c := &crowd{t: t, e: e}
	store := left(t, e)
	for _, wrong := range checker.Check(store, checker.Seen{Guessed: g.answered, Told: c.told()}) {
		t.Error(wrong)
	}
	total := 0
	for _, n := range g.answered {
		total += n
	}
	if t.Logf("%d guesses were answered", total); total == 0 {
		t.Error("no guess was answered")
	}
}
