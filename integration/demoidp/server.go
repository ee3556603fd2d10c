package main

import (
	"embed"
	"encoding/json"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"time"
)

const (
	sessionCookie = "__Host-demoidp"
	attemptCookie = "__Host-demoidp-attempt"

	sessionLife = 8 * time.Hour
	pendingLife = 30 * time.Minute // a login in progress; a recovery takes its time
	codeLife    = time.Minute
)

//go:embed pages.html style.css
var files embed.FS

var pages = template.Must(template.ParseFS(files, "pages.html"))

// server is the identity provider.
type server struct {
	config *config
	now    func() time.Time
	log    *slog.Logger
	users  *users
	broker *broker
	keys   *signer
	events *events

	sessions *shelf[session]          // by cookie
	requests *shelf[authorizeRequest] // that wait for a login, by the value in its pages
	attempts *shelf[attempt]          // logins at the broker, by state
	codes    *shelf[grant]            // by code
}

// session is one browser that is signed in.
type session struct {
	user        user
	startedAt   time.Time
	amr         []string // RFC 8176
	brokered    bool
	recovery    string // the broker's recovery_id
	setPassword bool   // opens nothing until a new password is set
}

func newServer(c *config, now func() time.Time, log *slog.Logger) (*server, error) {
	s := &server{
		config: c, now: now, log: log, broker: &broker{config: c.Broker, redirect: c.Origin + "/callback"}, events: new(events),
		sessions: newShelf[session](now, sessionLife),
		requests: newShelf[authorizeRequest](now, pendingLife),
		attempts: newShelf[attempt](now, pendingLife),
		codes:    newShelf[grant](now, codeLife),
	}
	var err error
	if s.users, err = newUsers(c.Users); err != nil {
		return nil, err
	}
	s.keys, err = newSigner()
	return s, err
}

func (s *server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.home)
	mux.HandleFunc("GET /login", s.showLogin)
	mux.HandleFunc("POST /login", s.login)
	mux.HandleFunc("POST /logout", s.logout)
	mux.HandleFunc("GET /password", s.showPassword)
	mux.HandleFunc("POST /password", s.password)
	mux.HandleFunc("GET /forgot", s.forgot)
	mux.HandleFunc("GET /callback", s.callback)
	mux.HandleFunc("GET /authorize", s.authorize)
	mux.HandleFunc("POST /token", s.token)
	mux.HandleFunc("GET /jwks", s.jwks)
	mux.HandleFunc("GET /.well-known/openid-configuration", s.discovery)
	mux.HandleFunc("GET /api/sessions", onThisMachine(s.listSessions))
	mux.HandleFunc("GET /api/events", onThisMachine(s.listEvents))
	mux.Handle("GET /style.css", http.FileServerFS(files))
	return http.NewCrossOriginProtection().Handler(http.MaxBytesHandler(mux, 64<<10))
}

// session returns the browser's session, also one that waits for a new password.
func (s *server) session(r *http.Request) (key string, v session, ok bool) {
	c, err := r.Cookie(sessionCookie)
	if err != nil {
		return "", session{}, false
	}
	v, ok = s.sessions.get(c.Value)
	return c.Value, v, ok
}

// begin starts a session in the browser, under a new key, and returns it with the time.
func (s *server) begin(w http.ResponseWriter, v session) session {
	v.startedAt = s.now()
	setCookie(w, sessionCookie, s.sessions.add(v))
	s.log.Info("signed in", "user", v.user.id, "brokered", v.brokered)
	s.events.add(event{Kind: "session", User: v.user.id, Recovery: v.recovery})
	return v
}

