package upstream

import (
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strings"
	"unicode/utf8"
)

// Canonical reports whether the path of u is in the one form in which every
// server reads it alike. It is judged as it is going to be sent
// ([url.URL.EscapedPath]), before anything normalises it.
//
// Refused are: empty and dot segments, matrix parameters (";"), backslashes,
// control bytes, bytes that are not UTF-8, encoded separators, encoded percent
// signs (a second decoding would find more), and percent-encoding of
// characters that need none. One trailing slash is canonical. A canonical path
// without percent-encoding is found so without an allocation.
//
// A query with a "#" is refused, too. There is none in a request (RFC 9112
// section 3.2), so some servers end the query there, and others do not.
func Canonical(u *url.URL) bool {
	p := u.EscapedPath()
	if strings.IndexByte(u.RawQuery, '#') >= 0 {
		return false
	}
	if u.Opaque != "" || u.RawPath != "" && u.RawPath != p {
		return false // what came differs from what would be sent
	}
	if p == "" || p[0] != '/' {
		return false
	}
	for rest := p[1:]; rest != ""; {
		segment, next, more := strings.Cut(rest, "/")
		if segment == "" || segment == "." || segment == ".." || !canonicalSegment(segment) {
			return false
		}
		if !more {
			break
		}
		rest = next
	}
	return utf8.ValidString(u.Path)
}

// canonicalSegment checks the bytes of one escaped path segment.
func canonicalSegment(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '%' {
			if i+2 >= len(s) {
				return false
			}
			c = unhex(s[i+1])<<4 | unhex(s[i+2])
			if unreserved(c) || c < 0x20 || c == 0x7f || strings.IndexByte(`/\;%?#`, c) >= 0 {
				return false
			}
			i += 2
			continue
		}
		if c <= 0x20 || c >= 0x7f || c == ';' || c == '\\' {
			return false
		}
	}
	return true
}

// unreserved are the characters that never need percent-encoding (RFC 3986,
// section 2.3).
func unreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c == '-' || c == '.' || c == '_' || c == '~'
}

func unhex(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	}
	return 0
}

// Readings are the paths that servers could make of u: decoded once or twice, with
// backslashes taken for slashes or not, with matrix parameters cut or not, and
// with empty and dot segments resolved after that. Use them only on a path that
// is not [Canonical], to find out whether it could reach a route that must not be
// reached in disguise. No reading is the widest: `/a/b/..;/../c` is `/a/b/c` to
// who does not know matrix parameters, and `/c` to who does.
func Readings(u *url.URL) []string {
	decoded := u.Path
	if u.Opaque != "" {
		decoded = u.Opaque
	}
	spelled := []string{decoded}
	if again, err := url.PathUnescape(decoded); err == nil && again != decoded {
		spelled = append(spelled, again)
	}
	var readings []string
	for _, s := range spelled {
		slashed := strings.ReplaceAll(s, `\`, "/")
		for _, way := range []string{s, slashed, withoutMatrix(s), withoutMatrix(slashed)} {
			if reading := path.Clean("/" + way); !slices.Contains(readings, reading) {
				readings = append(readings, reading)
			}
		}
	}
	return readings
}

// Spelled judges how the path of u is written. A canonical one has one reading, so
// that whoever asks may go on to compare it. Any other is refused if one of its
// readings concerns a route that must not be reached in disguise, and else passes.
func Spelled(u *url.URL, concerns func(path string) bool) (v Verdict, canonical bool) {
	if Canonical(u) {
		return Verdict{}, true
	}
	if slices.ContainsFunc(Readings(u), concerns) {
		return Verdict{Kind: NotCanonical, Reason: "path not canonical"}, false
	}
	return Verdict{}, false
}

// Below is what a server makes of a path in its normal form ([Canonical]) whose prefix the site takes off before it; false: the path has no such prefix. Caddy
// compares the prefix in any case of letters, and strips it without a look at what follows: of `/PUBLIC/x`, `/publicx` and
// `/public./x` a server behind `/public` sees `/x`.
func Below(prefix, p string) (string, bool) {
	if len(p) < len(prefix) || !strings.EqualFold(p[:len(prefix)], prefix) {
		return "", false
	}
	rest := p[len(prefix):]
	if strings.HasPrefix(rest, "/") { // of a path in its normal form the rest is in its own
		return rest, true
	}
	return path.Clean("/" + rest), true
}

// withoutMatrix cuts the matrix parameters off each segment.
func withoutMatrix(path string) string {
	segments := strings.Split(path, "/")
	for i, s := range segments {
		segments[i], _, _ = strings.Cut(s, ";")
	}
	return strings.Join(segments, "/")
}

// Base tells whether s is the address of an API to which paths can be added: http
// or https, with a path or none, and without a slash at its end.
func Base(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" &&
		s == u.Scheme+"://"+u.Host+u.Path && !strings.HasSuffix(s, "/") && (u.Path == "" || Canonical(u))
}

// Loopback tells whether a host, as in a URL without brackets and port, is this
// machine alone: what is sent there crosses no network.
func Loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && addr.Unmap().IsLoopback()
}

// Page tells whether s is the path of a page of its own, as a guard can compare it.
func Page(s string) bool {
	return len(s) > 1 && strings.HasPrefix(s, "/") && Canonical(&url.URL{Path: s})
}
