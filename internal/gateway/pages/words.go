package pages

import "time"

const (
	siteName = "Account recovery"
	navLabel = "Help and other ways"
)

// navigation is the same on every page (WCAG 2.2, 3.2.6).
func navigation(path string) []Link {
	return []Link{
		{"How to recover", path + "/"},
		{"Continue a recovery", path + "/continue"},
		{"Your recovery methods", path + "/authenticators"},
	}
}

// Confirmation names whose recovery the form continues.
func Confirmation(account, device, reference string, actions []string, form Form) Page {
	facts := []Fact{{"Account", account}, {"Proved with", device}}
	name := "What will happen"
	for _, a := range actions {
		facts = append(facts, Fact{name, actionWords(a)})
		name = ""
	}
	form.Button = "Continue as " + account
	return Page{
		Title: "Is this your recovery?",
		Text: []string{
			"Continue only if you started this recovery yourself, on this machine, just now. If somebody else asked you to come here, close this page.",
		},
		Facts: append(facts,
			Fact{"You go on to", "the sign-in that is waiting in this browser, if any; otherwise your recovery methods"},
			Fact{"Reference for the help desk", reference}),
		Form:    &form,
		After:   "This page is good for one minute, because whoever holds it could sign in. After that, run the command again.",
		LeadsOn: true,
	}
}

// SessionsEnd is the notice of a confirmation where the identity provider can end sessions: whatever was asked for, this
// happens too.
const SessionsEnd = "All other sessions of this account end: you are signed out everywhere else, and so is anybody who is signed in as you."

// actionWords says what an action of the protocol does to the account.
func actionWords(action string) string {
	switch action {
	case "sign-in":
		return "You are signed in"
	case "reset-password":
		return "You choose a new password"
	case "replace-passkey":
		return "You register a new passkey and the old ones are removed"
	case "replace-otp":
		return "You set up a new one-time code app and the old one is removed"
	case "revoke-sessions":
		return "You are signed out everywhere else"
	case "rehearse":
		return "Nothing: this is a rehearsal"
	default:
		return action
	}
}

// Resume names the recovery that this browser has begun and offers to go on with it.
func Resume(account, device, reference string, form Form) Page {
	form.Button = "Continue as " + account
	return Page{
		Title:   "Continue your recovery",
		Text:    []string{"You have proved that this account is yours. Go on within 15 minutes."},
		Facts:   []Fact{{"Account", account}, {"Proved with", device}, {"Reference for the help desk", reference}},
		Form:    &form,
		LeadsOn: true,
	}
}

// NothingToContinue is the same page in a browser that has begun nothing.
func NothingToContinue() Page {
	return Page{
		Title: "Nothing to continue",
		Text:  []string{"No recovery waits in this browser. One is continued, within 15 minutes, in the browser where it was confirmed."},
	}
}

// StartAtApplication is for a recovery that is ready, where the identity provider signs people in to applications alone.
func StartAtApplication() Page {
	return Page{
		Title: "Now open your application",
		Text: []string{
			"You have proved that this account is yours. What is missing is the sign-in that you wanted to get through.",
			"Within 15 minutes, in this browser: open your application, let it lead you to the sign-in page, and choose “Forgot password?” there. You are then signed in.",
		},
	}
}

// Done ends a recovery that asked for no sign-in.
func Done() Page {
	return Page{Title: "Recovery is done", Text: []string{"What you asked for has been carried out. You can close this page."}}
}

// Kept says that a step could not be done now, and that nothing is lost.
func Kept(form Form) Page {
	form.Button = "Try again"
	return Page{
		Title: "Please try again in a moment",
		Text: []string{
			"The sign-in service cannot be reached just now. Your recovery is kept: you need not prove anything again.",
			"You can go on with it from here, or from “Continue a recovery” below, within 15 minutes of its start.",
		},
		Form:    &form,
		LeadsOn: true,
	}
}

// Unjudged says that a proof could not be judged now, and that this ends nothing.
func Unjudged(form Form) Page {
	form.Button = "Ask me again"
	return Page{
		Title:   "Please try again in a moment",
		Text:    []string{"Your proof could not be checked just now, because a service that is needed cannot be reached. Nothing was refused, and what was accepted before is kept."},
		Form:    &form,
		LeadsOn: true,
	}
}

