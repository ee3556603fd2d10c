package kratos

import (
	"strconv"
	"time"

	"github.com/regrant/regrant/internal/setup"
)

const (
	recoveryEnabled  = "selfservice.flows.recovery.enabled"
	recoveryUI       = "selfservice.flows.recovery.ui_url"
	verificationUse  = "selfservice.flows.verification.use"
	privilegedAge    = "selfservice.flows.settings.privileged_session_max_age"
	settingsAAL      = "selfservice.flows.settings.required_aal"
	codeEnabled      = "selfservice.methods.code.enabled"
	codePasswordless = "selfservice.methods.code.passwordless_enabled"
	linkEnabled      = "selfservice.methods.link.enabled"
	returnURLs       = "selfservice.allowed_return_urls"
	whoamiAAL        = "session.whoami.required_aal"
	continueWith     = "feature_flags.use_continue_with_transitions"
	maxPrivilegedAge = 15 * time.Minute
	writtenMaxAge    = `"15m"`
	byLink           = "link"
	highest          = "highest_available"
)

// wanted is a setting as it should be.
type wanted struct {
	path, why string
	written   string         // the value, as it is written where it is not right yet
	right     func(any) bool // whether what is there serves as well; nil is what is missing
	unless    string         // when it is to be left out, in words, for whoever merges it by hand; "": never
}

func (w wanted) want(now setup.State) (setup.State, error) {
	value, err := valueOf(now)
	if err != nil {
		return nil, err
	}
	if w.right(value) {
		return now, nil
	}
	return setup.State{"written": w.written}, nil
}

// flag is a setting that is on or off; missing is what Kratos takes it for where it is not there.
func flag(path string, on, missing bool, why string) wanted {
	return wanted{path: path, why: why, written: strconv.FormatBool(on), right: func(v any) bool { return v == on || v == nil && missing == on }}
}

// wanted are the settings in the order in which they are written: in between, Kratos runs with each of them.
func (o Options) wanted(c config) []wanted {
	list := []wanted{
		flag(codeEnabled, true, true, "a recovery by the gateway ends in a code of this method, which nobody but the gateway sees"),
		{privilegedAge, "how long a session that somebody left open changes the credentials of an account", writtenMaxAge, shortEnough, "your file has less"},
	}
	if o.RecoveryUI != "" {
		address := o.Origin + o.RecoveryUI
		list = append(list, wanted{path: recoveryUI, why: "the page for recovery lies where the gateway can lead people on from it", written: strconv.Quote(address), right: func(v any) bool { return v == address }})
	}
	if o.SessionTokens {
		list = append(list, flag(continueWith, true, false, "without, Kratos gives programs no session token for a recovery; native apps then get continue_with after a recovery instead of an error"))
	}
	if o.CloseCodeLogin {
		list = append(list, flag(codePasswordless, false, false, "a sign-in by nothing but a mailed code is a recovery by mail under another name; whoever has no other way to sign in needs a recovery then"))
	}
	if o.Strict {
		list = append(list, flag(recoveryEnabled, false, false, "mode strict: nothing is mailed, also to whoever goes around the gateway; the gateway's own codes still work"))
		if c.text(verificationUse) != byLink {
			closed := flag(linkEnabled, false, true, "mode strict: a link that the admin API made or that was mailed before opens no account")
			closed.unless = verificationUse + " is " + byLink + ", with which addresses are verified"
			list = append(list, closed)
		}
	}
	return list
}

func shortEnough(value any) bool {
	text, _ := value.(string)
	age, err := time.ParseDuration(text)
	return err == nil && age > 0 && age <= maxPrivilegedAge
}
