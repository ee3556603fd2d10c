// Package selfservice is the small login app that deployments of Ory have: the pages of Kratos' flows, the consent and logout
// of Hydra, and, without Kratos, a login at Hydra with users of its own. It runs no scripts. It stands on the same origin as
// Kratos' public API, below a prefix.
package selfservice

import (
	"bytes"
	"cmp"
	_ "embed"
	"errors"
	"html/template"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/regrant/regrant/integration/hydra"
	"github.com/regrant/regrant/integration/ory"
)

// Options say which app to start.
type Options struct {
	Address string   // to listen on; default: a free port of 127.0.0.1
	Origin  string   // of the pages, as browsers see it
	Prefix  string   // of their paths; default: /ui
	Kratos  string   // address of Kratos' public API; default: there is no Kratos, and Users sign in
	Hydra   string   // address of Hydra's admin API; default: there is no Hydra
	Clients []string // ids of the first-party clients of Hydra, which nobody is asked about; others are refused
	Users   []User   // who can sign in without Kratos

	// Forgot is where the link "Forgot password?" leads, an address without a query. Default: where Kratos begins a recovery,
	// or without Kratos {Origin}/recovery.
	Forgot string
}

// User is one user of an app without Kratos.
type User struct{ ID, Name, Password string }

// App is a running one.
type App struct {
	URL string // its own address, past whatever is in front

	o      Options
	kratos ory.API
	hydra  hydra.Admin
	server *http.Server
}

// Start listens and serves until Stop. There has to be Kratos or Hydra.
func Start(o Options) (*App, error) {
	if o.Kratos == "" && o.Hydra == "" {
		return nil, errors.New("a login app for nothing: neither Kratos nor Hydra")
	}
	listener, err := net.Listen("tcp", cmp.Or(o.Address, "127.0.0.1:0"))
	if err != nil {
		return nil, err
	}
	o.Prefix = cmp.Or(o.Prefix, "/ui")
	a := &App{URL: "http://" + listener.Addr().String(), o: o, kratos: ory.API(o.Kratos), hydra: hydra.At(o.Hydra)}
	a.server = &http.Server{Handler: http.StripPrefix(o.Prefix, a.routes()), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = a.server.Serve(listener) }()
	return a, nil
}

// Stop ends it.
func (a *App) Stop() { _ = a.server.Close() }

func (a *App) routes() http.Handler {
	mux := http.NewServeMux()
	if a.o.Kratos != "" {
		mux.HandleFunc("GET /{$}", a.home)
		for _, name := range []string{"login", "settings", "recovery", "registration"} {
			mux.HandleFunc("GET /"+name, func(w http.ResponseWriter, r *http.Request) { a.flow(w, r, name) })
		}
		mux.HandleFunc("GET /error", a.problem)
	} else {
		mux.HandleFunc("GET /login", a.ask)
		mux.HandleFunc("POST /login", a.check)
	}
	if a.o.Hydra != "" {
		mux.HandleFunc("GET /consent", a.consent)
		mux.HandleFunc("GET /logout", a.logout)
	}
	return mux
}

// origin is the address of a path behind the origin, without a slash between.
func (a *App) origin(path string) string { return strings.TrimSuffix(a.o.Origin, "/") + path }

// view is one page.
type view struct {
	Title    string
	Messages []string
	Sections []section
	Links    []link
}

// section is what belongs together on a page.
type section struct {
	Texts  []string
	Images []template.URL
	Forms  []form
}

// form has one button.
type form struct {
	Action, Button string
	Fields         []field
	Messages       []string
}

type field struct {
	Name, Type, Value, Label string
	Required                 bool
}

type link struct{ Text, Href string }

//go:embed page.html
var markup string

var page = template.Must(template.New("page").Parse(markup))

func show(w http.ResponseWriter, status int, v view) {
	var text bytes.Buffer
	if err := page.Execute(&text, v); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(text.Bytes())
}

// fail shows that a server behind this app did not do its part.
func fail(w http.ResponseWriter, err error) {
	show(w, http.StatusBadGateway, view{Title: "This did not work", Messages: []string{err.Error()}})
}