// Busy says that the recovery is being continued at this moment, as by a button that was pressed twice.
func Busy(form Form) Page {
	form.Button = "Continue"
	return Page{
		Title:   "This is being done just now",
		Text:    []string{"The same recovery is being continued at this moment, perhaps in another window. If nothing comes of it, continue here."},
		Form:    &form,
		LeadsOn: true,
	}
}

// SignIn is shown before the list of authenticators.
func SignIn(form Form) Page {
	form.Button = "Sign in to see your recovery methods"
	return Page{
		Title:   "Your recovery methods",
		Text:    []string{"After signing in you see what can recover your account, and can add to it or remove from it."},
		Form:    &form,
		LeadsOn: true,
	}
}

// SignInFailed is the same page after a sign-in that came to nothing.
func SignInFailed(form Form) Page {
	p := SignIn(form)
	p.Title = "You are not signed in"
	p.Text = []string{"The sign-in was cancelled, took too long, or is already over. Nothing was changed."}
	p.Form.Button = "Sign in again"
	return p
}

// SignedIn leads on after a sign-in, where the browser does not do so by itself.
func SignedIn(to string) Page {
	return Page{
		Title: "You are signed in",
		Text:  []string{"Your recovery methods come next."},
		Way:   &Link{"Go on to your recovery methods", to},
	}
}

// OtherAccount says that a sign-in that was to be repeated was somebody else's.
func OtherAccount(to string) Page {
	return Page{
		Title: "That was another account",
		Text:  []string{"You signed in with another account than the one that you were signed in with here. Nothing was changed."},
		Way:   &Link{"Go back to your recovery methods", to},
	}
}

// SignedOut ends a session of self-service.
func SignedOut(form Form) Page {
	p := SignIn(form)
	p.Title = "You are signed out here"
	p.Text = []string{"Nobody can see or change your recovery methods in this browser now. Applications that you use are not signed out by this."}
	p.Form.Quiet = true
	return p
}

func moment(t time.Time, never string) string {
	if t.IsZero() {
		return never
	}
	return t.UTC().Format("2 January 2006, 15:04 UTC")
}

// Problem says why a page cannot be shown. It tells of no account and of nothing internal.
func Problem(status int) Page {
	switch status {
	case 400:
		return Page{Title: "This cannot be answered", Text: []string{"The address or the form is not one that this site uses. Start again from the beginning."}}
	case 403:
		return Page{Title: "Not allowed", Text: []string{"This recovery cannot go on. If it is yours, start again, or give the reference to your help desk."}}
	case 404:
		return Page{Title: "Nothing here", Text: []string{"There is no such page."}}
	case 405:
		return Page{Title: "Not that way", Text: []string{"This address is not opened directly. Start again from the beginning."}}
	case 413:
		return Page{Title: "Too large", Text: []string{"What was sent is larger than this site takes."}}
	case 415:
		return Page{Title: "Not understood", Text: []string{"What was sent has a form that this site does not take."}}
	case 429:
		return Page{Title: "Too many requests", Text: []string{"Please wait a little and try again."}}
	case 503:
		return Page{Title: "Please try again in a moment", Text: []string{"A service that is needed cannot be reached just now. Nothing was lost."}}
	default:
		return Page{Title: "Something went wrong", Text: []string{"It was not your doing. Please try again later."}}
	}
}

// Over says that a code or a page has served its time.
func Over() Page {
	return Page{Title: "This has expired", Text: []string{"This code was used before or is too old. Run the command on your device again; that is all it takes."}}
}

// Stale says that a form did not come from a page that this browser was shown just now.
func Stale() Page {
	return Page{Title: "This page is out of date", Text: []string{"The form was sent from an old page, or from another site. Open the page again and repeat it."}}
}

// LoginTooLarge says that a sign-in cannot be kept for later.
func LoginTooLarge() Page {
	return Page{Title: "This sign-in cannot wait here", Text: []string{"The application's request is too long to be kept in this browser. Recover your account first and sign in afterwards."}}
}

// LeadHere stands where the identity provider's own recovery was, at whatever host, and leads to the issuer.
func LeadHere(issuer string) Page {
	return Page{
		Title: "Accounts are recovered elsewhere",
		Text:  []string{"This way to recover an account is switched off. There is another one that is open to you."},
		Way:   &Link{"Recover your account", issuer + "/"},
	}
}
