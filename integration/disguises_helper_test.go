package integration

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/regrant/regrant/integration/verbatim"
)

// disguise is a way to write a request so that a server may take it for another than a proxy does.
type disguise struct {
	name string
	open bool // none, really: whoever reads it knows which route it is
	wear func(r verbatim.Request) verbatim.Request
}

// asItIs is the name of the disguise that is none.
const asItIs = "as it is"

// harmless stands in a disguise for a path of the identity provider's that everybody may ask for.
const harmless = "/.well-known/openid-configuration"

// disguises are tried on every route of every identity provider. One that changes nothing about a request is left out.
func disguises() (all []disguise) {
	all = append(all, disguise{asItIs, true, func(r verbatim.Request) verbatim.Request { return r }})
	for name, edit := range segmentEdits {
		for i := range 6 {
			all = append(all, disguise{fmt.Sprintf("segment %d %s", i+1, name), false, path(func(p string) string {
				segments := strings.Split(p, "/")
				if i+1 < len(segments) {
					segments[i+1] = edit(segments[i+1])
				}
				return strings.Join(segments, "/")
			})})
		}
	}
	for _, between := range separators {
		for i := range 6 {
			all = append(all, disguise{fmt.Sprintf("%q before segment %d", between, i+1), false, path(func(p string) string {
				segments := strings.SplitN(p, "/", i+2)
				if len(segments) < i+2 {
					return p
				}
				last := len(segments) - 1
				return strings.Join(segments[:last], "/") + between + segments[last]
			})})
		}
	}
	for _, end := range endings {
		all = append(all, disguise{fmt.Sprintf("ends in %q", end), false, path(func(p string) string { return p + end })})
	}
	for _, start := range beginnings {
		all = append(all, disguise{fmt.Sprintf("begins with %q", start), false, path(func(p string) string { return start + strings.TrimPrefix(p, "/") })})
	}
	return append(append(append(all, openForms()...), queries()...), headers()...)
}

// path changes the path of the target and leaves the query.
func path(change func(string) string) func(verbatim.Request) verbatim.Request {
	return func(r verbatim.Request) verbatim.Request {
		p, query, found := strings.Cut(r.Target, "?")
		if r.Target = change(p); found {
			r.Target += "?" + query
		}
		return r
	}
}

func first(s string, change func(byte) string) string {
	if s == "" {
		return s
	}
	return change(s[0]) + s[1:]
}

func spelled(format string) func(string) string {
	return func(s string) string { return first(s, func(c byte) string { return fmt.Sprintf(format, c) }) }
}

func every(format string) func(string) string {
	return func(s string) (out string) {
		for _, c := range []byte(s) {
			out += fmt.Sprintf(format, c)
		}
		return out
	}
}

func followed(by string) func(string) string { return func(s string) string { return s + by } }

var segmentEdits = map[string]func(string) string{
	"with a matrix parameter":      followed(";x=y"),
	"with a session id":            followed(";jsessionid=1"),
	"with a semicolon":             followed(";"),
	"with an encoded semicolon":    followed("%3bx"),
	"encoded in one letter":        spelled("%%%02x"),
	"encoded in one letter, upper": spelled("%%%02X"),
	"encoded in every letter":      every("%%%02x"),
	"encoded twice":                spelled("%%25%02x"),
	"encoded twice throughout":     every("%%25%02x"),
	"as of JavaScript":             spelled("%%u%04x"),
	"overlong":                     spelled("%%c1%%%02x"),
	"with a hyphen encoded":        func(s string) string { return strings.ReplaceAll(s, "-", "%2d") },
	"with an underscore":           func(s string) string { return strings.ReplaceAll(s, "-", "_") },
	"capitalised":                  func(s string) string { return first(s, func(c byte) string { return strings.ToUpper(string(c)) }) },
	"in capitals":                  strings.ToUpper,
	"full-width":                   func(s string) string { return first(s, func(c byte) string { return string(rune(c) - 0x21 + 0xff01) }) },
	"full-width, encoded": func(s string) string {
		return first(s, func(c byte) string { return url.PathEscape(string(rune(c) - 0x21 + 0xff01)) })
	},
	"with a dot":              followed("."),
	"with a space":            followed("%20"),
	"with a plus":             followed("+"),
	"with a NUL":              followed("%00"),
	"with a tab":              followed("%09"),
	"with a line feed":        followed("%0a"),
	"with a zero-width space": followed("%e2%80%8b"),
	"with a soft hyphen":      followed("%c2%ad"),
	"with a question mark":    followed("%3f"),
	"with a hash":             followed("%23"),
}

