package doctor

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// places tell which addresses are those of one server. The zero one knows what is written, and nothing else.
type places struct {
	own   []netip.Addr            // of this machine, beyond loopback
	names map[string][]netip.Addr // what names were found at; a name that is missing stays one
}

// lookingUp bounds all look-ups together.
const lookingUp = 5 * time.Second

// LookUp asks once where the names lead that are dialled or called: one server may have several, and an address besides.
func (c *Config) LookUp(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, lookingUp)
	defer cancel()
	c.own, c.names = ownAddresses(), map[string][]netip.Addr{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, name := range c.dialledNames() {
		wg.Go(func() {
			found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", name)
			if err != nil {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			c.names[name] = found
		})
	}
	wg.Wait()
}

// dialledNames are those among all addresses that the configuration or the gateway leads to.
func (c Config) dialledNames() (names []string) {
	for _, address := range append(append(c.walk(nil).dials, c.Provider.URL), c.Provider.Admins()...) {
		host, _, err := net.SplitHostPort(target(address))
		if err != nil || host == thisMachine {
			continue
		}
		if _, err := netip.ParseAddr(host); err != nil {
			names = append(names, host)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// of are all ways to write a target: as it is, and by the addresses at which its name was found.
func (p places) of(target string) []string {
	host, port, err := net.SplitHostPort(target)
	if err != nil {
		return nil
	}
	all := []string{p.at(host, port)}
	for _, a := range p.names[host] {
		all = append(all, p.at(a.String(), port))
	}
	return all
}

// at is a target, alike for all addresses of this machine: a server there mostly listens at each.
func (p places) at(host, port string) string {
	if a, err := netip.ParseAddr(host); err == nil {
		a = a.Unmap()
		if host = a.String(); a.IsUnspecified() || a.IsLoopback() || slices.Contains(p.own, a) {
			host = thisMachine
		}
	}
	return net.JoinHostPort(host, port)
}

// same tells whether two targets are one server's. Two names of one address may be those of several behind it, which is not certain.
func (p places) same(one, other string) (same, certain bool) {
	if one == other {
		return one != "", true
	}
	ones, others := p.of(one), p.of(other)
	same = slices.ContainsFunc(ones, func(at string) bool { return slices.Contains(others, at) })
	return same, len(ones) == 1 || len(others) == 1
}

// among tells whether a target is one of several, and whether that is certain.
func (p places) among(targets []string, to string) (found, certain bool) {
	for _, t := range targets {
		same, sure := p.same(t, to)
		found, certain = found || same, certain || same && sure
	}
	return found, certain
}