func setCookie(w http.ResponseWriter, name, value string) {
	http.SetCookie(w, &http.Cookie{Name: name, Value: value, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
}

// proceed goes on to where the login was meant to lead.
func (s *server) proceed(w http.ResponseWriter, r *http.Request, request string, v session) {
	if v.setPassword {
		http.Redirect(w, r, "/password?request="+url.QueryEscape(request), http.StatusSeeOther)
		return
	}
	if waiting, ok := s.requests.take(request); ok {
		s.answer(w, r, waiting, v)
		return
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// view is what the pages show.
type view struct{ Title, Message, Request, User string }

func (s *server) show(w http.ResponseWriter, status int, page string, v view) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	if err := pages.ExecuteTemplate(w, page, v); err != nil {
		s.log.Error("writing page", "page", page, "error", err)
	}
}

func (s *server) home(w http.ResponseWriter, r *http.Request) {
	_, v, ok := s.session(r)
	if !ok || v.setPassword {
		http.Redirect(w, r, "/login", http.StatusSeeOther)
		return
	}
	s.show(w, http.StatusOK, "home", view{Title: "Your account", User: v.user.name})
}

func (s *server) showLogin(w http.ResponseWriter, r *http.Request) {
	s.loginPage(w, http.StatusOK, r.FormValue("request"), "")
}

func (s *server) loginPage(w http.ResponseWriter, status int, request, message string) {
	s.show(w, status, "login", view{Title: "Sign in", Message: message, Request: request})
}

func (s *server) login(w http.ResponseWriter, r *http.Request) {
	request := r.PostFormValue("request")
	u, ok := s.users.signIn(r.PostFormValue("username"), r.PostFormValue("password"))
	if !ok {
		s.loginPage(w, http.StatusUnauthorized, request, "Name or password is not right.")
		return
	}
	s.proceed(w, r, request, s.begin(w, session{user: u, amr: []string{"pwd"}}))
}

func (s *server) logout(w http.ResponseWriter, r *http.Request) {
	if key, _, ok := s.session(r); ok {
		s.sessions.take(key)
	}
	http.Redirect(w, r, "/login", http.StatusSeeOther)
}

func (s *server) showPassword(w http.ResponseWriter, r *http.Request) {
	_, v, ok := s.session(r)
	if !ok || !v.setPassword {
		http.Redirect(w, r, "/login", http.StatusSeeOther)
		return
	}
	s.show(w, http.StatusOK, "password", view{Title: "Set a new password", Request: r.FormValue("request"), User: v.user.name})
}

// password ends a recovery: the session opens things from here on.
func (s *server) password(w http.ResponseWriter, r *http.Request) {
	key, v, ok := s.session(r)
	if !ok || !v.setPassword {
		http.Redirect(w, r, "/login", http.StatusSeeOther)
		return
	}
	request, password := r.PostFormValue("request"), r.PostFormValue("password-new")
	if password != r.PostFormValue("password-confirm") || !s.users.setPassword(v.user, password) {
		s.show(w, http.StatusUnprocessableEntity, "password", view{
			Title: "Set a new password", Request: request, User: v.user.name,
			Message: "Give the same password twice. It has at least 8 characters and at most 72 bytes.",
		})
		return
	}
	v.setPassword = false
	s.sessions.set(key, v)
	s.events.add(event{Kind: "password", User: v.user.id, Recovery: v.recovery})
	s.proceed(w, r, request, v)
}

// listSessions lists the sessions of a user.
func (s *server) listSessions(w http.ResponseWriter, r *http.Request) {
	u, ok := s.users.find(r.FormValue("user"))
	if !ok {
		http.NotFound(w, r)
		return
	}
	type listed struct {
		Started     time.Time `json:"started"`
		AMR         []string  `json:"amr"`
		Brokered    bool      `json:"brokered"`
		SetPassword bool      `json:"set_password"`
	}
	sessions := []listed{}
	for _, v := range s.sessions.all(func(v session) bool { return v.user == u }) {
		sessions = append(sessions, listed{v.startedAt, v.amr, v.brokered, v.setPassword})
	}
	writeJSON(w, http.StatusOK, sessions)
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client is gone
}
