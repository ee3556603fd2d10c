package selfservice

import (
	"cmp"
	"crypto/subtle"
	"net/http"
	"net/url"

	"github.com/regrant/regrant/integration/hydra"
)

// ask shows the form for name and password, unless Hydra remembers who it is.
func (a *App) ask(w http.ResponseWriter, r *http.Request) {
	challenge := r.URL.Query().Get("login_challenge")
	request, err := a.hydra.Request(r.Context(), hydra.LoginRequest, challenge)
	if err != nil {
		fail(w, err)
		return
	}
	if request.Skip {
		a.signIn(w, r, challenge, request.Subject)
		return
	}
	a.form(w, http.StatusOK, challenge)
}

// check takes the form.
func (a *App) check(w http.ResponseWriter, r *http.Request) {
	challenge := r.PostFormValue("login_challenge")
	for _, u := range a.o.Users {
		if u.Name == r.PostFormValue("username") && subtle.ConstantTimeCompare([]byte(u.Password), []byte(r.PostFormValue("password"))) == 1 {
			a.signIn(w, r, challenge, u.ID)
			return
		}
	}
	a.form(w, http.StatusUnauthorized, challenge, "Name and password do not belong together.")
}

// signIn accepts the login; Hydra remembers it for an hour.
func (a *App) signIn(w http.ResponseWriter, r *http.Request, challenge, subject string) {
	a.leave(w, r)(a.hydra.Accept(r.Context(), hydra.LoginRequest, challenge, map[string]any{
		"subject": subject, "remember": true, "remember_for": 3600, "amr": []string{"pwd"},
	}))
}

func (a *App) form(w http.ResponseWriter, status int, challenge string, messages ...string) {
	forgot := cmp.Or(a.o.Forgot, a.origin("/recovery"))
	show(w, status, view{
		Title: "Sign in", Messages: messages,
		Sections: []section{{Forms: []form{{Action: a.o.Prefix + "/login", Button: "Sign in", Fields: []field{
			{Name: "login_challenge", Type: "hidden", Value: challenge},
			{Name: "username", Type: "text", Label: "Name", Required: true},
			{Name: "password", Type: "password", Label: "Password", Required: true},
		}}}}},
		Links: []link{{"Forgot password?", withQuery(forgot, url.Values{"login_challenge": {challenge}})}},
	})
}