var (
	separators = []string{
		"//", "///", "/./", "/%2e/", "/x/../", "/x/%2e%2e/", "/x/.%2e/", "/x/%2E./", "/x/..;/", "/x/..;y=z/", "/;/", "/;x=y/", `\`, `/\`, "%5c", "%2f", "%2F/",
		"%252f", "%c0%af", "%ef%bc%8f", "/%20/", "/%00/", "/\t/",
	}
	endings = []string{
		"//", "/.", "/./", "/..", "/x/..", "/x/../", "/%2e", "/x/%2e%2e", "/;", "/;x", ".html", ".json", "%00.css", "/extra", "/extra/..;/", "%2f", "%5c", `\`, "#", "#x",
		"\t", "\x0b", "%23x", "%3fx", "*", "~", ":", "%",
	}
	beginnings = []string{
		"", "//", "///", `\`, `/\`, "/./", "/../", "/x/../", "/%2e%2e/", "/auth/", "/recovery/../", "/recovery/%2e%2e/", "/recovery/..%2f", "/recovery/..;/", "/recovery//",
		"/recovery/.well-known/../../", "//localhost/", "/localhost//", "/;/", "/%2f", "*", "?/",
	}
)

// openForms hide nothing: methods, ways to name the server, and what HTTP lets everybody write otherwise.
func openForms() (all []disguise) {
	add := func(name string, wear func(r verbatim.Request) verbatim.Request) {
		all = append(all, disguise{name, true, wear})
	}
	for _, method := range []string{"GET", "HEAD", "POST", "OPTIONS", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "PROPFIND", "FROBNICATE", "get", "delete", "Post"} {
		add("by "+method, func(r verbatim.Request) verbatim.Request { r.Method = method; return r })
	}
	add("by HTTP/1.0", func(r verbatim.Request) verbatim.Request { r.Proto = verbatim.HTTP10; return r })
	add("ends in /", path(followed("/")))
	for _, origin := range []string{"https://{host}", "http://{host}", "HTTPS://{host}", "https://u:p@{host}", "http://evil.example", "https://evil.example:1", "ws://{host}", "https:", "//{host}"} {
		add("absolute form "+origin, func(r verbatim.Request) verbatim.Request {
			r.Target = strings.Replace(origin, "{host}", r.Host, 1) + r.Target
			return r
		})
	}
	for name, change := range map[string]func(string) string{
		"in capitals": strings.ToUpper, "with a dot": func(h string) string { return strings.Replace(h, ":", ".:", 1) },
		"without a port": func(h string) string { h, _, _ = strings.Cut(h, ":"); return h }, "by address": func(h string) string { return strings.Replace(h, "localhost", "127.0.0.1", 1) },
		"of somebody else": func(string) string { return "evil.example" }, "missing": func(string) string { return "" },
	} {
		add("host "+name, func(r verbatim.Request) verbatim.Request { r.Host = change(r.Host); return r })
	}
	return all
}

// queries leave the path and write the query in other ways. A query that holds the route is hidden by that; a path is not.
func queries() (all []disguise) {
	for name, change := range map[string]func(q string) string{
		"after an empty pair": func(q string) string { return "&" + q }, "after another": func(q string) string { return "x=y&" + q }, "after a semicolon": func(q string) string { return "x=y;" + q },
		"between semicolons": func(q string) string { return strings.ReplaceAll(q, "&", ";") }, "as in HTML": func(q string) string { return strings.ReplaceAll(q, "&", "&amp;") },
		"after a question mark": func(q string) string { return "?" + q }, "before a hash": func(q string) string { return q + "#x" }, "after a hash": func(q string) string { return "#" + q },
		"twice": func(q string) string { return q + "&" + q }, "with names encoded": eachPair(func(k, v string) string { return every("%%%02x")(k) + "=" + v }),
		"with names in capitals": eachPair(func(k, v string) string { return strings.ToUpper(k) + "=" + v }), "with values encoded": eachPair(func(k, v string) string { return k + "=" + every("%%%02x")(plainly(v)) }),
		"with names as lists": eachPair(func(k, v string) string { return k + "[]=" + v }), "with a NUL after names": eachPair(func(k, v string) string { return k + "%00=" + v }),
		"with a space before names": eachPair(func(k, v string) string { return "+" + k + "=" + v }), "with a space before values": eachPair(func(k, v string) string { return k + "=+" + v }),
		"with a space after values": eachPair(func(k, v string) string { return k + "=" + v + "%20" }), "with a NUL after values": eachPair(func(k, v string) string { return k + "=" + v + "%00" }),
		"with more after values": eachPair(func(k, v string) string { return k + "=" + v + ":x" }), "with one more = ": eachPair(func(k, v string) string { return k + "==" + v }),
		"with an empty value first": eachPair(func(k, v string) string { return k + "=&" + k + "=" + v }), "with an empty value last": eachPair(func(k, v string) string { return k + "=" + v + "&" + k + "=" }),
		"with a harmless value first": eachPair(func(k, v string) string { return k + "=a.e30.c&" + k + "=" + v }), "with broken encoding": func(q string) string { return q + "&%zz=%" },
		"with an overlong name": eachPair(func(k, v string) string { return spelled("%%c1%%%02x")(k) + "=" + v }), "with a method": func(q string) string { return q + "&_method=GET" },
	} {
		all = append(all, disguise{"query " + name, true, func(r verbatim.Request) verbatim.Request {
			if p, q, found := strings.Cut(r.Target, "?"); found {
				r.Target = p + "?" + change(q)
			}
			return r
		}})
	}
	return all
}

func plainly(s string) string {
	if text, err := url.QueryUnescape(s); err == nil {
		return text
	}
	return s
}

func eachPair(change func(k, v string) string) func(string) string {
	return func(q string) string {
		pairs := strings.Split(q, "&")
		for i, p := range pairs {
			k, v, _ := strings.Cut(p, "=")
			pairs[i] = change(k, v)
		}
		return strings.Join(pairs, "&")
	}
}

// headers tell a server behind the proxy that it was asked for something else.
func headers() (all []disguise) {
	with := func(r verbatim.Request, name, value string) verbatim.Request {
		r.Header = append(r.Header[:len(r.Header):len(r.Header)], [2]string{name, value})
		return r
	}
	for _, name := range []string{"X-Original-URL", "X-Rewrite-URL", "X-Original-URI", "X-Forwarded-Uri", "X-Forwarded-Path", "X-Accel-Redirect", "X-Forwarded-Prefix", "Destination"} {
		all = append(all, disguise{name + " and a harmless path", false, func(r verbatim.Request) verbatim.Request {
			hidden := r.Target
			r.Target = harmless
			return with(r, name, hidden)
		}}, disguise{name + " with a harmless path", true, func(r verbatim.Request) verbatim.Request { return with(r, name, harmless) }})
	}
	for _, name := range []string{"X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"} {
		for _, method := range []string{"GET", "POST", "HEAD"} {
			all = append(all, disguise{"by " + method + " with " + name, true, func(r verbatim.Request) verbatim.Request {
				real := r.Method
				r.Method = method
				return with(r, name, real)
			}})
		}
	}
	for _, h := range [][2]string{{"X-Forwarded-Host", "evil.example"}, {"X-Forwarded-Proto", "http"}, {"X-Forwarded-For", "127.0.0.1"}, {"Forwarded", "host=evil.example;for=127.0.0.1"}, {"Expect", "100-continue"}, {"Transfer-Encoding", "identity"}} {
		all = append(all, disguise{h[0] + ": " + h[1], true, func(r verbatim.Request) verbatim.Request { return with(r, h[0], h[1]) }})
	}
	return all
}
