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

	options server.Options // without ports and folder
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

func startWorld(ctx context.Context, program string) (w *world, err error) {
	w = &world{}
	port, err := keycloak.FreePort()
	if err != nil {
		return nil, err
	}
	if w.pg, err = postgres.Start(ctx, port, nil, "kratos"); err != nil {
		return nil, err
	}
	err = w.start(ctx, server.Options{
		Program: program, DSN: w.pg.URL("kratos"), Origin: publicURL,
		UseContinueWithTransitions: true, RequiredAAL: "highest_available", Returns: []string{"https://app.example.com"},
	})
	if err != nil {
		w.pg.Stop()
	}
	return w, err
}

// another starts a second Kratos, of the same people, with another configuration.
func (w *world) another(t *testing.T, change func(*server.Options)) *world {
	t.Helper()
	options := w.options
	change(&options)
	other := &world{pg: w.pg}
	must(t, other.start(t.Context(), options))
	t.Cleanup(func() { other.both.Close(); other.Stop() })
	return other
}

func (w *world) start(ctx context.Context, o server.Options) (err error) {
	w.options = o
	for i := range o.Ports {
		if o.Ports[i], err = keycloak.FreePort(); err != nil {
			return err
		}
	}
	if o.Dir, err = os.MkdirTemp("", "regrant-kratos"); err != nil {
		return err
	}
	o.Log = &w.log
	if w.Server, err = server.Start(ctx, o); err != nil {
		return fmt.Errorf("%v\n%s", err, w.log.Bytes())
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
	return nil
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
