package kratos_test

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/regrant/regrant/integration/keycloak"
	server "github.com/regrant/regrant/integration/kratos"
	"github.com/regrant/regrant/integration/ory"
	"github.com/regrant/regrant/integration/postgres"
	"github.com/regrant/regrant/upstream/kratos"
)

// world is a real Kratos whose two APIs are behind one address.
type world struct {
	*server.Server
	both *httptest.Server
	pg   *postgres.Server
	log  bytes.Buffer
}

var (
	theWorld *world
	errStart error
	start    sync.Once
)

const publicURL = "https://id.example.com"

func TestMain(m *testing.M) {
	code := m.Run()
	if theWorld != nil {
		theWorld.both.Close()
		theWorld.Stop()
		theWorld.pg.Stop()
	}
	os.Exit(code)
}

// realKratos starts the server at the first use. The quick tests and a machine
// without one skip; continuous integration must have one.
func realKratos(t *testing.T) *world {
	t.Helper()
	if testing.Short() {
		t.Skip("starts a real Kratos")
	}
	program, err := filepath.Abs(filepath.Join(cmp.Or(os.Getenv("REGRANT_BIN"), "../../bin"), "kratos"))
	must(t, err)
	for _, missing := range []error{ory.Missing(program), postgres.Missing()} {
		if missing != nil && os.Getenv("CI") == "true" {
			t.Fatal(missing)
		} else if missing != nil {
			t.Skip(missing)
		}
	}
	start.Do(func() { theWorld, errStart = startWorld(context.WithoutCancel(t.Context()), program) })
	if errStart != nil {
		t.Fatal(errStart)
	}
	return theWorld
}

func startWorld(ctx context.Context, program string) (*world, error) {
	w := &world{}
	var ports [3]int
	for i := range ports {
		var err error
		if ports[i], err = keycloak.FreePort(); err != nil {
			return nil, err
		}
	}
	var err error
	if w.pg, err = postgres.Start(ctx, ports[0], nil, "kratos"); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "regrant-kratos")
	if err != nil {
		return nil, err
	}
	w.Server, err = server.Start(ctx, server.Options{
		Program: program, Dir: dir, DSN: w.pg.URL("kratos"), Ports: [2]int{ports[1], ports[2]}, Log: &w.log,
		Origin: publicURL, UseContinueWithTransitions: true, RequiredAAL: "highest_available", Returns: []string{"https://app.example.com"},
	})
	if err != nil {
		w.pg.Stop()
		return nil, fmt.Errorf("%v\n%s", err, w.log.Bytes())
	}
	w.both = httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		to := w.PublicURL
		if strings.HasPrefix(r.In.URL.Path, "/admin/") {
			to = w.AdminURL
		}
		target, err := url.Parse(to)
		if err != nil {
			panic(err)
		}
		r.SetURL(target)
	}})
	return w, nil
}

func (w *world) adapter(t testing.TB, address string, change ...func(*kratos.Config)) *kratos.Adapter {
	t.Helper()
	cfg := kratos.Config{
		URL: address, AdminURL: address, PublicURL: publicURL, EntryURL: publicURL + "/recovery", Programs: true, Strict: true,
		Privileged: []kratos.Mark{{Pointer: "/metadata_admin/role", Values: []string{"operator"}}},
		HTTPClient: &http.Client{Transport: &http.Transport{}},
	}
	for _, c := range change {
		c(&cfg)
	}
	a, err := kratos.New(cfg)
	must(t, err)
	return a
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
