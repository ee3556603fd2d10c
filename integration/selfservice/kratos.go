package selfservice

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"

	"github.com/regrant/regrant/integration/kratos"
	"github.com/regrant/regrant/integration/ory"
)

var titles = map[string]string{"login": "Sign in", "settings": "Your account", "recovery": "Recover your account", "registration": "Register"}

// flow shows the flow that the browser was sent here with, or sends it to begin one.
func (a *App) flow(w http.ResponseWriter, r *http.Request, name string) {
	id := r.URL.Query().Get("flow")
	if id == "" {
		http.Redirect(w, r, a.begin(name, r.URL.Query()), http.StatusSeeOther)
		return
	}
	var f flow
	_, err := a.kratos.Call(r.Context(), http.MethodGet, "/self-service/"+name+"/flows?id="+url.QueryEscape(id), cookies(r), nil, &f)
	if err != nil {
		a.recoverFrom(w, r, name, err)
		return
	}
	v := view{Title: titles[name], Messages: texts(f.UI.Messages), Sections: f.sections()}
	if name == "login" {
		v.Links = append(v.Links, link{"Forgot password?", a.forgot(f)})
	} else {
		v.Links = append(v.Links, link{"Home", a.o.Prefix + "/"})
	}
	show(w, http.StatusOK, v)
}

// begin is where a flow of that name begins, with what of the query concerns it.
func (a *App) begin(name string, query url.Values) string {
	kept := url.Values{}
	for _, key := range []string{"aal", "refresh", "return_to", "login_challenge"} {
		if query.Get(key) != "" {
			kept.Set(key, query.Get(key))
		}
	}
	return withQuery(a.origin("/self-service/"+name+"/browser"), kept)
}

// forgot takes along what would be lost of the login: where it was going, and the challenge of Hydra's that it answers.
func (a *App) forgot(f flow) string {
	kept := url.Values{}
	if f.ReturnTo != "" {
		kept.Set("return_to", f.ReturnTo)
	}
	if f.Challenge != "" {
		kept.Set("login_challenge", f.Challenge)
	}
	if a.o.Forgot != "" {
		return withQuery(a.o.Forgot, kept)
	}
	return withQuery(a.origin("/self-service/recovery/browser"), kept)
}

func withQuery(address string, query url.Values) string {
	if len(query) == 0 {
		return address
	}
	return address + "?" + query.Encode()
}

// recoverFrom begins again with a flow that is gone or another browser's, and goes where Kratos says that something has to
// be done first, such as the second factor.
func (a *App) recoverFrom(w http.ResponseWriter, r *http.Request, name string, err error) {
	var answer *ory.Error
	if !errors.As(err, &answer) {
		fail(w, err)
		return
	}
	var told struct {
		To string `json:"redirect_browser_to"`
	}
	_ = json.Unmarshal(answer.Body, &told) // without it, the status decides
	switch {
	case told.To != "":
		http.Redirect(w, r, told.To, http.StatusSeeOther)
	case answer.Status == http.StatusUnauthorized:
		http.Redirect(w, r, a.begin("login", url.Values{}), http.StatusSeeOther)
	case slices.Contains([]int{http.StatusForbidden, http.StatusNotFound, http.StatusGone}, answer.Status):
		http.Redirect(w, r, a.begin(name, r.URL.Query()), http.StatusSeeOther)
	default:
		fail(w, err)
	}
}

// problem shows an error that Kratos sent the browser here with.
func (a *App) problem(w http.ResponseWriter, r *http.Request) {
	var found struct {
		Error struct {
			Message string `json:"message"`
			Reason  string `json:"reason"`
		} `json:"error"`
	}
	path := "/self-service/errors?id=" + url.QueryEscape(r.URL.Query().Get("id"))
	if _, err := a.kratos.Call(r.Context(), http.MethodGet, path, cookies(r), nil, &found); err != nil {
		fail(w, err)
		return
	}
	show(w, http.StatusOK, view{
		Title: "This did not work", Messages: []string{found.Error.Message, found.Error.Reason}, Links: []link{{"Home", a.o.Prefix + "/"}},
	})
}

// home says who is signed in.
func (a *App) home(w http.ResponseWriter, r *http.Request) {
	session, err := a.whoami(r)
	if kratos.Refused(err, http.StatusUnauthorized) || kratos.Refused(err, http.StatusForbidden) {
		show(w, http.StatusOK, view{Title: "Nobody is signed in", Links: []link{{"Sign in", a.begin("login", r.URL.Query())}}})
		return
	}
	var end struct {
		URL string `json:"logout_url"`
	}
	if err == nil {
		_, err = a.kratos.Call(r.Context(), http.MethodGet, "/self-service/logout/browser", cookies(r), nil, &end)
	}
	if err != nil {
		fail(w, err)
		return
	}
	v := view{Title: "You are signed in", Links: []link{{"Your account", a.begin("settings", url.Values{})}, {"Sign out", end.URL}}}
	for _, method := range session.Methods {
		v.Messages = append(v.Messages, name(session)+" by "+method.Method)
	}
	show(w, http.StatusOK, v)
}

func (a *App) whoami(r *http.Request) (s kratos.Session, err error) {
	_, err = a.kratos.Call(r.Context(), http.MethodGet, "/sessions/whoami", cookies(r), nil, &s)
	return s, err
}

// name is what people call the identity of a session.
func name(s kratos.Session) string {
	email, _ := s.Identity.Traits["email"].(string)
	return email
}

func cookies(r *http.Request) http.Header { return http.Header{"Cookie": r.Header.Values("Cookie")} }
