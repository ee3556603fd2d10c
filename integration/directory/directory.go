// Package directory starts a throw-away OpenLDAP on loopback, from which an identity provider takes users.
package directory

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/regrant/regrant/integration/child"
)

// Names in the directory.
const (
	People   = "ou=people,dc=example,dc=com"
	Admin    = "cn=admin,dc=example,dc=com"
	Password = "admin-password" // Admin's
)

const settings = `include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
database mdb
suffix "dc=example,dc=com"
rootdn "%s"
rootpw %s
directory %s
`

const top = `dn: dc=example,dc=com
objectClass: dcObject
objectClass: organization
o: Example
dc: example

dn: ou=people,dc=example,dc=com
objectClass: organizationalUnit
ou: people
`

// Server is a running directory.
type Server struct {
	URL string

	process *child.Child
}

// Missing says that OpenLDAP has to be installed, or nil.
func Missing() error {
	for _, program := range []string{"slapd", "slapadd"} {
		if _, err := exec.LookPath(path(program)); err != nil {
			return errors.New("OpenLDAP's slapd is missing; Debian has it in the package slapd")
		}
	}
	return nil
}

// path is where a program is that is not for everybody.
func path(program string) string {
	if found, err := exec.LookPath(program); err == nil {
		return found
	}
	return "/usr/sbin/" + program
}

// Start starts it in dir, which must exist, with people of these names: each signs in with the password NAME-password.
func Start(ctx context.Context, dir string, port int, log io.Writer, people ...string) (*Server, error) {
	if err := Missing(); err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		return nil, err
	}
	config := filepath.Join(dir, "slapd.conf")
	if err := os.WriteFile(config, fmt.Appendf(nil, settings, Admin, Password, data), 0o600); err != nil {
		return nil, err
	}
	fill := exec.CommandContext(ctx, path("slapadd"), "-f", config) //nolint:gosec // a program of the system
	fill.Stdin = strings.NewReader(top + entries(people))
	if out, err := fill.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("filling the directory: %w: %s", err, out)
	}
	address := fmt.Sprintf("127.0.0.1:%d", port)
	s := &Server{URL: "ldap://" + address}
	run := exec.Command(path("slapd"), "-f", config, "-h", s.URL, "-d", "0") //nolint:gosec // a program of the system
	run.Stdout, run.Stderr = log, log
	var err error
	if s.process, err = child.Start(run, syscall.SIGTERM); err != nil {
		return nil, err
	}
	return s, s.process.Await(ctx, 30*time.Second, "the directory", func() bool {
		conn, err := net.Dial("tcp", address)
		return err == nil && conn.Close() == nil
	})
}

// Stop ends it.
func (s *Server) Stop() { s.process.Stop() }

func entries(people []string) string {
	var b strings.Builder
	for _, name := range people {
		fmt.Fprintf(&b, "\ndn: uid=%[1]s,%[2]s\nobjectClass: inetOrgPerson\nuid: %[1]s\ncn: %[1]s\nsn: %[1]s\ngivenName: %[1]s\nmail: %[1]s@example.com\nuserPassword: %[1]s-password\n",
			name, People)
	}
	return b.String()
}
