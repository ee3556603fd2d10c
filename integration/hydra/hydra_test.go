package hydra_test

import (
	"bytes"
	"cmp"
	"os"
	"path/filepath"
	"testing"

	"github.com/regrant/regrant/integration/hydra"
	"github.com/regrant/regrant/integration/keycloak"
	"github.com/regrant/regrant/integration/load"
	"github.com/regrant/regrant/integration/ory"
	"github.com/regrant/regrant/integration/postgres"
)

func start(t *testing.T) *hydra.Server {
	t.Helper()
	if testing.Short() {
		t.Skip("starts a real Hydra")
	}
	program, err := filepath.Abs(filepath.Join(cmp.Or(os.Getenv("REGRANT_BIN"), "../../bin"), "hydra"))
	if err != nil {
		t.Fatal(err)
	}
	if missing := cmp.Or(ory.Missing(program), postgres.Missing()); missing != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	var ports [3]int
	for i := range ports {
		if ports[i], err = keycloak.FreePort(); err != nil {
			t.Fatal(err)
		}
	}
	state, err := postgres.Start(t.Context(), ports[2], nil, "hydra")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(state.Stop)
	var log bytes.Buffer
	s, err := hydra.Start(t.Context(), hydra.Options{Program: program, Dir: t.TempDir(), DSN: state.URL("hydra"), Ports: [2]int(ports[:2]), Log: &log})
	if err != nil {
		t.Fatalf("%v\n%s", err, log.Bytes())
	}
	t.Cleanup(s.Stop)
	return s
}

// An assertion is exchanged once, and not again; when the trust in its issuer is deleted, no other is exchanged.
func TestAssertionsAreExchangedWhileTheirIssuerIsTrusted(t *testing.T) {
	s, ctx := start(t), t.Context()
	c, err := s.NewClient(ctx)
	if err != nil {
		t.Fatal(err)
	}
	first := exchange(t, c)
	if err := send(t, s, first); err != nil {
		t.Fatal(err)
	}
	if send(t, s, first) == nil {
		t.Error("an assertion was exchanged twice")
	}
	trusts, err := s.Trusts(ctx, "https://issuer.example")
	if err != nil || len(trusts) != 1 || !trusts[0].AnySubject || trusts[0].Key.ID != "issuer" {
		t.Fatalf("%+v, %v", trusts, err)
	}
	if others, err := s.Trusts(ctx, "https://another.example"); err != nil || len(others) != 0 {
		t.Errorf("%+v, %v", others, err)
	}
	if err := s.DeleteTrust(ctx, trusts[0].ID); err != nil {
		t.Fatal(err)
	}
	if send(t, s, exchange(t, c)) == nil {
		t.Error("an assertion was exchanged whose issuer is trusted no more")
	}
	if left, err := s.Trusts(ctx, ""); err != nil || len(left) != 0 {
		t.Errorf("%+v, %v", left, err)
	}
}

func exchange(t *testing.T, c *hydra.Client) []byte {
	t.Helper()
	request, err := c.Exchange()
	if err != nil {
		t.Fatal(err)
	}
	return request
}

// send sends one request and returns an error for any answer but 200.
func send(t *testing.T, s *hydra.Server, request []byte) error {
	t.Helper()
	_, err := load.Run(t.Context(), load.Plan{Address: s.Address, Requests: [][]byte{request}, Workers: 1})
	return err
}
