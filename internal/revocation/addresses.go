package revocation

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"syscall"
)

// errNotPublic ends a connection to an address that a redirect must not lead to.
var errNotPublic = errors.New("redirected to an address that is not public")

// onlyPublic is the Control of a dialer. It judges the address that is about to be connected to, after the name was
// resolved, so that a name that resolves differently from one moment to the next (DNS rebinding) gains nothing.
func onlyPublic(_, address string, _ syscall.RawConn) error {
	a, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("connecting to an address that cannot be read: %w", err)
	}
	if !public(a.Addr()) {
		return errNotPublic
	}
	return nil
}

// public tells whether a can belong to a server on the public Internet.
func public(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if a.Is6() && !globalUnicast.Contains(a) {
		return false
	}
	return !slices.ContainsFunc(special, func(p netip.Prefix) bool { return p.Contains(a) })
}

// globalUnicast is all that IPv6 has given out (RFC 4291 section 2.4). Outside of it lie loopback, link-local, unique local
// and multicast addresses, and 64:ff9b::/96, behind which NAT64 reaches any IPv4 address.
var globalUnicast = netip.MustParsePrefix("2000::/3")

// special are the blocks of the IANA special-purpose registries (RFC 6890), multicast, and what carries an IPv4 address in it.
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("10.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"),
	netip.MustParsePrefix("127.0.0.0/8"),
	netip.MustParsePrefix("169.254.0.0/16"),
	netip.MustParsePrefix("172.16.0.0/12"),
	netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"),
	netip.MustParsePrefix("192.88.99.0/24"),
	netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"),
	netip.MustParsePrefix("224.0.0.0/3"), // multicast, reserved, broadcast
	netip.MustParsePrefix("2001::/23"),   // Teredo among others
	netip.MustParsePrefix("2001:db8::/32"),
	netip.MustParsePrefix("2002::/16"), // 6to4
	netip.MustParsePrefix("3fff::/20"),
}
