package kratos

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/regrant/regrant/upstream"
)

// config is what the file says, by value.
type config struct{ all map[string]any }

func (s *Server) config() (config, error) {
	d, err := s.document()
	if err != nil {
		return config{}, err
	}
	all, err := d.values()
	return config{all}, err
}

// at is the value of a path, nil if there is none.
func (c config) at(path string) any {
	var value any = c.all
	for word := range strings.SplitSeq(path, ".") {
		inner, ok := value.(map[string]any)
		if !ok {
			return nil
		}
		value = inner[word]
	}
	return value
}

func (c config) text(path string) string {
	text, _ := c.at(path).(string)
	return text
}

// page is the path of the page for recovery, if that is at the gateway's site, or will be.
func (c config) page(o Options) string {
	if o.RecoveryUI != "" {
		return o.RecoveryUI
	}
	path, ok := strings.CutPrefix(c.text(recoveryUI), o.Origin+"/")
	if !ok || path == "" || strings.ContainsAny(path, "?#") {
		return ""
	}
	return "/" + path
}

// basePath is the path of the public API at the gateway's site, "" also where it is not there.
func (c config) basePath(o Options) string {
	path, below := strings.CutPrefix(c.text("serve.public.base_url"), o.Origin+"/")
	if path = strings.TrimSuffix(path, "/"); !below || path == "" {
		return ""
	}
	return "/" + path
}

// notes are what a person should know of the file. None of it is changed here.
func (c config) notes(o Options) (notes []string) {
	base := c.text("serve.public.base_url")
	admin := c.text("serve.admin.host")
	for _, n := range []struct {
		so   bool
		text string
	}{
		{!o.Strict && c.at(recoveryEnabled) == true, "Kratos still mails whatever opens an account, to whoever reads the mailbox: mode strict ends that"},
		{!o.Strict && c.at(recoveryEnabled) != true, "Kratos' own recovery is off already, and is left so"},
		{o.Strict && c.text(verificationUse) == byLink && c.at(linkEnabled) != false, "addresses are verified by link (" + verificationUse + "), so " + linkEnabled + " is left on: with code in its place, this command turns links off"},
		{c.at(codePasswordless) == true && !o.CloseCodeLogin, codePasswordless + " is on: whoever reads the mailbox signs in without any recovery, and goes around this gateway. --close-code-login turns it off; people who have no other way to sign in then need a recovery"},
		{c.at("selfservice.methods.code.passwordless_login_fallback_enabled") == true, "selfservice.methods.code.passwordless_login_fallback_enabled is on: whoever reads the mailbox signs in without any recovery"},
		{c.at(settingsAAL) != nil && c.text(settingsAAL) != highest, settingsAAL + " is not " + highest + ": a session with one factor changes the second. It is left so, because a login app that cannot ask for the second factor would lock people out"},
		{c.at(whoamiAAL) != nil && c.text(whoamiAAL) != highest, whoamiAAL + " is not " + highest + ": applications take a session with one factor for one with two. It is left so, because a login app that cannot ask for the second factor would lock people out"},
		{!upstream.Loopback(strings.Trim(admin, "[]")), fmt.Sprintf("serve.admin.host is %q: the admin API listens beyond this machine and asks nobody for a password. Let it listen where the gateway alone can connect, and restart Kratos", admin)},
		{base != o.Origin && !strings.HasPrefix(base, o.Origin+"/"), fmt.Sprintf("serve.public.base_url is not below %s: people would go past the gateway. Set it, and restart Kratos", o.Origin)},
		{c.page(o) == "", recoveryUI + " is not at " + o.Origin + ": the gateway cannot lead people on from there. --recovery-ui PATH sets it"},
		{c.text("cookies.same_site") == "None", "cookies.same_site is None: other sites send requests with people's sessions"},
		{c.text("cookies.domain") != "" && c.text("cookies.domain") != host(o.Origin), "cookies.domain is wider than the gateway's site: every host below it sees people's sessions"},
	} {
		if n.so {
			notes = append(notes, n.text)
		}
	}
	return append(notes, c.wideReturns()...)
}

// wideReturns are the places to which a link could lead people on that are not one known site.
func (c config) wideReturns() (notes []string) {
	list, _ := c.at(returnURLs).([]any)
	for _, one := range list {
		text, _ := one.(string)
		u, err := url.Parse(text)
		if err != nil || strings.Contains(text, "*") || u.Scheme == "http" && !upstream.Loopback(u.Hostname()) {
			notes = append(notes, fmt.Sprintf("%s has %q: a link can lead people on to hosts that are not named, or without TLS", returnURLs, text))
		}
	}
	return notes
}

func host(origin string) string {
	u, err := url.Parse(origin)
	if err != nil {
		return ""
	}
	return u.Hostname()
}
