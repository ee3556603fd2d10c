package certpath

import (
	"net"
	"net/url"
	"strings"
)

// inDomain tells whether a DNS name is base or below it. A wildcard stands for every label in its place: it is excluded when one of
// the names that it stands for is.
func inDomain(base, name string, excluded bool) (in, ok bool) {
	rest, wildcard := strings.CutPrefix(name, "*.")
	if !isDomain(rest) {
		return false, false
	}
	if base == "" {
		return true, true
	}
	if wildcard && excluded {
		_, parent, _ := strings.Cut(base, ".")
		if strings.EqualFold(parent, rest) {
			return true, true
		}
	}
	if wildcard {
		return below(rest, base) || strings.EqualFold(rest, base), true
	}
	return strings.EqualFold(name, base) || below(name, base), true
}

// inMailboxes tells whether an e-mail address is the one, at the host, or (base with a leading period) in the domain that base names.
// The part before the @ is compared as it is written, the host without regard to case.
func inMailboxes(base, name string) (in, ok bool) {
	local, host, ok := cutMailbox(name)
	if !ok || !isDomain(host) {
		return false, false
	}
	if wantLocal, wantHost, mailbox := cutMailbox(base); mailbox {
		return local == wantLocal && strings.EqualFold(host, wantHost), true
	}
	return inHost(base, host), true
}

// inHosts tells whether the host of a URI is the one, or in the domain, that base names. Where URIs are constrained, each needs a host with a
// name (RFC 5280 section 4.2.1.10).
func inHosts(base, name string) (in, ok bool) {
	u, err := url.Parse(name)
	if err != nil || !isDomain(u.Hostname()) || net.ParseIP(u.Hostname()) != nil {
		return false, false
	}
	return inHost(base, u.Hostname()), true
}

func inHost(base, host string) bool {
	if domain, ok := strings.CutPrefix(base, "."); ok {
		return below(host, domain)
	}
	return base == "" || strings.EqualFold(host, base)
}

func inRange(base, address string) (in, ok bool) {
	if len(address) != net.IPv4len && len(address) != net.IPv6len {
		return false, false
	}
	if len(base) != 2*len(address) {
		return false, true // of the other family
	}
	for i := range len(address) {
		if mask := base[len(address)+i]; address[i]&mask != base[i]&mask {
			return false, true
		}
	}
	return true, true
}

// below tells whether name has at least one label before domain.
func below(name, domain string) bool {
	cut := len(name) - len(domain)
	return cut > 1 && name[cut-1] == '.' && strings.EqualFold(name[cut:], domain)
}

func trimPeriod(s string) string { return strings.TrimPrefix(s, ".") }

// cutMailbox takes an address apart at its only @.
func cutMailbox(s string) (local, host string, ok bool) {
	local, host, ok = strings.Cut(s, "@")
	return local, host, ok && local != "" && !strings.Contains(host, "@")
}

// isDomain tells whether s is a host name in its preferred syntax (RFC 1034 section 3.5), or has underscores besides.
func isDomain(s string) bool {
	if s == "" || len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || strings.IndexFunc(label, notInLabel) >= 0 {
			return false
		}
	}
	return true
}

func notInLabel(r rune) bool {
	return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-' || r == '_')
}
