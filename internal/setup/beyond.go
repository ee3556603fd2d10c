package setup

import (
	"context"
	"net"
	"net/url"
	"time"

	"github.com/regrant/regrant/upstream"
)

// Beyond are the addresses of this machine at which others reach an admin API that is called on its loopback. Answers tells
// whether the API answers at an address.
func Beyond(ctx context.Context, admin string, answers func(ctx context.Context, address string) bool) (found []string) {
	u, err := url.Parse(admin)
	if err != nil || !upstream.Loopback(u.Hostname()) || u.Port() == "" {
		return nil
	}
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	for _, a := range addresses {
		network, ok := a.(*net.IPNet)
		if !ok || network.IP.IsLoopback() || network.IP.IsLinkLocalUnicast() {
			continue
		}
		other := u.Scheme + "://" + net.JoinHostPort(network.IP.String(), u.Port())
		short, cancel := context.WithTimeout(ctx, time.Second)
		if answers(short, other+u.Path) {
			found = append(found, other)
		}
		cancel()
	}
	return found
}
