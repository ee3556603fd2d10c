package faults

import (
	"net"
	"net/url"

	"github.com/regrant/regrant/internal/doctor"
)

// exposed are ports of loopback that take connections at an address of this machine that others reach, too, as those of a server
// do that listens everywhere.
type exposed []net.Listener

// add tells whether there is such an address.
func (x *exposed) add(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	for _, a := range doctor.NewSite(doctor.Deployment{}, nil).Addresses {
		if l, err := net.Listen("tcp", net.JoinHostPort(a.String(), u.Port())); err == nil {
			*x = append(*x, l)
			return true
		}
	}
	return false
}

func (x exposed) end() {
	for _, l := range x {
		_ = l.Close()
	}
}
