package selfservice

import (
	"net/http"
	"slices"

	"github.com/regrant/regrant/integration/hydra"
)

// consent accepts at once for a first-party client, with all that it asks for, and refuses others.
func (a *App) consent(w http.ResponseWriter, r *http.Request) {
	challenge := r.URL.Query().Get("consent_challenge")
	request, err := a.hydra.Request(r.Context(), hydra.ConsentRequest, challenge)
	if err != nil {
		fail(w, err)
		return
	}
	if !slices.Contains(a.o.Clients, request.Client.ID) {
		a.leave(w, r)(a.hydra.Reject(r.Context(), hydra.ConsentRequest, challenge, "access_denied"))
		return
	}
	claims := map[string]any{"preferred_username": a.called(r, request.Subject)}
	a.leave(w, r)(a.hydra.Accept(r.Context(), hydra.ConsentRequest, challenge, map[string]any{
		"grant_scope": request.Scope, "grant_access_token_audience": request.Audience, "session": map[string]any{"id_token": claims},
	}))
}

// logout accepts at once.
func (a *App) logout(w http.ResponseWriter, r *http.Request) {
	a.leave(w, r)(a.hydra.Accept(r.Context(), hydra.LogoutRequest, r.URL.Query().Get("logout_challenge"), map[string]any{}))
}

// leave sends the browser back to Hydra.
func (a *App) leave(w http.ResponseWriter, r *http.Request) func(to string, err error) {
	return func(to string, err error) {
		if err != nil {
			fail(w, err)
			return
		}
		http.Redirect(w, r, to, http.StatusSeeOther) //nolint:gosec // where Hydra says
	}
}

// called is what people call a subject: their name, or the e-mail address of the identity that is signed in to Kratos.
func (a *App) called(r *http.Request, subject string) string {
	if a.o.Kratos == "" {
		for _, u := range a.o.Users {
			if u.ID == subject {
				return u.Name
			}
		}
		return subject
	}
	session, err := a.whoami(r)
	if err != nil || session.Identity.ID != subject {
		return subject
	}
	return name(session)
}
